// Charts of the last hour (uPlot), each with the same as a table.

import { h, link } from "./dom.js";
import { bytes, moment, number, rate, roundRate, seconds } from "./format.js";
import { dash, inkOf, stroke } from "./inks.js";
import { absences, end, times, valuesOf } from "./past.js";

const MINUTES = 300; // seconds below which ticks have seconds
const HEIGHT = 170;
const made = new Map(); // charts by title
const specs = new Map(); // what is drawn, by title

const powers = (from, to, steps) => Array.from({ length: to - from }, (_, at) => steps.map((step) => step * 10 ** (from + at))).flat();
const STEPS = new Map([ // between ticks, so that each is another text
  [number, powers(0, 8, [1, 2, 5])],
  [rate, powers(-2, 8, [1, 2, 5])],
  [bytes, Array.from({ length: 40 }, (_, power) => 2 ** power)],
  [seconds, [...powers(-4, 1, [1, 2, 5]), 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 43200, 86400, 172800, 432000]],
]);
const LEAST = new Map([[number, 4], [rate, 0.1], [seconds, 0.01], [bytes, 1024]]); // of the highest tick

const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function clock(_, all) {
  const isShort = all.at(-1) - all[0] < MINUTES;
  const form = { hour: "2-digit", minute: "2-digit", ...(isShort && { second: "2-digit" }) };
  return all.map((time) => new Date(time * 1000).toLocaleTimeString("en-GB", form));
}

// A band where there was nothing to know.
function shade(plot) {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.fillStyle = color("--away");
  for (const [from, to] of absences()) {
    const left = plot.valToPos(from / 1000, "x", true);
    ctx.fillRect(left, bbox.top, Math.max(plot.valToPos(to / 1000, "x", true) - left, 2), bbox.height);
  }
  ctx.restore();
}

const isAlone = (values, at) => values[at] != null && (values[at - 1] ?? null) === null && (values[at + 1] ?? null) === null;

function line([label], ink) {
  return {
    label, stroke: () => color(stroke(ink)), width: 1.6, dash: dash(ink), spanGaps: false,
    points: { show: true, size: 4, filter: (plot, at) => plot.data[at].map((_, index) => index).filter((index) => isAlone(plot.data[at], index)) },
  };
}

function options({ series, form, inks }, width) {
  const axis = { stroke: () => color("--soft"), grid: { stroke: () => color("--line"), width: 1 }, ticks: { show: false }, font: "11px system-ui" };
  const steps = STEPS.get(form);
  return {
    width, height: HEIGHT, legend: { show: false }, cursor: { y: false, points: { show: false } },
    scales: {
      x: { time: true, range: (_, low, high) => [low, Math.max(high, end() / 1000, low + 10)] },
      y: { range: (_, low, high) => [0, high > 0 ? Math.max(high * 1.1, LEAST.get(form) ?? 0) : LEAST.get(form) ?? 1] },
    },
    axes: [{ ...axis, size: 24, space: 70, values: clock }, { ...axis, size: 62, ...(steps && { incrs: steps }), values: (_, all) => all.map(form === rate ? roundRate : form) }],
    series: [{}, ...series.map((each, index) => line(each, inks[index]))],
    hooks: { drawClear: [shade] },
  };
}

function draw(title, plot) {
  const spec = specs.get(title), width = plot.clientWidth;
  if (!width || !times.length) return;
  const data = [times.map((time) => time / 1000), ...spec.series.map(([, name]) => valuesOf(name))];
  const labels = spec.series.map(([label]) => label).join("|");
  const known = made.get(title);
  if (known && known.plot === plot && known.labels === labels) {
    if (known.chart.width !== width) known.chart.setSize({ width, height: HEIGHT });
    known.chart.setData(data);
    return;
  }
  known?.chart.destroy();
  plot.replaceChildren();
  made.set(title, { plot, labels, chart: new uPlot(options(spec, width), data, plot) });
}

function asTable(series, form) {
  const all = series.map(([, name]) => valuesOf(name));
  const shown = [...times.keys()].reverse().filter((_, index) => index % 12 === 0).slice(0, 13);
  return h("table", {},
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "at"), series.map(([label]) => h("th", { scope: "col", class: "n" }, label)))),
    h("tbody", {}, shown.map((at) => h("tr", {}, h("td", { "data-label": "at" }, moment(times[at])),
      series.map(([label], index) => h("td", { class: "n", "data-label": label }, form(all[index][at] ?? null)))))));
}

// What the bands mean, if there are some.
const away = () => [...new Set(absences().map(([, , why]) => why))].map((why) => h("li", { class: "ink-away" }, why));

function legend({ series, form, inks, isTotal }) {
  const shown = (name) => (isTotal ? valuesOf(name).reduce((sum, value) => sum + (value ?? 0), 0) : valuesOf(name).at(-1) ?? null);
  return h("ul", { class: "legend" }, series.map(([label, name, path], index) =>
    h("li", { class: `ink-${inks[index]}` }, path ? link(path, label) : label, ` ${form(shown(name))}`)), away());
}

// A chart: `series` are [label, name of a figure or names of some, view that explains it]; `form` writes a value; `kind`
// is what its series are (inks.js); `path` leads to the view that explains all. Its legend has what there is now, or was
// in all (`isTotal`).
export function chart(title, series, form, kind, { path, isTotal } = {}) {
  const inks = series.map(([label]) => inkOf(kind, label));
  const spec = { series, form, inks, isTotal };
  specs.set(title, spec);
  return h("figure", { class: "panel", "data-key": `chart ${title}`, "data-chart": title },
    h("figcaption", {}, path ? link(path, title) : title),
    h("div", { class: "plot", "data-kept": true, "aria-hidden": "true" }), legend(spec),
    h("details", {}, h("summary", {}, "As a table"), asTable(series, form)));
}

// Charts, given as what `chart` takes; those without anything to draw are named in one line.
export function charts(all) {
  const drawn = all.filter(([, series]) => series.length);
  const empty = all.filter(([, series]) => !series.length).map(([title]) => title.toLowerCase().replace("apis", "APIs"));
  return [
    h("div", { class: "charts" }, drawn.map((each) => chart(...each))),
    empty.length > 0 && h("p", { class: "soft", "data-key": "empty" }, `None in the last hour: ${empty.join(", ")}.`),
  ];
}

// Draw the charts that are on the page now.
export function paint() {
  for (const figure of document.querySelectorAll("[data-chart]")) draw(figure.getAttribute("data-chart"), figure.querySelector(".plot"));
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const { chart } of made.values()) chart.redraw();
});
addEventListener("resize", () => requestAnimationFrame(paint));
