// Reads what go test -json prints, from standard input, and prints what go test prints
// without -json; with -v, all of it. It adds how each case ended to the file FILE:
//
//	go test -json PACKAGES | node .ci/tests.mjs FILE [-v]
//
// node .ci/tests.mjs FILE -end prints the cases that every run skipped, with their
// reasons, and their number. It fails if one of them lacks what .ci/run installs.
import { appendFileSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";

const [file, option] = process.argv.slice(2);
const needsInstalling = /install|npm ci|executable file not found/i;

if (option === "-end") {
  const cases = new Map();
  for (const line of readFileSync(file, "utf8").trim().split("\n")) {
    const [name, ended, reason] = JSON.parse(line);
    if (ended !== "skip" || !cases.has(name)) cases.set(name, ended === "skip" ? reason : null);
  }
  const skipped = [...cases].filter(([, reason]) => reason !== null);
  const missing = skipped.filter(([, reason]) => needsInstalling.test(reason));
  for (const [name, reason] of skipped) console.log(`skipped: ${name}: ${reason}`);
  console.log(`${skipped.length} of ${cases.size} cases were skipped, ${missing.length} of them because something that .ci/run installs is missing.`);
  process.exit(missing.length > 0 ? 1 : 0);
}

const output = new Map();
for await (const line of createInterface({ input: process.stdin })) {
  const { Action, Package, Test, Output } = JSON.parse(line);
  const name = `${Package} ${Test ?? ""}`;
  if (Output !== undefined) {
    if (option === "-v" || Test === undefined && Output !== "PASS\n") process.stdout.write(Output);
    if (Test !== undefined) output.set(name, (output.get(name) ?? "") + Output);
  }
  if (!["pass", "fail", "skip"].includes(Action)) continue;
  if (Action === "fail" && option !== "-v") {
    // A test that ends its process leaves others of its package without an end.
    for (const [ended, text] of output) if (Test === undefined ? ended.startsWith(name) : ended === name) process.stdout.write(text);
  }
  if (Test === undefined) continue;
  const reason = (output.get(name) ?? "").split("\n").filter((text) => !/^\s*(===|---)/.test(text)).join(" ").trim();
  appendFileSync(file, JSON.stringify([name, Action, reason]) + "\n");
  output.delete(name);
}
