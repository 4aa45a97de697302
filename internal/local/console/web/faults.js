// Faults of the store, and the proof that nothing is lost or stored twice with them.

import { $, base, count, leaves, make, parse, run, signature, unique } from "./page.js";

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
export function drawFaults(spec) {
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

$("faults").hidden = !run.faults.length;
$("faults-off").addEventListener("click", () => setFaults(""));
$("proof").hidden = !run.inMemory || !proven;
$("prove").addEventListener("click", prove);
