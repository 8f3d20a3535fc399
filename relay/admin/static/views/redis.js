// Redis, and what relay keeps in it.

import { chart } from "../charts.js";
import { facts, h, panel, table } from "../dom.js";
import { bytes, number, rate, seconds } from "../format.js";

const of = (value, most, form) => (most ? `${form(value)} of ${form(most)}` : form(value));

const live = (each) => each.queued + each.running + each.scheduled;
const told = (form) => (each) => (each.reached ? form(each) : "–");

// Of a store with several partitions.
const partitions = (all) => all.length === 0 ? [] : [panel("Partitions", table("", [
  ["partition", (each) => number(each.number)],
  ["answers", (each) => h("strong", { class: each.reached ? "good" : "bad" }, each.reached ? "yes" : "no")],
  ["live jobs", told((each) => number(live(each))), true], ["running", told((each) => number(each.running)), true],
  ["dead", told((each) => number(each.dead)), true], ["size", told((each) => bytes(each.bytes)), true],
], all, (each) => String(each.number)))];

export default {
  title: "Redis",
  load: async () => ({}),
  render: (_, { overview }) => {
    const { store } = overview;
    return [
      h("h1", {}, "Redis"),
      panel("", facts([
        ["answers", h("strong", { class: store.reached ? "good" : "bad" }, store.reached ? "yes" : "no")],
        ["version", store.version], ["role", store.role], ["replicas", number(store.replicas)], ["up", seconds(store.uptime)],
        ["memory", of(store.memory, store.most_memory, bytes)], ["when it is full", store.policy], ["persistence", store.persistence],
        ["clients", number(store.clients)], ["commands", rate(store.commands)], ["round trip", seconds(store.latency)],
        ["live jobs", of(overview.queued + overview.running + overview.scheduled, overview.most_jobs, number)],
        ["their size", of(overview.bytes, overview.most_bytes, bytes)], ["dead jobs", number(overview.dead)], ["epoch", overview.epoch],
      ])),
      ...partitions(overview.partitions || []),
      h("div", { class: "charts" },
        chart("Round trip", [["round trip", "redis trip"]], seconds, "redis"),
        chart("Scripts, as processes see them", ["p50", "p95", "p99"].map((share) => [share, `script ${share}`]), seconds, "times"),
        chart("Commands", [["commands", "redis commands"]], rate, "redis"),
        chart("Memory", [["memory", "redis memory"]], bytes, "redis")),
    ];
  },
};
