// One job: where it stands, what was tried, what it waits for.

import { confirmed } from "../acting.js";
import { call } from "../api.js";
import { button, facts, h, link, panel, s, table } from "../dom.js";
import { between, levelOf, moment, now, number, since, until } from "../format.js";
import { titled } from "../processes.js";
import { remove, retry } from "./dead.js";

const LIVE = ["scheduled", "queued", "running"];
const WIDTH = 900, HEIGHT = 20;

// What came after what: [from, to, class, in words].
function stretches(job) {
  const { created, finished, state } = job.row;
  const end = finished || now();
  const parts = [];
  let at = created;
  for (const attempt of job.attempts.filter((each) => each.started)) {
    if (attempt.started > at) parts.push([at, attempt.started, "wait", "waited"]);
    at = attempt.ended || end;
    const kind = ["running", "succeeded", "failed"].includes(attempt.how) ? attempt.how : attempt.how === "died" ? "failed" : "other";
    parts.push([attempt.started, at, kind, `attempt ${attempt.number}, ${attempt.how}`]);
  }
  if (LIVE.includes(state) && at < end && parts.at(-1)?.[2] !== "running") parts.push([at, end, "wait", "waits"]);
  return parts;
}

function picture(job) {
  const parts = stretches(job);
  if (!parts.length) return null;
  const from = job.row.created, to = Math.max(...parts.map((part) => part[1]), from + 1);
  const x = (time) => ((time - from) / (to - from)) * WIDTH;
  const words = parts.map(([a, b, , what]) => `${what} for ${between(a, b)}`).join("; ");
  const drawn = s("svg", { class: "line-of-life", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": `In time: ${words}` },
    parts.map(([a, b, kind, what]) => s("rect", { x: x(a).toFixed(1), y: 0, width: Math.max(x(b) - x(a), 2).toFixed(1), height: HEIGHT, class: `bar-${kind}` },
      s("title", {}, `${what}: ${between(a, b)}`))));
  return [drawn, h("p", { class: "row ends" }, h("span", {}, moment(from)), h("span", {}, `+ ${between(from, to)}`))];
}

function pretty(text) {
  try { return JSON.stringify(JSON.parse(text), null, 2); } catch { return text; }
}

function acts({ row, isDead }) {
  const cancel = () => confirmed({
    title: "Cancel this job?", text: `${row.id} (${row.name}) is told to stop; clients that wait for it are told so.`, verb: "Cancel it", danger: true,
    run: async () => {
      const state = await call("cancel", { id: row.id });
      return state === "running" ? "the job is told to stop" : `the job is ${state}`;
    },
  });
  return h("div", { class: "acts" },
    LIVE.includes(row.state) && button("Cancel", cancel, true),
    isDead && button("Run again", () => retry(row.id)),
    !LIVE.includes(row.state) && button("Delete", () => remove(row.id, isDead ? "dead job" : "outcome"), true));
}

const attempts = (overview) => [
  ["attempt", (each) => number(each.number)], ["how it ended", (each) => h("span", { class: `tag ${levelOf(each.how)}` }, each.how)],
  ["problem", (each) => each.problem], ["began", (each) => moment(each.started)],
  ["took", (each) => each.started ? between(each.started, each.ended || now()) : "–", true], ["worker", (each) => each.process && titled(overview, each.process)],
];

export default {
  title: "Job",
  isListed: false,
  needsStore: true,
  load: async ({ rest }) => {
    const job = await call("job", { id: rest });
    if (job.row.state === "failed") { // which does not say whether it is kept as a dead job
      const page = await call("jobs", { wanted: { state: "dead", id: job.row.id, name: job.row.name }, most: 1 });
      job.isDead = page.jobs.length > 0;
    }
    job.isDead ||= job.row.state === "dead";
    return job;
  },
  render: (job, { acts: may, overview }) => {
    const { row } = job;
    return [
      h("div", { class: "row" }, h("h1", {}, `${row.name} `, h("span", { class: `tag ${levelOf(row.state)}` }, job.isDead ? "dead" : row.state)), may && acts(job)),
      panel("In time", picture(job), table("", attempts(overview), job.attempts, (each) => `${each.number} ${each.started}`, "not started yet")),
      panel("About it", facts([
        ["id", h("span", { class: "mono" }, row.id)], ["queue", row.queue], ["owner", row.owner], ["problem", row.problem && h("span", { class: levelOf(row.state) }, row.problem)],
        ["which says", job.envelope.error?.detail],
        ["waits because", job.why_waiting && h("strong", { class: "warning" }, job.why_waiting)],
        ["made", moment(row.created)],
        ["waited", row.started ? between(row.created, row.started) : LIVE.includes(row.state) ? since(row.created) : ""],
        ["may start", job.due ? `${moment(job.due)}, ${until(job.due)}` : ""],
        ["deadline", job.deadline ? `${moment(job.deadline)}, ${until(job.deadline)}` : ""],
        ["place in line", job.position ? number(job.position) : ""], ["priority", job.priority ? number(job.priority) : ""],
        ["attempts", job.most_attempts ? `${row.attempts} of ${job.most_attempts}` : number(row.attempts)], ["limit group", job.lane],
        ["worker", job.process && titled(overview, job.process)],
        ["waited for by", job.waiters.length ? job.waiters.map((name) => h("div", {}, titled(overview, name))) : ""],
        ["parent", job.parent && link(`job/${job.parent}`, job.parent)],
        ["sub-jobs", job.children.length ? job.children.map((id) => [link(`job/${id}`, id), " "]) : ""],
        ["kept until", job.expires ? moment(job.expires) : ""], ["trace", job.trace && h("span", { class: "mono" }, job.trace)],
        ["in the log", h("code", {}, `grep ${row.id}`)],
      ])),
      panel("Arguments", job.arguments ? h("pre", { tabindex: "0", "aria-label": "Arguments" }, pretty(job.arguments)) : h("p", { class: "soft" }, "none, or not kept"),
        job.arguments_cut && h("p", { class: "soft" }, "The end is cut off.")),
      panel("What clients are told", h("pre", { tabindex: "0", "aria-label": "Envelope" }, JSON.stringify(job.envelope, null, 2))),
    ];
  },
};
