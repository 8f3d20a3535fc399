// Calls by Node's fetch: `node client.mjs BASE`, with one call a line on standard input (see client.py).
// The authority's certificate is in NODE_EXTRA_CA_CERTS. fetch does not say which protocol it spoke.
import { createInterface } from "node:readline";

const base = process.argv[2];
let location = "";
for await (const line of createInterface({ input: process.stdin })) {
  const [method, path, prefer, body] = line.split("\t");
  const headers = body ? { "Content-Type": "application/json" } : {};
  if (prefer) headers.Prefer = prefer;
  const url = base + (path === "-" ? location : path);
  const answer = await fetch(url, { method, headers, body: body || undefined });
  location = answer.headers.get("location") ?? location;
  const told = {
    protocol: null,
    status: answer.status,
    headers: Object.fromEntries(answer.headers),
    body: await answer.text(),
  };
  console.log(JSON.stringify(told));
}
