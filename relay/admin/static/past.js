// The last hour, as far as this page knows it: figures by name, and when there were none.

import { call } from "./api.js";

const HOUR = 3_600_000;
const APART = 25_000; // ms between moments above which nobody has looked
const SHORTLY = 8_000; // the same where this page had no answer meanwhile
const RATES = /^(ended|failed|api (?!time )|limited|requests|end) /;
const NOTHING = undefined; // was measured: not a gap

export const times = []; // ms
const columns = new Map(); // values by name
let failed = 0; // ms, since when there has been no answer
const silences = []; // from, to
const breaks = new Set(); // times of moments that only part lines

// What is new of it.
export async function update() {
  try {
    const { names, rows } = await call("history", { since: times.at(-1) ?? 0 });
    rows.forEach((row) => add(names, row));
  } catch (error) {
    if (!error.status) failed ||= times.at(-1) ?? Date.now();
    throw error;
  }
  failed = 0;
  forget(Date.now() - HOUR);
}

function add(names, [time, values]) {
  const before = times.at(-1) ?? time;
  if (time - before > (failed ? SHORTLY : APART)) {
    silences.push([before, time]);
    breaks.add(before + 1);
    put(before + 1, new Map());
  }
  put(time, new Map(names.map((name, index) => [name, values[index]])));
}

function put(time, given) {
  times.push(time);
  for (const name of given.keys()) if (!columns.has(name)) columns.set(name, new Array(times.length - 1).fill(null));
  for (const [name, column] of columns) column.push(given.get(name) ?? null);
}

function forget(before) {
  const old = times.findIndex((time) => time > before);
  if (old > 0) {
    times.splice(0, old);
    for (const column of columns.values()) column.splice(0, old);
  }
  while (silences.length && silences[0][1] < before) silences.shift();
}

// The values of a figure, or of some together: null where nothing was known, 0 where nothing was counted.
export function valuesOf(name) {
  if (Array.isArray(name)) return together(name.map(valuesOf));
  const told = columns.get("told") ?? [];
  const column = columns.get(name);
  if (isRate(name)) return times.map((_, at) => column?.[at] ?? (told[at] ? 0 : null));
  if (name.startsWith("process ")) return steps(column, told);
  if (/ p\d\d$/.test(name)) return times.map((_, at) => column?.[at] ?? (told[at] ? NOTHING : null));
  if (/^(queue|oldest) /.test(name)) return times.map((_, at) => column?.[at] ?? (columns.get("queued")?.[at] != null ? 0 : null));
  return column ?? times.map(() => null);
}

// What a count has grown by since the moment before; one that began anew has grown from 0.
function steps(column, told) {
  const counts = times.map((_, at) => column?.[at] ?? (told[at] ? 0 : null));
  let before = null;
  return counts.map((count) => {
    const grown = count === null ? null : before === null ? 0 : count < before ? count : count - before;
    before = count ?? before;
    return grown;
  });
}

const isRate = (name) => RATES.test(name);
const together = (all) => times.map((_, at) => {
  const known = all.map((values) => values[at]).filter((value) => value !== null && value !== undefined);
  return known.length ? known.reduce((sum, value) => sum + value, 0) : (columns.get("told")?.[at] ? 0 : null);
});

export const last = (name) => valuesOf(name).at(-1) ?? null;
// The names that begin so, the largest values first, and what was above 0.
export const namesOf = (prefix) => peaksOf(prefix).map(([name]) => name);
export const countedOf = (prefix) => peaksOf(prefix).filter(([, most]) => most > 0).map(([name]) => name);
const peaksOf = (prefix) => [...columns.keys()].filter((name) => name.startsWith(prefix))
  .map((name) => [name, valuesOf(name).reduce((most, value) => Math.max(most, value ?? 0), 0)]).sort((a, b) => b[1] - a[1]);

// Where charts end.
export const end = () => (failed ? Math.max(Date.now(), failed) : times.at(-1) ?? Date.now());

// When there was nothing to know: [from, to, why], in ms.
export function absences() {
  const found = silences.map(([from, to]) => [from, to, "relay did not answer"]);
  if (failed) found.push([failed, end(), "relay did not answer"]);
  const queued = columns.get("queued") ?? [];
  let from = null;
  for (let at = 0; at < times.length; at += 1) {
    if (breaks.has(times[at])) continue;
    if ((queued[at] ?? null) === null) from ??= times[Math.max(at - 1, 0)];
    else if (from !== null) {
      found.push([from, times[at], "Redis was away"]);
      from = null;
    }
  }
  if (from !== null) found.push([from, times.at(-1), "Redis is away"]);
  return found;
}
