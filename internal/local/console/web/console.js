// The page of the local run. Data from proposals and logs is only ever put into text
// nodes. Every list is bounded, and the page is drawn at most once a frame.

import { connect, dot, mark, show as showOnMap } from "./map.js";

const base = "/_visitplannr/";
const rows = 200; // of a list
const remembered = 1000; // requests, events on the map
const $ = (id) => document.getElementById(id);

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== undefined));
  return element;
}

const clock = (at) => new Date(at).toTimeString().slice(0, 8);
const count = (n) => n.toLocaleString("en");
const many = (n, word) => `${count(n)} ${word}${n === 1 ? "" : "s"}`;
const isolate = (text) => `\u2068${text}\u2069`; // where no <bdi> can be: its direction stays its own
const ms = (n) => n >= 100 ? n.toFixed(0) : n.toFixed(1);
const parse = (text) => { try { return JSON.parse(text); } catch { return undefined; } };
const pretty = (text) => { const value = parse(text); return value === undefined ? text : JSON.stringify(value, null, 2); };

const run = await (await fetch(base + "run.json")).json();
$("title").textContent = run.title;

// The form

let endpoint, fields, lastKey;

// leaves lists the values of a schema, those that are not nested first.
function leaves(schema, path = []) {
  if (schema.type !== "object") return [{ path, schema }];
  return Object.entries(schema.properties ?? {}).flatMap(([name, member]) => leaves(member, [...path, name]))
    .sort((a, b) => a.path.length - b.path.length);
}

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
    id ? make("button", { type: "button", onclick: () => follow(id) }, "Follow the request") : "");
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

const unique = () => crypto.randomUUID?.() ?? [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");

// signature returns the headers that sign a request as the signer who is chosen, if there is one.
async function signature(method, path, body = "") {
  if (!$("signer").value) return {};
  const query = new URLSearchParams({ as: $("signer").value, method, path });
  const signed = await fetch(`${base}sign?${query}`, { method: "POST", body });
  if (!signed.ok) throw new Error(await signed.text());
  return signed.json();
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

// The moving pieces

const built = new Map();
function piece(name, ...lines) {
  return make("div", { class: "piece" }, make("b", {}, name), ...lines.filter(Boolean).map((line) => Array.isArray(line) ? make("span", { class: "wrong" }, line[0]) : make("span", {}, line)));
}
const arrow = (text) => make("div", { class: "arrow" }, text);
const latency = (p) => p.Count > 0 && `p50 ${ms(p.P50)}  p99 ${ms(p.P99)} ms`;
const wrong = (n, text) => n > 0 && [`${count(n)} ${text}`];

function drawPieces({ api, functions, table }) {
  const each = run.endpoints.map((e) => {
    const f = functions[e.Function], { Serving, Running, Error: broken } = f.Build;
    const state = broken ? [`does not build; serving since ${clock(Serving)}`] : Running ? "building" : `serving since ${clock(Serving)}`;
    return piece(e.Function, many(f.Count, "invocation"), latency(f), wrong(f.ServerErrors, `failed: ${f.Last || "the last did not"}`), state);
  });
  const actions = run.endpoints.flatMap((e) => e.TableActions ?? []).map((action) => action.split(":").pop());
  $("pieces").replaceChildren(
    piece("editor"), arrow(run.endpoints.map((e) => `${e.Method} ${e.Path}`).join(", ")),
    piece("API", `${many(api.Count, "request")}${api.Last ? `, last ${api.Last}` : ""}`, latency(api), `${count(api.ClientErrors)} 4xx, ${count(api.ServerErrors)} 5xx`),
    arrow("proxy event"), make("div", { class: "functions" }, ...each),
    ...(actions.length ? [arrow([...new Set(actions)].join(", ")), piece(run.table, table.Count > 0 && many(table.Count - table.ClientErrors - table.ServerErrors, "event") + " put", latency(table),
      table.ClientErrors > 0 && `${count(table.ClientErrors)} were there already or refused`, wrong(table.ServerErrors, "failed"))] : []));
  const errors = Object.entries(functions).filter(([, f]) => f.Build.Error);
  const text = errors.map(([, f]) => f.Build.Error).join("\n\n");
  if (text !== built.get("text")) $("builds").replaceChildren(...(text ? [make("pre", { tabindex: "0", "aria-label": "Errors of the build", role: "region" }, text)] : []));
  built.set("text", text);
}

// Faults

const faultInputs = new Map(run.faults.map(({ Kind, Situation }) => {
  const id = `fault-${Kind}`;
  const input = make("input", { id, type: "text", inputmode: "decimal", autocomplete: "off", "aria-describedby": `${id}-note`, onchange: () => setFaults() });
  $("fault-rates").append(make("div", { class: "field" }, make("label", { for: id }, Kind), input, make("p", { class: "note", id: `${id}-note` }, Situation)));
  return [Kind, input];
}));

async function setFaults(spec = [...faultInputs].filter(([, input]) => input.value.trim()).map(([kind, input]) => `${kind}=${input.value.trim()}`).join()) {
  const response = await fetch(base + "faults", { method: "POST", body: spec });
  $("faults-wrong").textContent = response.ok ? "" : `Not set: ${await response.text()}`;
}

let drawnFaults = "";
function drawFaults(spec) {
  if (spec === drawnFaults) return;
  drawnFaults = spec;
  const rates = new Map(spec.split(",").filter(Boolean).map((rate) => rate.split("=")));
  for (const [kind, input] of faultInputs) input.value = rates.get(kind) ?? "";
  $("faults-on").hidden = !spec;
  $("faults-now").textContent = [...rates].map(([kind, rate]) => `${kind} ${+(rate * 100).toFixed(2)} %`).join(", ");
}

// What the proof sends: the first endpoint that takes a key and has a text to recognize each proposal by.
const proposals = 200, atOnce = 4; // of the 6 connections that a browser allows; live updates and comparison use one each
const proven = run.endpoints.map((e) => ({ ...e, text: e.Body && leaves(e.Body).find(({ schema }) => schema.type === "string") })).find((e) => e.TakesKey && e.text);

// proposal returns the sample at another place and with a text of its own.
function proposal(text) {
  const body = structuredClone(run.samples[proven.Function]);
  for (const { path, schema } of leaves(proven.Body)) {
    const parent = path.slice(0, -1).reduce((object, name) => object[name], body), last = path.at(-1);
    if (path.join() === proven.text.path.join()) parent[last] = text;
    else if (schema.type === "number") parent[last] = Math.min(schema.maximum ?? Infinity, Math.max(schema.minimum ?? -Infinity, +(parent[last] + Math.random() * 5 - 2.5).toFixed(4)));
  }
  return JSON.stringify(body);
}

async function prove() {
  $("prove").disabled = true;
  const mark = unique().slice(0, 8), confirmed = new Map(); // text of a proposal to the id of its event
  const tally = { sent: 0, "503s": 0, replays: 0, stored: 0, lost: 0, doubled: 0 };
  const say = (text) => { $("proof-status").textContent = text; };
  let begun = 0, others = 0, broken, done;
  const draw = () => $("tally").replaceChildren(...Object.entries(tally).map(([name, n]) =>
    make("div", { class: /lost|doubled/.test(name) && (n ? "bad" : "good") }, make("dt", {}, name), make("dd", {}, count(n)))));
  const send = async () => {
    while (begun < proposals && !broken) {
      const text = `Proof ${mark}, ${++begun} of ${proposals}`, key = unique(), body = proposal(text);
      for (let wait = 0; wait !== undefined && !broken;) {
        await new Promise((done) => setTimeout(done, wait * 1000));
        const headers = { "Content-Type": "application/json", Accept: "application/json", [run.keyHeader]: key, ...await signature(proven.Method, proven.Path, body) };
        const response = await fetch(proven.Path, { method: proven.Method, headers, body, cache: "no-store", credentials: "omit" });
        const answer = parse(await response.text());
        wait = response.headers.get("Retry-After") ?? undefined;
        tally.sent++;
        tally["503s"] += response.status === 503;
        tally.replays += response.headers.has("Idempotency-Replayed");
        if (response.ok) confirmed.set(text, answer?.eventId);
        else if (wait === undefined) others++;
        draw();
      }
    }
  };
  // compare counts what the table has. What was confirmed before it is read must be in it, once.
  const compare = async () => {
    const answers = [...confirmed];
    const response = await fetch(`${base}items?containing=${mark}`);
    if (!response.ok) throw new Error(await response.text());
    const found = new Map();
    for (const item of (await response.json()).items) {
      const text = proven.text.path.reduce((value, name) => value?.M?.[name], item.Data)?.S;
      found.set(text, [...found.get(text) ?? [], item.EventId.S]);
    }
    tally.stored = found.size;
    tally.doubled = [...found.values()].reduce((n, ids) => n + ids.length - 1, 0);
    tally.lost = answers.filter(([text, id]) => !found.get(text)?.includes(id)).length;
    draw();
  };
  say(`Sending ${proposals} proposals with keys.`);
  try {
    const sending = Promise.all(Array.from({ length: atOnce }, () => send().catch((error) => { broken = error; }))).then(() => { done = true; });
    let last; // what is confirmed while the table is read needs another look
    do {
      await Promise.race([sending, new Promise((later) => setTimeout(later, 500))]);
      last = done;
      await compare();
    } while (!last);
    if (broken) throw broken;
    say(`${confirmed.size} of ${proposals} proposals were confirmed. The table has ${tally.stored}: ${tally.lost} lost, ${tally.doubled} doubled.${others ? ` ${others} got another error than 503.` : ""}`);
  } catch (error) {
    broken ??= error;
    say(`Not finished: ${error.message}`);
  } finally {
    $("prove").disabled = false;
  }
}

// Events, logs and the requests that they belong to

const requests = new Map(); // by id: what the gateway, the functions and the table say
let followed;

function ofRequest(id) {
  if (!requests.has(id)) {
    requests.set(id, { lines: [], items: [], tried: 0 });
    if (requests.size > remembered) requests.delete(requests.keys().next().value);
  }
  return requests.get(id);
}

const requestButton = (id) => id ? make("button", { type: "button", "aria-label": `Follow request ${id}`, title: id, onclick: () => follow(id) }, id.slice(0, 8)) : make("span");

// more is a button that shows a text below its row.
function more(name, label, text) {
  const button = make("button", { type: "button", "aria-label": `${name} ${label}`, "aria-expanded": "false", onclick: () => {
    const row = button.closest("li"), open = row.querySelector("pre");
    button.setAttribute("aria-expanded", String(!open));
    if (open) open.remove(); else row.append(make("pre", { tabindex: "0" }, text()));
  } }, name);
  return button;
}

// plain turns a value of DynamoDB into one of JSON.
function plain(value) {
  const [[type, inner]] = Object.entries(value);
  if (type === "M") return Object.fromEntries(Object.entries(inner).map(([name, member]) => [name, plain(member)]));
  if (type === "L") return inner.map(plain);
  return type === "N" ? Number(inner) : inner;
}

// placeIn finds a latitude and a longitude in the same object, at any depth.
function placeIn(value) {
  if (typeof value !== "object" || value === null) return undefined;
  if (typeof value.latitude === "number" && typeof value.longitude === "number") return value;
  for (const member of Object.values(value)) { const found = placeIn(member); if (found) return found; }
}

const marks = new Map(); // by event id
function eventRow(item) {
  const { StreamName, EventId, EventType, Timestamp, CausationId, Data } = Object.fromEntries(Object.entries(item).map(([name, value]) => [name, plain(value)]));
  if (marks.has(EventId)) return undefined;
  const time = /^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{3}Z$/.test(Timestamp) ? Timestamp : new Date().toISOString(); // other clients may write anything
  const at = placeIn(Data), name = typeof Data?.name === "string" ? Data.name : JSON.stringify(Data ?? {});
  let dotOnMap;
  if (at) {
    dotOnMap = document.createElementNS("http://www.w3.org/2000/svg", "path");
    dotOnMap.setAttribute("d", dot(at));
    const title = document.createElementNS("http://www.w3.org/2000/svg", "title");
    title.textContent = name;
    dotOnMap.append(title);
    $("marks").append(dotOnMap);
  }
  marks.set(EventId, dotOnMap);
  if (marks.size > remembered) {
    const [oldest, element] = marks.entries().next().value;
    element?.remove();
    marks.delete(oldest);
  }
  ofRequest(CausationId).items.push({ StreamName, EventType });
  const keyed = EventId[14] === "8"; // a UUIDv8 is derived from a key
  const lit = (on) => () => dotOnMap?.classList.toggle("lit", on);
  return make("li", { "data-request": CausationId, "data-order": `${time} ${EventId}`, onpointerenter: lit(true), onpointerleave: lit(false), onfocusin: lit(true), onfocusout: lit(false) },
    make("time", { datetime: time }, clock(time)),
    make("span", { class: "text", title: name }, make("bdi", {}, name), " ", make("span", {}, at ? `${at.latitude}, ${at.longitude}` : ""), make("span", { class: "below" }, `${EventType} · ${StreamName}`)),
    keyed ? make("span", { class: "badge", title: "It was sent with an idempotency key" }, "keyed") : make("span"),
    requestButton(CausationId),
    more("item", `of ${isolate(name)}`, () => { if (at) showOnMap(at); return JSON.stringify(item, null, 2); }));
}

function logRow({ Source, Line, At }) {
  const said = parse(Line);
  const isObject = typeof said === "object" && said !== null;
  const { level, message, requestId, durationMs, status, cause, timestamp, fault, reachedTable, _aws } = isObject ? said : {};
  if (_aws) { // metrics in CloudWatch's format
    const names = _aws.CloudWatchMetrics?.flatMap((m) => m.Metrics.map((metric) => metric.Name)) ?? [];
    return row("METRIC", names.map((name) => `${name} ${said[name]}`).join(", "));
  }
  const text = [message, fault && `${fault}, ${reachedTable ? "after" : "before"} the table got the request`, status, durationMs && `${ms(durationMs)} ms`, cause].filter((part) => part !== undefined && part !== "").join(" · ");
  if (requestId) {
    ofRequest(requestId).lines.push(`${Source}: ${text}`);
    if (message === "accepted" && said.streamName && !said.replayed) expect(said.streamName);
  }
  return row(level ?? "", isObject && message ? text : Line);

  function row(level, text) {
    return make("li", { "data-request": requestId ?? said?.requestId }, make("time", {}, clock(timestamp ?? At)), make("span", { class: `level ${level}` }, level),
      make("span", { class: "text", title: text }, text.startsWith(Source) || run.endpoints.length === 1 && Source === run.endpoints[0].Function ? "" : make("span", {}, Source, " "), make("bdi", {}, text)), requestButton(requestId ?? said?.requestId), more("json", "of the line", () => pretty(Line)));
  }
}

// read reads the items of the table, or of a stream, and says why some are missing.
async function read(query = "") {
  try {
    const response = await fetch(`${base}items${query}`);
    return response.ok ? await response.json() : { items: [], problem: await response.text() };
  } catch (error) {
    return { items: [], problem: `The table cannot be read: ${error.message}` };
  }
}

// expect fetches what a function says it stored if the engine does not report writes,
// as one in another process or in AWS.
const expected = new Set();
function expect(stream) {
  if (expected.size >= rows) return;
  expected.add(stream);
  setTimeout(async () => {
    expected.delete(stream);
    if (marks.has(stream.slice(stream.indexOf("-") + 1))) return;
    for (const item of (await read(`?${new URLSearchParams({ stream })}`)).items) enqueue("stored", item);
  }, 1000);
}

function follow(id) {
  followed = id;
  drawTrace();
  filter();
  $("trace-title").focus();
}
$("all").addEventListener("click", () => { followed = undefined; drawTrace(); filter(); });

function filter() {
  for (const row of document.querySelectorAll(".list li[data-request], .list li:not(.empty)")) row.hidden = Boolean(followed) && row.dataset.request !== followed;
}

function drawTrace() {
  $("trace").hidden = !followed;
  if (!followed) return;
  $("trace-title").textContent = `Request ${followed}`;
  const { gateway, lines, items, tried } = ofRequest(followed);
  const step = (text) => make("li", {}, text);
  $("trace-steps").replaceChildren(
    step(gateway ? `gateway: ${gateway.Method} ${gateway.Path} answered ${gateway.Status} in ${ms(gateway.Ms)} ms` : "gateway: not seen since this page is open, or still under way"),
    ...lines.map(step),
    ...(tried ? [step(`table: tried ${many(tried, "time")}`)] : []),
    ...items.map(({ StreamName, EventType }) => step(`table: ${EventType} stored as the opening of ${StreamName}`)),
    ...(items.length ? [] : [step(gateway?.Replayed ? "table: nothing new; it was stored by an earlier request" : "table: nothing stored")]));
}

// Live updates

let queue = [], scheduled = false, paused = false, state;
function enqueue(kind, data) {
  queue.push([kind, data]);
  if (queue.length > 2000) queue = queue.slice(-1000); // of a page that is not drawn
  if (!scheduled && !paused) {
    scheduled = true;
    requestAnimationFrame(draw);
  }
}

function draw() {
  scheduled = false;
  const fresh = { events: [], logs: [] }, messages = queue;
  queue = [];
  for (const [kind, data] of messages) {
    try {
      if (kind === "state") state = data;
      else if (kind === "request") ofRequest(data.ID).gateway = data;
      else if (kind === "tried") ofRequest(data).tried++;
      else if (kind === "stored") fresh.events.push(eventRow(data));
      else fresh.logs.push(logRow(data));
    } catch (error) {
      console.error("cannot be shown:", kind, data, error); // and the others are
    }
  }
  insert($("events"), fresh.events.filter(Boolean));
  insert($("logs"), fresh.logs.slice(-rows));
  if (state) { drawPieces(state); drawFaults(state.faults); }
  if (followed) drawTrace();
}

// insert puts rows where they belong: the newest event first, whenever it became known,
// and the line that came last first.
function insert(list, added) {
  if (added.length) list.querySelector(".empty")?.remove();
  for (const row of added) {
    row.hidden = Boolean(followed) && row.dataset.request !== followed;
    let next = list.firstElementChild;
    while (next?.dataset.order > row.dataset.order) next = next.nextElementSibling;
    list.insertBefore(row, next);
  }
  while (list.childElementCount > rows) list.lastElementChild.remove();
}

$("pause").addEventListener("click", () => {
  paused = !paused;
  $("pause").setAttribute("aria-pressed", paused);
  if (!paused) enqueue("state", state);
});

function connection(text, lost) {
  if ($("connection").textContent !== text) $("connection").textContent = text;
  $("connection").classList.toggle("lost", lost);
}

// listen follows the run's messages. A hidden page does not, since a browser allows few
// connections to a host; once shown, it continues after the last message that it got.
let stream, known, last = "";
function listen() {
  stream?.close();
  if (document.hidden) return;
  stream = new EventSource(`${base}stream?${new URLSearchParams({ after: last })}`);
  stream.addEventListener("open", () => connection("live", false));
  stream.addEventListener("error", () => connection("The run does not answer; trying again.", true));
  stream.addEventListener("run", ({ data }) => {
    if (known && known !== data) location.reload(); // another run, with another table and perhaps another API
    known = data;
  });
  for (const kind of ["request", "tried", "stored", "log", "state"]) {
    stream.addEventListener(kind, ({ data, lastEventId }) => {
      last = lastEventId || last;
      enqueue(kind, JSON.parse(data));
    });
  }
}
document.addEventListener("visibilitychange", listen);

// The start

for (const e of run.endpoints) $("endpoint").append(make("option", { value: e.Function }, `${e.Method} ${e.Path}`));
$("endpoint-field").hidden = run.endpoints.length < 2;
$("endpoint").addEventListener("change", () => choose($("endpoint").value));
for (const name of Object.keys(run.signers)) $("signer").append(make("option", { value: name }, name));
$("signer-field").hidden = $("signer").options.length === 0;
$("form").addEventListener("submit", send);
$("example").addEventListener("click", example);
connect({ place, setPlace });
choose(run.endpoints[0].Function);
$("faults").hidden = !run.faults.length;
$("faults-off").addEventListener("click", () => setFaults(""));
$("proof").hidden = !run.inMemory || !proven;
$("prove").addEventListener("click", prove);

const coastline = await (await fetch(base + "coastline.json")).json();
$("land").setAttribute("d", coastline.path);
$("map-source").textContent = `Coastlines: ${coastline.source}.`;
listen();
const { items, problem } = await read();
for (const item of items) enqueue("stored", item);
$("events-problem").textContent = problem;
for (const list of ["events", "logs"]) if (!$(list).childElementCount && !(list === "events" && problem)) $(list).append(make("li", { class: "empty" }, "Nothing yet."));
document.documentElement.dataset.ready = "yes";
