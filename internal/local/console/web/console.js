// The page of the local run. Data from proposals and logs is only ever put into text
// nodes. Every list is bounded, and the page is drawn at most once a frame.

import { drawFaults } from "./faults.js";
import { onFollow } from "./form.js";
import { dot, show as showOnMap } from "./map.js";
import { $, base, clock, count, isolate, make, many, ms, parse, pretty, run } from "./page.js";

const rows = 200; // of a list
const remembered = 1000; // requests, events on the map

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

$("title").textContent = run.title;
onFollow(follow);

const coastline = await (await fetch(base + "coastline.json")).json();
$("land").setAttribute("d", coastline.path);
$("map-source").textContent = `Coastlines: ${coastline.source}.`;
listen();
const { items, problem } = await read();
for (const item of items) enqueue("stored", item);
$("events-problem").textContent = problem;
for (const list of ["events", "logs"]) if (!$(list).childElementCount && !(list === "events" && problem)) $(list).append(make("li", { class: "empty" }, "Nothing yet."));
document.documentElement.dataset.ready = "yes";
