// Numbers and times for people. Times are ms by Redis' clock, durations seconds.

let ahead = 0; // ms that Redis' clock is before this machine's
export const setClock = (time) => { ahead = time - Date.now(); };
export const now = () => Date.now() + ahead;

const NUMBER = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
export const number = (value) => (value === null || value === undefined ? "–" : NUMBER.format(value));
export const rate = (value) => {
  if (value === null || value === undefined) return "–";
  if (value === 0) return "0/s";
  return `${value >= 100 ? NUMBER.format(value) : value >= 10 ? value.toFixed(1) : value.toFixed(2)}/s`;
};

export const roundRate = (value) => `${Number(value.toFixed(2))}/s`; // of a tick

export function seconds(value) {
  if (value === null || value === undefined) return "–";
  if (value <= 0) return "0 s";
  if (value < 0.01) return `${(value * 1000).toFixed(1)} ms`;
  if (value < 1) return `${Math.round(value * 1000)} ms`;
  if (value < 10) return `${value.toFixed(1)} s`;
  if (value < 120) return `${Math.round(value)} s`;
  if (value < 7200) return minutes(Math.round(value));
  if (value < 172800) return `${Math.floor(value / 3600)} h ${Math.floor((value % 3600) / 60)} min`;
  return `${Math.floor(value / 86400)} d ${Math.floor((value % 86400) / 3600)} h`;
}

function minutes(value) {
  const rest = value % 60;
  return `${Math.floor(value / 60)} min${rest ? ` ${String(rest).padStart(2, "0")} s` : ""}`;
}

export const since = (time) => (time ? seconds(Math.max(now() - time, 0) / 1000) : "–");
export const ago = (time) => (time ? `${since(time)} ago` : "–");
export const until = (time) => (!time ? "–" : time > now() ? `in ${seconds((time - now()) / 1000)}` : "now");
export const between = (from, to) => (from && to ? seconds(Math.max(to - from, 0) / 1000) : "–");

export function bytes(value) {
  if (!value) return "0";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = Math.min(Math.floor(Math.log2(value) / 10), units.length - 1);
  const shown = value / 1024 ** power;
  return `${shown >= 100 || power === 0 ? Math.round(shown) : shown.toFixed(1)} ${units[power]}`;
}

// When it was; without the day if that was today.
export function moment(time) {
  if (!time) return "–";
  const date = new Date(time);
  const isToday = date.toDateString() === new Date(now()).toDateString();
  return isToday ? date.toLocaleTimeString("sv-SE") : date.toLocaleString("sv-SE").replace(",", "");
}

export const plural = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;
export const levelOf = (state) =>
  ({ succeeded: "good", failed: "bad", dead: "bad", died: "bad", expired: "warning", cancelled: "warning", retried: "warning" })[state] ?? "note";
