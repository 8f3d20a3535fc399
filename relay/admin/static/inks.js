// The inks of series, by what they mean: what goes well is calm, what callers did wrong amber, what is bad red. The same
// label has the same ink in all charts, as long as the page lives.

// Those of one meaning: solid lines, and then others.
const CALM = [["a", "f", "e", "b", "g"], ["a2", "f2", "e2", "b2", "g2"]];
const WARN = [["d"], ["d2", "d3"]];
const BAD = [["c"], ["c2", "c3"]];
const FAILED = [["c", "d"], ["c2", "d2"], ["c3", "d3"]];
const FIXED = {
  attempts: { succeeded: "b", running: "a", cancelled: "g", postponed: "f", "given back": "e", undone: "g2", lost: "e2", retried: "d", expired: "d2", failed: "c", dead: "c2", died: "c3" },
  requests: { 200: "b", 202: "f", 204: "a" },
  api: { 200: "b", 202: "f", 204: "a" },
  now: { held: "e", queued: "g", running: "a" },
  times: { p50: "g", p95: "a", p99: "e" },
  ends: { answered: "b", passed: "f", reattach: "g", incomplete: "d", abandoned: "d2", cut: "c" },
  calls: { answered: "b", "4xx": "d", "5xx": "c", "no answer": "c2" },
  ended: { replaced: "g", exited: "c2", killed: "c" },
};
const given = new Map(); // by kind and label

// An ink that no label of this kind has yet, solid if there is one; which it is the label's letters say.
function free(kind, label, groups) {
  const key = `${kind} ${label}`;
  if (given.has(key)) return given.get(key);
  const used = new Set([...given].filter(([other]) => other.startsWith(`${kind} `)).map(([, ink]) => ink));
  const said = [...label].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 9973, 0);
  const turned = groups.flatMap((inks) => inks.map((_, at) => inks[(said + at) % inks.length]));
  const ink = turned.find((each) => !used.has(each)) ?? turned[said % turned.length];
  given.set(key, ink);
  return ink;
}

function ofStatus(kind, label) {
  if (label === "no answer") return kind === "requests" ? "g2" : "c2"; // a client that left, or an API that is down
  return free(kind, label, label >= "500" ? BAD : label >= "400" ? WARN : CALM);
}

// `kind`: what the series of a chart are.
export function inkOf(kind, label) {
  const fixed = FIXED[kind]?.[label];
  if (fixed) return fixed;
  if (kind === "requests" || kind === "api") return ofStatus(kind, label);
  if (kind === "ended") return FIXED.ended[label.split(" ").at(-1)] ?? "c3";
  return free(kind, label, kind === "failures" ? FAILED : CALM);
}

const DASHES = { 2: [7, 4], 3: [2, 3] };
export const stroke = (ink) => `--${ink[0]}`;
export const dash = (ink) => DASHES[ink[1]];
