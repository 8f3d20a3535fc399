// Processes, and what each worker runs now.

import { confirmed } from "../acting.js";
import { call } from "../api.js";
import { button, h, link, panel, table } from "../dom.js";
import { bytes, number, seconds, since } from "../format.js";
import { isLate, silent, trouble, worstFirst } from "../processes.js";

const seen = (each) => h("span", { class: silent(each) ? "bad" : null }, since(each.seen));
const shared = [
  ["process", (each) => [h("strong", {}, each.title), h("div", { class: "soft mono" }, each.name)]],
  ["host", (each) => `${each.host}, ${each.pid}`], ["version", (each) => each.version],
];
const health = [
  ["late", (each) => h("span", { class: isLate(each) ? "warning" : null }, seconds(each.lag)), true], ["memory", (each) => bytes(each.memory), true],
  ["files", (each) => `${number(each.descriptors)} / ${number(each.most_descriptors)}`, true],
  ["up", (each) => since(each.began), true], ["last word", seen, true],
];

function standing(each) {
  const tag = (level, text) => [h("span", { class: `tag ${level}` }, text), " "];
  return [
    silent(each) ? tag("bad", `silent for ${since(each.seen)}`) : [],
    isLate(each) ? tag("warning", `was blocked for ${seconds(each.lag)}`) : [],
    each.quiet ? tag("warning", "quiet") : [],
  ];
}

function quieting(each) {
  const on = !each.quiet;
  return button(on ? "Quiet" : "Go on", () => confirmed({
    title: on ? `Quiet ${each.title}?` : `Let ${each.title} go on?`,
    text: on ? "It claims nothing more; its jobs go on. It can be ended then without giving any back." : "It claims jobs again.",
    verb: on ? "Quiet it" : "Go on",
    run: async () => { await call("quiet", { process: each.name, on }); return `${each.title} ${on ? "claims nothing more" : "goes on"}`; },
  }), false, { "aria-label": `${on ? "Quiet" : "Go on"}: ${each.title} ${each.name}` });
}

const jobs = [
  ["job", (job) => h("span", { class: "mono" }, link(`job/${job.id}`, job.id))], ["name", (job) => job.name],
  ["attempt", (job) => number(job.attempt), true], ["runs for", (job) => since(job.started), true],
  ["progress", (job) => h("span", { class: "mono" }, job.progress)], ["standing", (job) => job.cancelled ? h("span", { class: "tag warning" }, "told to stop") : null],
];

// What each worker runs, also one that does not tell of itself: those in trouble first, then whose job runs for longest.
function running(workers, all) {
  const lost = { lag: 0, seen: 1, title: "a worker that tells nothing" };
  const known = new Map(workers.map((worker) => [worker.name, worker]));
  const names = [...new Set([...all.map((job) => job.process), ...known.keys()])];
  const rows = names.map((name) => ({ name, worker: known.get(name) ?? lost, own: all.filter((job) => job.process === name).sort((a, b) => a.started - b.started) }));
  const busy = rows.filter(({ own }) => own.length).sort((a, b) => trouble(b.worker) - trouble(a.worker) || a.own[0].started - b.own[0].started);
  const idle = [...new Set(rows.filter(({ own }) => !own.length).map(({ worker }) => worker.title))].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
  return [
    busy.map(({ name, worker, own }) => h("section", { class: "panel", "data-key": `runs ${name}` },
      h("h2", {}, `${worker.title} runs ${own.length} `, h("span", { class: "mono soft" }, name), standing(worker)),
      table("", jobs, own, (job) => job.id))),
    idle.length > 0 && h("p", { class: "soft", "data-key": "idle" }, `Nothing runs on ${idle.join(", ")}.`),
  ];
}

export default {
  title: "Workers",
  needsStore: true,
  load: () => call("running"),
  render: (all, { overview, acts }) => {
    const of = (role) => overview.processes.filter((each) => each.role === role);
    const workers = worstFirst(of("worker"));
    const act = acts ? [["Do", quieting]] : [];
    return [
      h("h1", {}, "Workers and other processes"),
      panel("Workers", table("", [...shared,
        ["queues", (each) => each.queues.join(", ") || "all"],
        ["runs", (each) => `${number(each.running)} / ${number(each.concurrency)}`, true],
        ...health, ["standing", standing], ...act,
      ], workers, (each) => each.name, "not a single worker tells of itself")),
      panel("Fronts", table("", [...shared, ["holds", (each) => number(each.held), true],
        ["oldest", (each) => each.held ? seconds(each.oldest_held) : "–", true], ...health], worstFirst(of("front")), (each) => each.name, "not a single front tells of itself")),
      of("supervisor").length > 0 && panel("Supervisors", table("", [...shared, ...health], of("supervisor"), (each) => each.name)),
      running(workers, all),
    ];
  },
};
