// Elements, made of text alone (nothing is ever parsed as HTML), and a tree that is brought up to date in place, so
// that focus, open details and what somebody types stay while the page lives.

const HANDLERS = ["onclick", "onchange", "oninput", "onsubmit", "onkeydown"];
const SVG = "http://www.w3.org/2000/svg";

function put(element, properties, children) {
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element[name] = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat(3)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return element;
}

export const h = (tag, properties, ...children) => put(document.createElement(tag), properties, children);
export const s = (tag, properties, ...children) => put(document.createElementNS(SVG, tag), properties, children);

const keyOf = (node) => (node.nodeType === Node.ELEMENT_NODE ? node.getAttribute("data-key") : null);
const isAlike = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName && keyOf(a) === keyOf(b);

function sync(old, made) {
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== made.data) old.data = made.data;
    return;
  }
  if (old.hasAttribute("data-kept")) return; // it looks after itself
  for (const { name } of [...old.attributes]) {
    if (!made.hasAttribute(name) && !(name === "open" && old.nodeName === "DETAILS")) old.removeAttribute(name);
  }
  for (const { name, value } of made.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  for (const name of HANDLERS) old[name] = made[name];
  if (old.nodeName === "SELECT" && document.activeElement === old) return;
  morph(old, made);
}

// Make the children of one element those of another.
export function morph(old, made) {
  const keyed = new Map();
  for (const child of old.childNodes) if (keyOf(child) !== null) keyed.set(keyOf(child), child);
  let at = old.firstChild;
  for (const child of [...made.childNodes]) {
    const key = keyOf(child);
    const same = key !== null ? keyed.get(key) : at && isAlike(at, child) ? at : null;
    if (same && same.nodeName === child.nodeName) {
      if (same !== at) old.insertBefore(same, at);
      else at = at.nextSibling;
      sync(same, child);
    } else {
      old.insertBefore(child, at);
    }
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

// A table: `columns` are [title, cell of a row, is a number?]; `key` names a row.
export function table(caption, columns, rows, key, empty = "none") {
  if (!rows.length) return h("p", { class: "soft" }, empty);
  const cell = (row, [title, value, isNumber]) =>
    h("td", { class: isNumber ? "n" : null, "data-label": title }, value(row));
  return h("table", {},
    caption && h("caption", {}, caption),
    h("thead", {}, h("tr", {}, columns.map(([title, , isNumber]) =>
      h("th", { scope: "col", class: isNumber ? "n" : null }, title)))),
    h("tbody", {}, rows.map((row) => h("tr", { "data-key": key(row) }, columns.map((column) => cell(row, column))))));
}

export const panel = (title, ...children) => h("section", { class: "panel" }, title && h("h2", {}, title), children);
export const facts = (pairs) =>
  h("dl", { class: "facts" }, pairs.filter(([, value]) => value !== null && value !== "" && value !== undefined && value !== false)
    .map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
export const tile = (name, value, more, level) =>
  h("li", { class: "tile" }, h("span", {}, name), h("strong", { class: level }, value), more && h("small", {}, more));
export const link = (path, text) => h("a", { href: `#/${path}` }, text);
// A number in a table; nothing is said softly.
export const count = (value, form) => (value ? form(value) : h("span", { class: "soft zero" }, "0"));
// A view with what its form is filled with.
export const path = (view, query) => `${view}?${new URLSearchParams(query)}`;
export const button = (text, onclick, danger, more) =>
  h("button", { type: "button", class: danger ? "danger" : null, onclick, ...more }, text);
