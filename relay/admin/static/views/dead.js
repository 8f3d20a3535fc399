// Dead jobs: why they died, and what becomes of them.

import { confirmed, confirmedSome } from "../acting.js";
import { call } from "../api.js";
import { button, h, panel, table } from "../dom.js";
import { form, found, more } from "../finding.js";
import { moment } from "../format.js";
import { columns } from "./jobs.js";

export const retry = (id) => confirmed({
  title: "Run this dead job again?", text: `${id} is run under a new id, with all its attempts.`, verb: "Run it again",
  run: async () => `it runs again as ${await call("retry", { id })}`,
});
export const remove = (id, what) => confirmed({
  title: `Delete this ${what}?`, text: `${id} can't be looked at, nor run again, after that.`, verb: "Delete it", danger: true,
  run: async () => { await call("delete", { id }); return `the ${what} is deleted`; },
});

const meant = (query) => Object.entries(query).map(([name, value]) => `${name} ${value}`).join(", ") || "every dead job";

function acts(query) {
  const wanted = { ...query, state: "dead" };
  return h("div", { class: "acts" },
    button("Run all of these again", () => confirmedSome({
      title: "Run these dead jobs again?", text: `Meant: ${meant(query)}; those beyond this page, too.`,
      verb: "Run them again", method: "retry_some", args: { wanted }, what: "run again",
    })),
    button("Delete all of these", () => confirmedSome({
      title: "Delete these dead jobs?", text: `Meant: ${meant(query)}; those beyond this page, too. This can't be undone.`,
      verb: "Delete them", danger: true, method: "delete_some", args: { wanted }, what: "deleted",
    }), true));
}

export default {
  title: "Dead",
  needsStore: true,
  load: (context) => found(context, { ...context.query, state: "dead" }),
  render: (page, context) => {
    const shown = columns.filter(([title]) => !["state", "waited", "ran", "attempts"].includes(title));
    shown.push(["died", (job) => moment(job.finished)]);
    const each = ["Do", (job) => h("div", { class: "acts" },
      button("Run again", () => retry(job.id), false, { "aria-label": `Run ${job.id} again` }),
      button("Delete", () => remove(job.id, "dead job"), true, { "aria-label": `Delete ${job.id}` }))];
    return [
      h("div", { class: "row" }, h("h1", {}, "Dead jobs"), context.acts && page.jobs.length > 0 && acts(context.query)),
      form("dead", context, ["id", "name", "queue", "owner", "problem"]),
      panel("", table("", context.acts ? [...shown, each] : shown, page.jobs, (job) => job.id, "not a single dead job"), more(context, page)),
    ];
  },
};
