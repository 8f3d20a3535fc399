// Processes, and what each worker runs now.

import { confirmed } from "../acting.js";
import { call } from "../api.js";
import { button, h, link, panel, table } from "../dom.js";
import { bytes, now, number, seconds, since } from "../format.js";

const SILENT = 15_000; // ms

const silent = (each) => now() - each.seen > SILENT;
const seen = (each) => h("span", { class: silent(each) ? "bad" : null }, since(each.seen));
const shared = [
  ["process", (each) => [h("strong", {}, each.title), h("div", { class: "soft mono" }, each.name)]],
  ["host", (each) => `${each.host}, ${each.pid}`], ["version", (each) => each.version],
];
const health = [
  ["late", (each) => seconds(each.lag), true], ["memory", (each) => bytes(each.memory), true],
  ["files", (each) => `${number(each.descriptors)} / ${number(each.most_descriptors)}`, true],
  ["up", (each) => since(each.began), true], ["last word", seen, true],
];

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

// What each worker runs, also one that does not tell of itself.
function running(workers, all) {
  const titles = new Map(workers.map((worker) => [worker.name, worker.title]));
  for (const job of all) if (!titles.has(job.process)) titles.set(job.process, job.process);
  return [...titles].map(([name, title]) => {
    const own = all.filter((job) => job.process === name);
    return panel(`${title} runs ${own.length || "nothing"}`, own.length ? table("", jobs, own, (job) => job.id) : null);
  });
}

export default {
  title: "Workers",
  needsStore: true,
  load: () => call("running"),
  render: (all, { overview, acts }) => {
    const of = (role) => overview.processes.filter((each) => each.role === role);
    const workers = of("worker");
    const act = acts ? [["Do", quieting]] : [];
    return [
      h("h1", {}, "Workers and other processes"),
      panel("Workers", table("", [...shared,
        ["queues", (each) => each.queues.join(", ") || "all"],
        ["runs", (each) => `${number(each.running)} / ${number(each.concurrency)}`, true],
        ...health, ["standing", (each) => each.quiet ? h("span", { class: "tag warning" }, "quiet") : null], ...act,
      ], workers, (each) => each.name, "not a single worker tells of itself")),
      panel("Fronts", table("", [...shared, ["holds", (each) => number(each.held), true],
        ["oldest", (each) => each.held ? seconds(each.oldest_held) : "–", true], ...health], of("front"), (each) => each.name, "not a single front tells of itself")),
      of("supervisor").length > 0 && panel("Supervisors", table("", [...shared, ...health], of("supervisor"), (each) => each.name)),
      running(workers, all),
    ];
  },
};
