// What all parts of the page use: elements, texts, the run, and the signatures of requests.

export const base = "/_visitplannr/";
export const $ = (id) => document.getElementById(id);

export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== undefined));
  return element;
}

export const clock = (at) => new Date(at).toTimeString().slice(0, 8);
export const count = (n) => n.toLocaleString("en");
export const many = (n, word) => `${count(n)} ${word}${n === 1 ? "" : "s"}`;
export const isolate = (text) => `\u2068${text}\u2069`; // where no <bdi> can be: its direction stays its own
export const ms = (n) => n >= 100 ? n.toFixed(0) : n.toFixed(1);
export const parse = (text) => { try { return JSON.parse(text); } catch { return undefined; } };
export const pretty = (text) => { const value = parse(text); return value === undefined ? text : JSON.stringify(value, null, 2); };

export const run = await (await fetch(base + "run.json")).json();

// leaves lists the values of a schema, those that are not nested first.
export function leaves(schema, path = []) {
  if (schema.type !== "object") return [{ path, schema }];
  return Object.entries(schema.properties ?? {}).flatMap(([name, member]) => leaves(member, [...path, name]))
    .sort((a, b) => a.path.length - b.path.length);
}

export const unique = () => crypto.randomUUID?.() ?? [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");

// signature returns the headers that sign a request as the signer who is chosen, if there is one.
export async function signature(method, path, body = "") {
  if (!$("signer").value) return {};
  const query = new URLSearchParams({ as: $("signer").value, method, path });
  const signed = await fetch(`${base}sign?${query}`, { method: "POST", body });
  if (!signed.ok) throw new Error(await signed.text());
  return signed.json();
}
