// Charts of the last hour (uPlot), each with the same as a table.

import { call } from "./api.js";
import { h } from "./dom.js";
import { moment, number } from "./format.js";

const HOUR = 3_600_000;
const INKS = ["a", "b", "e", "f", "d"];
const BAD = /^(failed|expired|dead|died|no answer|5\d\d)$/; // labels of what is drawn in red, and nothing else is
const WHOLE = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 2e6, 5e6, 1e7];
const MINUTES = 300; // seconds below which ticks have seconds
const times = []; // ms
const columns = new Map(); // values by name
const made = new Map(); // charts by title

// What is new of the history.
export async function update() {
  const { names, rows } = await call("history", { since: times.at(-1) ?? 0 });
  for (const [time, values] of rows) {
    times.push(time);
    for (const name of names) if (!columns.has(name)) columns.set(name, new Array(times.length - 1).fill(null));
    const given = new Map(names.map((name, index) => [name, values[index]]));
    for (const [name, column] of columns) column.push(given.get(name) ?? null);
  }
  const old = times.findIndex((time) => time > Date.now() - HOUR);
  if (old > 0) {
    times.splice(0, old);
    for (const column of columns.values()) column.splice(0, old);
  }
}

export const last = (name) => columns.get(name)?.at(-1) ?? null;
// The names that begin so, the largest values first.
export const namesOf = (prefix) =>
  [...columns.keys()].filter((name) => name.startsWith(prefix)).sort((a, b) => peak(b) - peak(a));
const peak = (name) => columns.get(name).reduce((most, value) => Math.max(most, value ?? 0), 0);

const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// The ink of each series, by its place.
function inks(series) {
  let next = 0;
  return series.map(([label]) => (BAD.test(label) ? "c" : INKS[next++ % INKS.length]));
}

function clock(_, all) {
  const isShort = all.at(-1) - all[0] < MINUTES;
  const form = { hour: "2-digit", minute: "2-digit", ...(isShort && { second: "2-digit" }) };
  return all.map((time) => new Date(time * 1000).toLocaleTimeString("en-GB", form));
}

function options(series, form, width) {
  const colors = inks(series);
  const axis = { stroke: () => color("--soft"), grid: { stroke: () => color("--line"), width: 1 }, ticks: { show: false }, font: "11px system-ui" };
  return {
    width, height: 190, legend: { show: false }, cursor: { y: false, points: { show: false } },
    scales: { x: { time: true }, y: { range: (_, low, high) => [0, Math.max(high > 0 ? high * 1.1 : 1, form === number ? 4 : 0)] } },
    axes: [{ ...axis, size: 26, space: 70, values: clock }, { ...axis, size: 62, ...(form === number && { incrs: WHOLE }), values: (_, all) => all.map(form) }],
    series: [{}, ...series.map(([label], index) => ({ label, stroke: () => color(`--${colors[index]}`), width: 1.6, points: { show: times.length < 3 }, spanGaps: true }))],
  };
}

function draw(title, series, form, plot) {
  const width = plot.clientWidth;
  if (!width || !times.length) return;
  const data = [times.map((time) => time / 1000), ...series.map(([, name]) => columns.get(name) ?? times.map(() => null))];
  const labels = series.map(([label]) => label).join("|");
  const known = made.get(title);
  if (known && known.plot === plot && known.labels === labels) {
    if (known.chart.width !== width) known.chart.setSize({ width, height: 190 });
    known.chart.setData(data);
    return;
  }
  known?.chart.destroy();
  plot.replaceChildren();
  made.set(title, { plot, labels, chart: new uPlot(options(series, form, width), data, plot) });
}

function asTable(series, form) {
  const shown = [...times.keys()].reverse().filter((_, index) => index % 12 === 0).slice(0, 13);
  return h("table", {},
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "at"), series.map(([label]) => h("th", { scope: "col", class: "n" }, label)))),
    h("tbody", {}, shown.map((at) => h("tr", {}, h("td", { "data-label": "at" }, moment(times[at])),
      series.map(([label, name]) => h("td", { class: "n", "data-label": label }, form(columns.get(name)?.[at] ?? null)))))));
}

// A chart: `series` are [label, name of a figure]; `form` writes a value.
export function chart(title, series, form) {
  const colors = inks(series);
  const plot = h("div", { class: "plot", "data-kept": true, "aria-hidden": "true" });
  const drawn = h("figure", { class: "panel", "data-key": `chart ${title}`, "data-chart": title },
    h("figcaption", {}, title), plot,
    h("ul", { class: "legend" }, series.map(([label, name], index) =>
      h("li", { class: `ink-${colors[index]}` }, `${label} ${form(columns.get(name)?.at(-1) ?? null)}`))),
    h("details", {}, h("summary", {}, "As a table"), asTable(series, form)));
  specs.set(title, [series, form]);
  return drawn;
}

const specs = new Map();

// Draw the charts that are on the page now.
export function paint() {
  for (const figure of document.querySelectorAll("[data-chart]")) {
    const title = figure.getAttribute("data-chart");
    draw(title, ...specs.get(title), figure.querySelector(".plot"));
  }
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const { chart } of made.values()) chart.redraw();
});
addEventListener("resize", () => requestAnimationFrame(paint));
