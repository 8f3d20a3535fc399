// The dashboard: who looks, which view, and what is new every two seconds.

import * as api from "./api.js";
import { onDone, say } from "./acting.js";
import { paint } from "./charts.js";
import { h, morph } from "./dom.js";
import { seconds, setClock } from "./format.js";
import { update } from "./past.js";
import dead from "./views/dead.js";
import job from "./views/job.js";
import jobs from "./views/jobs.js";
import limits from "./views/limits.js";
import overview from "./views/overview.js";
import queues from "./views/queues.js";
import redis from "./views/redis.js";
import schedules from "./views/schedules.js";
import upstreams from "./views/upstreams.js";
import workers from "./views/workers.js";

const POLL = 2000; // ms
const views = { overview, queues, jobs, job, dead, workers, schedules, limits, upstreams, redis };
const at = (id) => document.getElementById(id);
let context = null; // of the view that is shown
let summary = { overview: null, findings: [], breakers: [] };
let answered = 0; // ms, when the last answer came
let trouble = "";
const told = {};
let timer = 0;
let turn = 0;

function decoded(text) {
  try { return decodeURIComponent(text); } catch { return text; } // a link that somebody typed
}

function read() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  const [name, ...rest] = path.split("/");
  const known = Object.hasOwn(views, name) ? name : "overview";
  return { name: known, rest: rest.map(decoded).join("/"), query: Object.fromEntries(new URLSearchParams(query)) };
}

function showNavigation() {
  const shown = Object.entries(views).filter(([, view]) => view.title && view.isListed !== false);
  const current = context.name === "job" ? "jobs" : context.name;
  morph(at("nav"), h("nav", {}, shown.map(([name, view]) =>
    h("a", { href: `#/${name}`, "aria-current": name === current ? "page" : null }, view.title))));
  at("nav").hidden = false;
}

// Have a screen reader say what has become wrong, or well: not each number that changes.
function tell(kind, text) {
  const key = text.replace(/[\d.,]+/g, "");
  if (told[kind] === key) return;
  const isFirst = told[kind] === undefined && !text;
  told[kind] = key;
  if (!isFirst) at("heard").textContent = text || "all is well again";
}

function showFindings() {
  const { findings } = summary;
  tell("findings", findings.filter((each) => each.level !== "note").map((each) => each.what).join("; "));
  const box = at("alerts");
  const isGood = !findings.some((each) => each.level !== "note");
  box.hidden = false;
  box.className = `alerts ${isGood && !findings.length ? "good" : ""}`;
  const words = { bad: "Wrong", warning: "Look", note: "Note" };
  morph(box, h("div", {}, isGood && h("p", { class: "good" }, "All is well"),
    findings.length > 0 && h("ul", {}, findings.map((each) =>
      h("li", {}, h("span", { class: `level ${each.level}` }, words[each.level]), each.what,
        h("span", { class: "soft" }, ` – ${each.remedy}`))))));
}

function showFreshness() {
  const late = (Date.now() - answered) / 1000;
  const isLate = Boolean(trouble) || late > 10;
  const box = at("fresh");
  box.classList.toggle("late", isLate);
  const text = !answered ? trouble : isLate ? `${trouble || "no answer"} for ${seconds(Math.round(late))}` : `updated ${Math.round(late)} s ago`;
  if (box.textContent !== text) box.textContent = text;
  tell("freshness", isLate ? trouble || "no answer" : "");
}

function showWho() {
  const { name, acts } = api.session;
  const may = acts ? "may act" : "may look";
  morph(at("who"), h("span", {}, name ? [`${name} (${may}) `, h("button", { type: "button", onclick: leave }, "Log out")] : `you ${may}`));
}

async function leave() {
  await api.logOut();
  askForToken();
}

function askForToken(problem = "") {
  clearTimeout(timer);
  turn += 1;
  document.title = "Log in – relay";
  at("nav").hidden = at("alerts").hidden = true;
  at("fresh").textContent = "";
  at("who").replaceChildren();
  const token = h("input", { type: "password", id: "token", name: "token", autocomplete: "current-password", required: true, "aria-describedby": "how" });
  const failed = h("p", { class: "bad", role: "alert", id: "failed" }, problem);
  const submit = async (event) => {
    event.preventDefault();
    try {
      await api.logIn(token.value);
      token.value = "";
      begin();
    } catch (error) {
      failed.textContent = error.message;
      token.select();
    }
  };
  at("content").replaceChildren(h("form", { class: "panel login", onsubmit: submit },
    h("h1", {}, "Log in"), h("label", { for: "token" }, "Token of an operator"), token, failed,
    h("button", { type: "submit", class: "main" }, "Log in"),
    h("p", { class: "soft", id: "how" }, "A token is made with: ", h("code", {}, "relay tokens add NAME --operator act"))));
  token.focus();
}

function show(data) {
  morph(at("content"), h("main", {}, context.view.render(data, context)));
  document.title = `${context.view.title}${context.rest ? ` ${context.rest}` : ""} – relay`;
  paint();
}

async function refresh() {
  const mine = ++turn;
  clearTimeout(timer);
  try {
    const asked = context;
    const [found] = await Promise.all([api.call("summary"), update()]);
    summary = found;
    if (found.overview) setClock(found.overview.time);
    asked.overview = found.overview ?? asked.overview;
    asked.breakers = found.breakers;
    if (mine === turn) showFindings();
    const data = found.overview || !asked.view.needsStore ? await asked.view.load(asked) : null;
    if (mine !== turn) return;
    answered = Date.now();
    trouble = found.overview ? "" : "Redis does not answer";
    if (data !== null && asked.overview) show(context.data = data);
  } catch (error) {
    if (mine !== turn) return;
    if (error.status === 401) return askForToken("Log in again");
    trouble = error instanceof api.Refused ? error.message : "no answer";
    if (context.data && document.querySelector("[data-chart]")) show(context.data); // charts tell since when
    if (error.status === 409) at("content").replaceChildren(h("h1", {}, context.view.title), h("p", { class: "bad" }, error.message));
  }
  showFreshness();
  timer = setTimeout(refresh, document.hidden ? POLL * 10 : POLL);
}

function go() {
  const asked = read();
  const isOther = !context || context.name !== asked.name || context.rest !== asked.rest;
  context = { ...asked, view: views[asked.name], acts: api.session.acts, overview: summary.overview, breakers: summary.breakers, kept: isOther ? {} : context.kept, refresh };
  showNavigation();
  if (isOther) {
    at("content").replaceChildren(h("p", { class: "soft" }, "…"));
    scrollTo(0, 0);
    if (document.activeElement?.closest?.("nav, main")) at("content").focus({ preventScroll: true });
  }
  refresh();
}

function begin() {
  showWho();
  go();
}

onDone(() => {
  context.kept.at = 0; // what was found is old
  refresh();
});
addEventListener("hashchange", () => { if (api.session.in) go(); });
document.addEventListener("visibilitychange", () => { if (!document.hidden && context && api.session.in) refresh(); });
setInterval(() => { if (context && api.session.in) showFreshness(); }, 1000);
try {
  await api.look();
  if (api.session.in) begin();
  else askForToken();
} catch (error) {
  say(`relay does not answer: ${error.message}`);
}
