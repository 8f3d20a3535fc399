// Queues, and the names of jobs in them; both can be paused.

import { confirmed } from "../acting.js";
import { call } from "../api.js";
import { chart } from "../charts.js";
import { button, count, h, link, panel, table } from "../dom.js";
import { number, plural, seconds, since } from "../format.js";
import { last, namesOf } from "../past.js";

function pausing(method, argument, kind, each) {
  const name = each[argument];
  const on = !each.paused;
  return button(on ? "Pause" : "Resume", () => confirmed({
    title: on ? `Pause the ${kind} ${name}?` : `Resume the ${kind} ${name}?`,
    text: on ? "Its jobs start no more; those that run go on, and new ones are accepted." : `${plural(each.waiting, "job")} may start.`,
    verb: on ? "Pause" : "Resume",
    run: async () => {
      await call(method, { [argument]: name, on });
      return `${name} ${on ? "is paused" : "goes on"}`;
    },
  }), false, { "aria-label": `${on ? "Pause" : "Resume"} the ${kind} ${name}` });
}

// What is not known is empty here.
function ran(each) {
  const time = last(`run of ${each.name} p95`);
  return time === null ? null : seconds(time);
}

const paused = (each) => each.paused ? h("span", { class: "tag warning" }, `paused for ${since(each.paused)}`) : null;

function standing(each) {
  if (each.paused) return paused(each);
  if (!each.served) return h("span", { class: each.waiting ? "tag bad" : "tag note" }, "no worker serves it");
  return each.limited ? h("span", { class: "tag warning" }, `${number(each.limited)} behind a limit`) : null;
}

// Those in trouble first: nobody serves them, they are paused, a limit holds them back; then those with dead jobs.
const trouble = (each) => (each.served === false && each.waiting ? 4 : each.paused ? 3 : each.limited ? 2 : each.dead ? 1 : 0);
const worstFirst = (all) => [...all].sort((a, b) => trouble(b) - trouble(a));

export default {
  title: "Queues and names",
  load: async () => ({}),
  render: (_, { overview, acts }) => {
    const queueActs = acts ? [["Do", (each) => pausing("pause_queue", "queue", "queue", each)]] : [];
    const nameActs = acts ? [["Do", (each) => pausing("pause_name", "name", "name", each)]] : [];
    const numbers = [
      ["waiting", (each) => count(each.waiting, number), true], ["oldest", (each) => each.waiting ? since(each.oldest) : "", true],
      ["running", (each) => count(each.running, number), true], ["scheduled", (each) => count(each.scheduled, number), true],
    ];
    const lengths = namesOf("queue ").slice(0, 6).map((name) => [name.slice(6), name]);
    return [
      h("h1", {}, "Queues and names"),
      panel("Queues", table("", [
        ["queue", (each) => h("strong", {}, each.queue)], ...numbers, ["standing", paused], ...queueActs,
      ], worstFirst(overview.queues), (each) => each.queue, "there is no queue yet")),
      panel("Names of jobs", table("", [
        ["name", (each) => link(`jobs?name=${encodeURIComponent(each.name)}`, each.name)], ["queue", (each) => each.queue], ...numbers,
        ["dead", (each) => each.dead ? link(`dead?name=${encodeURIComponent(each.name)}`, number(each.dead)) : count(0), true],
        ["run, p95", (each) => ran(each), true], ["standing", standing], ...nameActs,
      ], worstFirst(overview.names), (each) => each.name, "no worker has published a job")),
      h("div", { class: "charts" },
        chart("Length of queues", lengths, number, "queues"),
        chart("Oldest job of queues", lengths.map(([label]) => [label, `oldest ${label}`]), seconds, "queues")),
    ];
  },
};
