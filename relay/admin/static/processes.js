// Processes as people know them: "worker 1", with the name that logs have beside it.

import { h } from "./dom.js";
import { now } from "./format.js";

const SILENT = 15_000; // ms
const BLOCKED = 1; // seconds that a reactor was late

export const silent = (each) => now() - each.seen > SILENT;
// How bad it stands, the worst last.
export const trouble = (each) => (silent(each) ? 2 : each.lag >= BLOCKED ? 1 : 0);
export const isLate = (each) => each.lag >= BLOCKED;
export const worstFirst = (all) => [...all].sort((a, b) => trouble(b) - trouble(a) || a.title.localeCompare(b.title, "en", { numeric: true }));

export function titled(overview, name) {
  const found = overview.processes.find((each) => each.name === name);
  const bare = h("span", { class: "mono soft" }, name);
  return found ? [`${found.title} `, bare] : bare;
}
