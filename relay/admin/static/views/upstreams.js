// What handlers called, and how it answered.

import { chart } from "../charts.js";
import { h, panel, table } from "../dom.js";
import { number, rate, seconds } from "../format.js";
import { last, namesOf } from "../past.js";

function hosts() {
  const byHost = new Map();
  for (const name of namesOf("api ")) {
    const [, host, status] = name.split(" ");
    if (host === "time") continue;
    byHost.set(host, [...(byHost.get(host) ?? []), [status, name]]);
  }
  for (const name of namesOf("calls open ")) {
    const host = name.slice("calls open ".length);
    if (last(name) && !byHost.has(host)) byHost.set(host, []);
  }
  return [...byHost].map(([host, statuses]) => ({ host, statuses }));
}

const inAll = (statuses) => statuses.reduce((total, [, name]) => total + (last(name) ?? 0), 0);
const shown = (status) => (status === "0" ? "no answer" : status);

export default {
  title: "Upstreams",
  load: async () => ({}),
  render: (_, { breakers }) => {
    const rows = hosts();
    const open = new Set(breakers);
    return [
      h("h1", {}, "Upstreams"),
      panel("", table("", [
        ["host", (each) => h("span", { class: "mono" }, each.host)],
        ["under way", (each) => number(last(`calls open ${each.host}`) ?? 0), true],
        ["oldest", (each) => last(`calls open ${each.host}`) ? seconds(last(`calls oldest ${each.host}`)) : null, true],
        ["calls", (each) => rate(inAll(each.statuses)), true],
        ["answers", (each) => each.statuses.map(([status, name]) => h("span", { class: status >= "500" || status === "0" ? "bad" : status >= "400" ? "warning" : null }, `${shown(status)}: ${rate(last(name))} `))],
        ["p50", (each) => seconds(last(`api time ${each.host} p50`)), true], ["p95", (each) => seconds(last(`api time ${each.host} p95`)), true],
        ["p99", (each) => seconds(last(`api time ${each.host} p99`)), true],
        ["breaker", (each) => open.has(each.host) ? h("span", { class: "tag bad" }, "open: calls are refused") : null],
      ], rows, (each) => each.host, "handlers have called nothing in the last hour")),
      h("div", { class: "charts" },
        rows.slice(0, 6).map((each) => [
          chart(`Answers of ${each.host}`, each.statuses.slice(0, 6).map(([status, name]) => [shown(status), name]), rate, "api"),
          chart(`Under way to ${each.host}`, [["calls", `calls open ${each.host}`]], number, "underway"),
          chart(`Time of ${each.host}`, ["p50", "p95", "p99"].map((share) => [share, `api time ${each.host} ${share}`]), seconds, "times"),
        ])),
    ];
  },
};
