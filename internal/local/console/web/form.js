// The form: what is sent to an endpoint, and what it answers.

import { connect, mark } from "./map.js";
import { $, leaves, make, ms, parse, pretty, run, signature, unique } from "./page.js";

let endpoint, fields, lastKey;

// onFollow sets what to do when somebody asks to follow the request with an id.
let followRequest = () => {};
export const onFollow = (follow) => { followRequest = follow; };

function field({ path, schema, parameter }) {
  const id = `field-${path.join("-")}`;
  const input = make("input", { id, type: "text", autocomplete: "off", spellcheck: "false",
    inputmode: schema.type === "number" ? "decimal" : undefined, "aria-describedby": `${id}-error ${id}-rule` });
  const error = make("p", { id: `${id}-error`, class: "error" });
  const rule = make("p", { id: `${id}-rule`, class: "note" }, schema.description ?? "");
  const element = make("div", { class: schema.type === "number" ? "field" : "field wide" },
    make("label", { for: id }, path.at(-1)), input, rule, error);
  input.addEventListener("input", () => { mark(); });
  return { path, schema, parameter, pointer: "#/" + path.join("/"), input, error, rule, element };
}

function choose(name) {
  endpoint = run.endpoints.find((e) => e.Function === name);
  const parameters = [...endpoint.Path.matchAll(/\{(\w+)\}/g)].map(([, parameter]) =>
    ({ path: [parameter], schema: { type: "string", description: "part of the path" }, parameter }));
  fields = [...parameters, ...(endpoint.Body ? leaves(endpoint.Body) : [])].map(field);
  $("fields").replaceChildren(...fields.map((f) => f.element));
  $("key-field").hidden = !endpoint.TakesKey;
  $("accept-field").hidden = !endpoint.Text;
  $("example").hidden = !endpoint.Body;
  $("send").textContent = endpoint.Method === "POST" ? "Propose" : "Send";
  mark();
}

function example() {
  for (const f of fields.filter((f) => !f.parameter)) {
    f.input.value = f.path.reduce((value, name) => value[name], run.samples[endpoint.Function]);
  }
  mark();
}

// isNumber knows the numbers of JSON. Number takes more, such as 0x14, +1 and nothing at all.
const isNumber = (text) => /^-?(0|[1-9]\d*)(\.\d+)?(e[+-]?\d+)?$/i.test(text?.trim());

// bodyOf makes the body from what is typed. Text that is not a number is sent as a
// string, so that the API reports the error.
function bodyOf() {
  const body = {};
  for (const { path, schema, input, parameter } of fields) {
    const typed = input.value;
    if (parameter || typed === "") continue;
    const parent = path.slice(0, -1).reduce((object, name) => object[name] ??= {}, body);
    parent[path.at(-1)] = schema.type === "number" && isNumber(typed) ? Number(typed) : typed;
  }
  return JSON.stringify(body);
}

const axis = (name) => fields.find((f) => f.schema.type === "number" && f.path.at(-1) === name)?.input;
function place() {
  const [latitude, longitude] = ["latitude", "longitude"].map((name) => axis(name)?.value);
  if (!isNumber(latitude) || !isNumber(longitude) || Math.abs(latitude) > 90 || Math.abs(longitude) > 180) return undefined;
  return { latitude: Number(latitude), longitude: Number(longitude) };
}

function setPlace(latitude, longitude) {
  if (!axis("latitude") || !axis("longitude")) return false;
  axis("latitude").value = latitude;
  axis("longitude").value = longitude;
  return true;
}

const chosen = (name) => document.querySelector(`input[name=${name}]:checked`).value;

async function send(submit) {
  submit.preventDefault();
  $("send").disabled = true;
  $("outcome").textContent = "";
  for (const f of fields) fail(f, "");
  const path = endpoint.Path.replaceAll(/\{(\w+)\}/g, (_, name) => encodeURIComponent(fields.find((f) => f.parameter === name).input.value));
  const headers = {}, body = endpoint.Body ? bodyOf() : undefined;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (endpoint.Text) headers.Accept = chosen("accept");
  if (endpoint.TakesKey && chosen("key") !== "none") {
    if (chosen("key") === "fresh") lastKey = unique();
    headers[run.keyHeader] = lastKey;
    document.querySelector("input[value=again]").disabled = false;
  }
  const curl = ["curl -i -X " + endpoint.Method, quote(location.origin + path),
    ...Object.entries(headers).map(([name, value]) => "-H " + quote(`${name}: ${value}`)), ...(body === undefined ? [] : ["-d " + quote(body)])];
  try {
    const signer = $("signer").value;
    if (signer) curl.splice(2, 0, run.signers[signer]);
    Object.assign(headers, await signature(endpoint.Method, path, body));
    performance.clearResourceTimings(); // it keeps no more than 250
    const response = await fetch(path, { method: endpoint.Method, headers, body, cache: "no-store", credentials: "omit" });
    const text = await response.text();
    const timing = performance.getEntriesByName(location.origin + path).at(-1); // without what the page itself takes
    exchange = {
      answer: [`HTTP/1.1 ${response.status} ${response.statusText}`, ...[...response.headers].map(([name, value]) => `${name}: ${value}`), "", pretty(text)].join("\n"),
      request: [`${endpoint.Method} ${path} HTTP/1.1`, `Host: ${location.host}`, ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`), "", body ?? ""].join("\n"),
      curl: curl.join(" "),
    };
    tell(response, parse(text), timing.responseEnd - timing.requestStart);
    show("answer");
  } catch (error) {
    $("outcome").className = "wrong";
    $("outcome").textContent = `No answer: ${error.message}`;
  } finally {
    $("send").disabled = false;
  }
}

// tell says how a request went, and marks the fields that a problem points to.
function tell(response, answer, took) {
  const id = response.headers.get(run.idHeader);
  const replayed = response.headers.get("Idempotency-Replayed") ? ", a replay" : "";
  $("outcome").className = response.ok ? "" : "wrong";
  $("outcome").replaceChildren(`${response.status} ${response.statusText || answer?.title || ""}${replayed} in ${ms(took)} ms `,
    id ? make("button", { type: "button", onclick: () => followRequest(id) }, "Follow the request") : "");
  if (response.ok) return;
  const unmarked = [];
  for (const { pointer, detail } of answer?.errors ?? []) {
    const f = fields.find((f) => f.pointer === pointer) ?? fields.find((f) => f.pointer.startsWith(pointer + "/"));
    if (f) fail(f, detail); else unmarked.push(`${pointer} ${detail}`);
  }
  $("outcome").append(make("br"), [answer?.detail, ...unmarked].filter(Boolean).join(" "));
  fields.find((f) => f.error.textContent)?.input.focus();
}

function fail(f, why) {
  f.error.textContent = why;
  f.rule.hidden = why === f.rule.textContent; // said once
  if (why) f.input.setAttribute("aria-invalid", "true"); else f.input.removeAttribute("aria-invalid");
}

const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;

let exchange = {};
const tabs = ["answer", "request", "curl"];
function show(name) {
  $("exchange").hidden = false;
  for (const tab of tabs) {
    $(`tab-${tab}`).setAttribute("aria-selected", tab === name);
    $(`tab-${tab}`).tabIndex = tab === name ? 0 : -1;
  }
  $("shown").setAttribute("aria-labelledby", `tab-${name}`);
  $("shown").textContent = exchange[name];
}
for (const [i, tab] of tabs.entries()) {
  $(`tab-${tab}`).addEventListener("click", () => show(tab));
  $(`tab-${tab}`).addEventListener("keydown", ({ key }) => {
    const step = { ArrowRight: 1, ArrowLeft: tabs.length - 1 }[key];
    if (!step) return;
    const next = tabs[(i + step) % tabs.length];
    show(next);
    $(`tab-${next}`).focus();
  });
}
$("copy").addEventListener("click", async () => {
  getSelection().selectAllChildren($("shown")); // for where the clipboard is closed to pages
  await navigator.clipboard?.writeText($("shown").textContent);
});

for (const e of run.endpoints) $("endpoint").append(make("option", { value: e.Function }, `${e.Method} ${e.Path}`));
$("endpoint-field").hidden = run.endpoints.length < 2;
$("endpoint").addEventListener("change", () => choose($("endpoint").value));
for (const name of Object.keys(run.signers)) $("signer").append(make("option", { value: name }, name));
$("signer-field").hidden = $("signer").options.length === 0;
$("form").addEventListener("submit", send);
$("example").addEventListener("click", example);
connect({ place, setPlace });
choose(run.endpoints[0].Function);
