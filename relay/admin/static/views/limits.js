// Limits that jobs declare, and those that APIs were learned to say.

import { confirmed } from "../acting.js";
import { call } from "../api.js";
import { button, h, panel, table } from "../dom.js";
import { number, seconds } from "../format.js";

const forget = (each) => confirmed({
  title: "Forget what was learned?", text: `Calls to ${each.scope} go at once again, until the API says otherwise.`, verb: "Forget it",
  run: async () => { await call("forget", { scope: each.scope }); return `nothing learned of ${each.scope} counts any more`; },
});

export default {
  title: "Limits",
  needsStore: true,
  load: () => call("limits"),
  render: (rows, { acts }) => {
    const columns = [
      ["scope", (each) => h("span", { class: "mono" }, each.scope)], ["from", (each) => each.learned ? "learned of the API" : "declared"],
      ["calls", (each) => each.calls ? number(each.calls) : "–", true], ["in", (each) => each.window ? seconds(each.window) : "–", true],
      ["nothing goes for", (each) => each.pause > 0 ? h("span", { class: "warning" }, seconds(each.pause)) : "–", true],
    ];
    const act = ["Do", (each) => each.learned ? button("Forget", () => forget(each), false, { "aria-label": `Forget ${each.scope}` }) : null];
    return [h("h1", {}, "Limits"), panel("", table("", acts ? [...columns, act] : columns, rows, (each) => each.scope, "not a single limit is known"))];
  },
};
