// What changes something: always after a question, and with a word on what came of it.

import { call } from "./api.js";
import { h } from "./dom.js";
import { number, plural } from "./format.js";

let refresh = () => {};
export const onDone = (callback) => { refresh = callback; };

const dialog = () => document.getElementById("dialog");
let silence = 0;

export function say(text) {
  document.getElementById("said").textContent = text;
  clearTimeout(silence);
  silence = setTimeout(() => { document.getElementById("said").textContent = ""; }, 8000);
}

function open(title, text, ...more) {
  const box = dialog();
  box.replaceChildren(h("h2", { id: "dialog-title" }, title), h("p", { id: "dialog-text" }, text), ...more);
  if (!box.open) box.showModal();
  return box;
}

// Ask, and do: `run` returns what is said then.
export function confirmed({ title, text, verb, danger, run }) {
  const failed = h("p", { class: "bad", role: "alert" });
  const go = h("button", { type: "button", class: danger ? "danger" : "main", "data-do": "yes" }, verb);
  const no = h("button", { type: "button", onclick: () => dialog().close() }, "Leave it");
  go.onclick = async () => {
    go.disabled = true;
    try {
      const said = await run();
      dialog().close();
      say(said);
      refresh();
    } catch (error) {
      failed.textContent = error.message;
      go.disabled = false;
    }
  };
  open(title, text, failed, h("div", { class: "acts" }, no, go));
  no.focus();
}

const leftOut = (away) => (away.length ? `; not all of it in partition ${away.join(", ")} of the store, which does not answer` : "");

// The same for a work in slices, with its progress, until it is done or stopped.
export function confirmedSome({ title, text, verb, danger, method, args, what }) {
  confirmed({
    title, text, verb, danger,
    run: async () => {
      let stopped = false, done = 0, cursor = "";
      const away = new Set();
      const bar = h("progress", { "aria-label": title });
      const count = h("p", { role: "status" }, "…");
      const box = open(title, "", bar, count, h("div", { class: "acts" }, h("button", { type: "button", onclick: () => { stopped = true; } }, "Stop")));
      box.onclose = () => { stopped = true; };
      try {
        do {
          const slice = await call(method, { ...args, cursor });
          done += slice.done;
          cursor = slice.cursor;
          slice.away.forEach((partition) => away.add(partition));
          count.textContent = `${number(done)} done${slice.left ? `, about ${number(slice.left)} left to look at` : ""}`;
          if (slice.left) { bar.max = done + slice.left; bar.value = done; }
        } while (cursor && !stopped);
      } catch (error) {
        return `${plural(done, "job")} ${what}; then it ended: ${error.message}`;
      } finally {
        box.onclose = null;
      }
      return `${plural(done, "job")} ${what}${stopped ? ", then stopped" : ""}${leftOut([...away])}`;
    },
  });
}
