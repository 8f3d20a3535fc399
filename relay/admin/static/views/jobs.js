// Jobs that live, have ended and are kept, or are dead.

import { confirmedSome } from "../acting.js";
import { button, h, link, panel, table } from "../dom.js";
import { form, found, more } from "../finding.js";
import { between, levelOf, moment, number, since } from "../format.js";

const FIELDS = ["id", "name", "queue", "owner", "key", "problem", "state"];
const LIVE = ["scheduled", "queued", "running"];

export const columns = [
  ["id", (job) => h("span", { class: "mono" }, link(`job/${job.id}`, job.id))],
  ["name", (job) => job.name],
  ["queue", (job) => job.queue],
  ["owner", (job) => job.owner],
  ["state", (job) => h("span", { class: `tag ${levelOf(job.state)}` }, job.state)],
  ["problem", (job) => job.problem],
  ["made", (job) => moment(job.created)],
  ["waited", (job) => job.started ? between(job.created, job.started) : LIVE.includes(job.state) ? since(job.created) : "–", true],
  ["ran", (job) => job.finished ? between(job.started, job.finished) : job.started && job.state === "running" ? since(job.started) : "–", true],
  ["attempts", (job) => number(job.attempts), true],
];

// Those that live first, as they stand in line; then what ended, the latest first.
const isLive = (job) => LIVE.includes(job.state);
const inOrder = (jobs) => [...jobs.filter(isLive), ...jobs.filter((job) => !isLive(job)).sort((a, b) => b.created - a.created)];

export default {
  title: "Jobs",
  needsStore: true,
  load: (context) => found(context, context.query),
  render: (page, context) => [
    h("div", { class: "row" }, h("h1", {}, "Jobs"),
      context.acts && LIVE.includes(context.query.state) && button("Cancel all of these", () => confirmedSome({
        title: "Cancel all of these jobs?", text: `All that the form means (${Object.values(context.query).join(", ")}) are cancelled, those beyond this page, too. This can't be undone.`,
        verb: "Cancel them", danger: true, method: "cancel_some", args: { wanted: context.query }, what: "cancelled",
      }), true)),
    form("jobs", context, FIELDS),
    panel("", table("", columns, inOrder(page.jobs), (job) => job.id, "there is no such job"), more(context, page)),
  ],
};
