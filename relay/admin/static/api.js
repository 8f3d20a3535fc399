// The API: what it is asked, and who asks.

export class Refused extends Error {
  constructor(status, problem) {
    super(problem.detail || problem.title || `status ${status}`);
    this.status = status;
  }
}

export const session = { in: false, name: "", acts: false, csrf: "", version: "" };
const LONGEST = 10_000; // ms for an answer

async function ask(method, path, body) {
  const headers = { "Relay-CSRF": session.csrf };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const signal = AbortSignal.timeout(LONGEST);
  const answer = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), signal, credentials: "same-origin" });
  const said = await answer.json();
  if (!answer.ok) throw new Refused(answer.status, said);
  return said;
}

export const call = (name, args = {}) => ask("POST", `/api/${name}`, args);
const known = async (said) => Object.assign(session, await said);
export const look = () => known(ask("GET", "/session"));
export const logIn = (token) => known(ask("POST", "/session", { token }));
export const logOut = () => known(ask("DELETE", "/session"));
