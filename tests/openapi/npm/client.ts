// A client made by openapi-typescript and openapi-fetch: that it compiles shows the types, and that it runs what they are
// worth. It is given the address of a relay, and says what it was answered.
import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

declare const process: { argv: string[] };

const client = createClient<paths>({ baseUrl: process.argv[2]! });
type State = components["schemas"]["State"];

async function submitted(): Promise<[State, number | undefined]> {
  const { data, error } = await client.POST("/jobs/area", { body: { box: { width: 2, height: 3 }, scale: 4 } });
  if (!data) throw new Error(JSON.stringify(error));
  return [data.state, data.result];
}

async function underAKey(): Promise<[boolean, string | null]> {
  const put = () => client.PUT("/jobs/boxes/{key}", { params: { path: { key: "typed" } }, body: { count: 1 } });
  const first = await put();
  const second = await put();
  return [first.data?.id === second.data?.id, second.response.headers.get("Idempotency-Replayed")];
}

async function lookedAt(): Promise<[number, State | undefined]> {
  const header = { Prefer: "respond-async", "Relay-Delay": 60.5 };
  const { data, response } = await client.POST("/jobs/pay", { params: { header }, body: {} });
  const path = { id: data!.id };
  await client.DELETE("/jobs/{id}", { params: { path } });
  const known = await client.GET("/jobs/{id}", { params: { path } });
  return [response.status, known.data?.state];
}

async function failed(): Promise<[number, string | undefined]> {
  const { error, response } = await client.POST("/jobs/pay", { body: { euros: 600 } });
  return [response.status, error && "error" in error ? error.error?.type : undefined];
}

async function refused(): Promise<[number, string | undefined]> {
  // @ts-expect-error a box has a width
  const { error, response } = await client.POST("/jobs/area", { body: { box: { height: 3 } } });
  return [response.status, error && "errors" in error ? error.errors?.[0]?.at : undefined];
}

export function neverCalled(): unknown {
  // @ts-expect-error there is no such job
  return client.POST("/jobs/hidden", {});
}

const told = {
  submitted: await submitted(),
  underAKey: await underAKey(),
  lookedAt: await lookedAt(),
  failed: await failed(),
  refused: await refused(),
};
console.log(JSON.stringify(told));
