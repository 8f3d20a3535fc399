// What a relay does, at a glance.

import { charts } from "../charts.js";
import { h, link, path, tile } from "../dom.js";
import { number, rate, seconds } from "../format.js";
import { countedOf, last, namesOf } from "../past.js";

const MOST = 6; // series of a chart
const ofEach = (prefix, most = MOST) => countedOf(prefix).slice(0, most).map((name) => [name.slice(prefix.length), name]);
const noAnswer = (status) => (status === "0" ? "no answer" : status);
const statuses = () => ofEach("requests ").map(([status, name]) => [noAnswer(status), name]);
const oldestHeld = (overview) => overview.processes.reduce((most, each) => Math.max(most, each.oldest_held), 0);
const sum = (overview, field) => overview.processes.reduce((total, each) => total + each[field], 0);
const shares = (name) => ["p50", "p95", "p99"].map((share) => [share, `${name} ${share}`]);

// By job and problem; each leads to the jobs that failed so.
const failures = () => countedOf("failed ").slice(0, MOST).map((figure) => {
  const [, name, problem] = figure.split(" ");
  return [`${name}: ${problem}`, figure, path("jobs", { state: "failed", name, problem })];
});

const limited = () => ofEach("limited ").map(([label, figure]) => {
  const at = label.lastIndexOf(" ");
  return [label, figure, path("jobs", { owner: label.slice(0, at) })];
});

// Calls to APIs by what came of them.
function calls() {
  const all = new Map();
  for (const name of countedOf("api ")) {
    const [, host, status] = name.split(" ");
    if (host === "time") continue;
    const label = status === "0" ? "no answer" : status < "400" ? "answered" : `${status[0]}xx`;
    all.set(label, [...(all.get(label) ?? []), name]);
  }
  return [...all].sort();
}

function tiles(overview) {
  const held = sum(overview, "held");
  const ended = namesOf("ended ").reduce((total, name) => total + (last(name) ?? 0), 0);
  const waiting = overview.queues.filter((queue) => queue.waiting && queue.oldest).map((queue) => queue.oldest);
  const oldest = waiting.length ? seconds((overview.time - Math.min(...waiting)) / 1000) : "";
  return h("ul", { class: "tiles", "aria-label": "Now" },
    tile("Held", number(held), held ? `requests, oldest ${seconds(oldestHeld(overview))}` : "requests"),
    tile("Queued", link("queues", number(overview.queued)), oldest ? `oldest ${oldest}` : "none waits"),
    tile("Running", link("workers", number(overview.running)), `of ${number(sum(overview, "concurrency"))} places`),
    tile("Scheduled", number(overview.scheduled), "for later"),
    tile("Dead", link("dead", number(overview.dead)), overview.dead ? "to be looked at" : "none", overview.dead ? "bad" : ""),
    tile("Ended", rate(ended), "attempts"),
    tile("Wait", seconds(last("wait p95")), "95 of 100 are faster"),
    tile("Run", seconds(last("run p95")), "95 of 100 are faster"),
    tile("Answer", seconds(last("written p95")), "after the end, 95 of 100"));
}

export default {
  title: "Overview",
  load: async () => ({}),
  render: (_, { overview }) => [
    h("h1", {}, "Overview"),
    tiles(overview),
    charts([
      ["Failures by job and problem", failures(), rate, "failures", { path: path("jobs", { state: "failed" }) }],
      ["Processes that ended", ofEach("process "), number, "ended", { path: "workers", isTotal: true }],
      ["Callers at a limit", limited(), rate, "callers"],
      ["Held, queued, running", [["held", "held"], ["queued", "queued"], ["running", "running"]], number, "now", { path: "queues" }],
      ["Oldest of those that wait", [["held request", "held oldest"], ...ofEach("oldest ", 5)], seconds, "queues", { path: "queues" }],
      ["Attempts that ended", ofEach("ended "), rate, "attempts", { path: "jobs" }],
      ["Answers by status", statuses(), rate, "requests"],
      ["How requests end", ofEach("end "), rate, "ends"],
      ["Calls to APIs", calls(), rate, "calls", { path: "upstreams" }],
      ["Jobs wait before they start", shares("wait"), seconds, "times", { path: "queues" }],
      ["Jobs run", shares("run"), seconds, "times", { path: "workers" }],
      ["From a job's end to its answer", shares("written"), seconds, "times"],
    ]),
  ],
};
