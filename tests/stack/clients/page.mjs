// Jobs by the code on the page for fetch: `node page.mjs FILE` (see page.py).
import { createInterface } from "node:readline";

const { call } = await import(process.argv[2]);
const asked = [];
for await (const line of createInterface({ input: process.stdin })) asked.push(JSON.parse(line));

async function take() {
  for (let each; (each = asked.shift()); ) {
    const told = { key: each.key, events: [] };
    try {
      const heard = each.lines ? (event) => told.events.push(event) : undefined;
      told.envelope = await call(each.base, each.job, each.arguments, each.key, heard);
    } catch (error) {
      told.error = String(error);
    }
    console.log(JSON.stringify(told));
  }
}

await Promise.all(Array.from({ length: 16 }, take));
