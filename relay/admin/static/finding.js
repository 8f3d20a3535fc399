// Jobs that are looked for: the form, and what it finds.

import { call } from "./api.js";
import { h } from "./dom.js";

export const STATES = ["", "scheduled", "queued", "running", "succeeded", "failed", "cancelled", "expired", "dead"];
const FRESH = 6000; // ms for which a list counts: looking for jobs is work for Redis
const ROUNDS = 8; // questions for one list
const MOST = 50;
const ID = /^[0-9]+-[a-z0-9]+-[a-z0-9]{16,}(-\d{8}t\d{6}z)?(-then)?$/; // a whole one

// The jobs that a query means; more of them each time that somebody asks for more.
export async function found(context, query) {
  const { kept } = context;
  if (kept.query !== JSON.stringify(query)) Object.assign(kept, { query: JSON.stringify(query), most: MOST });
  const asked = JSON.stringify([query, kept.most]);
  if (kept.asked === asked && Date.now() - kept.at < FRESH) return kept.page;
  const { most } = kept;
  const jobs = [];
  let cursor = "", looked = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const page = await call("jobs", { wanted: query, most: most - jobs.length, cursor });
    jobs.push(...page.jobs);
    cursor = page.cursor;
    looked += page.looked_at;
    if (!cursor || jobs.length >= most) break;
  }
  Object.assign(kept, { asked, at: Date.now(), page: { jobs, cursor, looked } });
  return kept.page;
}

export function more(context, page) {
  if (!page.cursor) return null;
  return h("p", {}, h("button", { type: "button", onclick: () => {
    context.kept.most += MOST;
    context.refresh();
  } }, "Look further"), h("span", { class: "soft" }, ` ${page.looked} jobs were looked at`));
}

const text = (name, label, query, width, list) => h("label", {}, label,
  h("input", { name, value: query[name] ?? "", size: width, list, autocomplete: "off", spellcheck: "false" }));

// A form that leads to `path` with what it says; a job's whole id leads to the job.
export function form(path, { query, overview }, fields) {
  const submit = (event) => {
    event.preventDefault();
    const given = [...new FormData(event.currentTarget)].filter(([, value]) => value.trim());
    const id = given.map(([, value]) => value.trim()).find((value) => ID.test(value));
    if (id) {
      location.hash = `#/job/${id}`;
      return;
    }
    const said = new URLSearchParams(given.map(([name, value]) => [name, value.trim()]));
    location.hash = `#/${path}${given.length ? `?${said}` : ""}`;
  };
  const inputs = {
    id: () => text("id", "Id begins with", query, 22),
    name: () => text("name", "Name", query, 14, "names"),
    queue: () => text("queue", "Queue", query, 10, "queues"),
    owner: () => text("owner", "Owner", query, 14),
    key: () => text("key", "Key (with name, owner)", query, 16),
    problem: () => text("problem", "Problem", query, 14),
    state: () => h("label", {}, "State", h("select", { name: "state" },
      STATES.map((state) => h("option", { value: state, selected: (query.state ?? "") === state }, state || "any")))),
  };
  return h("form", { class: "filter panel", role: "search", "data-key": `form ${path} ${JSON.stringify(query)}`, onsubmit: submit },
    fields.map((field) => inputs[field]()),
    h("button", { type: "submit", class: "main" }, "Look"),
    h("datalist", { id: "names" }, overview.names.map((each) => h("option", { value: each.name }))),
    h("datalist", { id: "queues" }, overview.queues.map((each) => h("option", { value: each.queue }))));
}
