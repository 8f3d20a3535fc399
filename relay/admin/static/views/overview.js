// What a relay does, at a glance.

import { chart, last, namesOf } from "../charts.js";
import { h, link, tile } from "../dom.js";
import { number, rate, seconds } from "../format.js";

const ofEach = (prefix, most = 6) => namesOf(prefix).slice(0, most).map((name) => [name.slice(prefix.length), name]);
const statuses = () => ofEach("requests ").map(([status, name]) => [status === "0" ? "no answer" : status, name]);
const oldestHeld = (overview) => overview.processes.reduce((most, each) => Math.max(most, each.oldest_held), 0);
const sum = (overview, field) => overview.processes.reduce((total, each) => total + each[field], 0);

function tiles(overview) {
  const held = sum(overview, "held");
  const ended = namesOf("ended ").reduce((total, name) => total + (last(name) ?? 0), 0);
  const waiting = overview.queues.filter((queue) => queue.waiting && queue.oldest).map((queue) => queue.oldest);
  const oldest = waiting.length ? seconds((overview.time - Math.min(...waiting)) / 1000) : "";
  return h("ul", { class: "tiles", "aria-label": "Now" },
    tile("Held", number(held), held ? `requests, oldest ${seconds(oldestHeld(overview))}` : "requests"),
    tile("Queued", link("queues", number(overview.queued)), oldest && `oldest ${oldest}`),
    tile("Running", link("workers", number(overview.running)), `of ${number(sum(overview, "concurrency"))} places`),
    tile("Scheduled", number(overview.scheduled), "for later"),
    tile("Dead", link("dead", number(overview.dead)), "", overview.dead ? "bad" : ""),
    tile("Ended", rate(ended), "attempts"),
    tile("Wait", seconds(last("wait p95")), "95 of 100 are faster"),
    tile("Run", seconds(last("run p95")), "95 of 100 are faster"),
    tile("Answer", seconds(last("written p95")), "after the end, 95 of 100"));
}

const shares = (name) => ["p50", "p95", "p99"].map((share) => [share, `${name} ${share}`]);

export default {
  title: "Overview",
  load: async () => ({}),
  render: (_, { overview }) => [
    h("h1", {}, "Overview"),
    tiles(overview),
    h("div", { class: "charts" },
      chart("Attempts that ended", ofEach("ended "), rate),
      chart("Held, queued, running", [["held", "held"], ["queued", "queued"], ["running", "running"]], number),
      chart("Jobs wait before they start", shares("wait"), seconds),
      chart("Jobs run", shares("run"), seconds),
      chart("From a job's end to its answer", shares("written"), seconds),
      chart("Oldest of those that wait", [["held request", "held oldest"], ...ofEach("oldest ", 5)], seconds),
      chart("Failures by problem", ofEach("failed "), rate),
      chart("Answers by status", statuses(), rate),
      chart("Callers at a limit", ofEach("limited "), rate)),
  ],
};
