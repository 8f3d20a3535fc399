// Schedules: when they fire, and what became of the last job.

import { confirmed } from "../acting.js";
import { call } from "../api.js";
import { button, h, link, panel, table } from "../dom.js";
import { ago, moment, since, until } from "../format.js";

const fire = (each) => confirmed({
  title: `Run ${each.name} now?`, text: "Its job is added at once, whatever its schedule says.", verb: "Run it now",
  run: async () => `added as ${await call("fire", { name: each.name })}`,
});

const pause = (each) => confirmed({
  title: each.paused ? `Resume the schedule of ${each.name}?` : `Pause the schedule of ${each.name}?`,
  text: each.paused ? "It fires again at its times." : "It fires no more until it is resumed.", verb: each.paused ? "Resume" : "Pause",
  run: async () => {
    await call("pause_schedule", { name: each.name, on: !each.paused });
    return `the schedule of ${each.name} ${each.paused ? "goes on" : "is paused"}`;
  },
});

const standing = (each) => each.paused ? h("span", { class: "tag warning" }, `paused for ${since(each.paused)}`)
  : each.served ? null : h("span", { class: "tag bad" }, "no worker serves it");

export default {
  title: "Schedules",
  needsStore: true,
  load: () => call("schedules"),
  render: (rows, { acts }) => {
    const act = ["Do", (each) => h("div", { class: "acts" },
      button("Run now", () => fire(each), false, { "aria-label": `Run ${each.name} now` }),
      button(each.paused ? "Resume" : "Pause", () => pause(each), false, { "aria-label": `${each.paused ? "Resume" : "Pause"} the schedule of ${each.name}` }))];
    const columns = [
      ["job", (each) => h("strong", {}, each.name)], ["when", (each) => h("span", { class: "mono" }, each.text)],
      ["next", (each) => each.due ? `${moment(each.due)}, ${until(each.due)}` : "–"], ["last", (each) => ago(each.fired)],
      ["last job", (each) => each.id ? h("span", { class: "mono" }, link(`job/${each.id}`, each.id)) : "–"], ["standing", standing],
    ];
    return [h("h1", {}, "Schedules"), panel("", table("", acts ? [...columns, act] : columns, rows, (each) => each.name, "not a single job has a schedule"))];
  },
};
