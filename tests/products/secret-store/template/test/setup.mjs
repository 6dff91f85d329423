// A store in memory, and calls of the API without a network.
import { readFileSync } from "node:fs";
import { generateMasterKey, parseMasterKey } from "../src/master-key.mjs";
import { Store } from "../src/store.mjs";
import worker from "../src/worker.mjs";
import { openLocal } from "../scripts/d1.mjs";

export async function world() {
  const DB = openLocal(":memory:");
  DB.exec(readFileSync("migrations/0001_init.sql", "utf8"));
  const env = { DB, MASTER_KEY: generateMasterKey() };
  const store = new Store(DB, parseMasterKey(env.MASTER_KEY));
  const { id: account } = await store.createAccount();
  await store.createProject(account, "atlas");
  const { key } = await store.issueKey(account, { type: "user", permissions: "full", label: "tests" });
  return { env, store, account, key, call: (...request) => call(env, ...request) };
}

export async function call(env, method, path, key, body) {
  const request = new Request(`https://kfl.test${path}`, {
    method,
    headers: { authorization: `Bearer ${key}` },
    body: typeof body === "object" ? JSON.stringify(body) : body,
  });
  const response = await quietly(() => worker.fetch(request, env));
  const text = await response.text();
  return { status: response.status, body: text ? JSON.parse(text) : null };
}

async function quietly(run) {
  const { log } = console;
  console.log = () => {};
  try {
    return await run();
  } finally {
    console.log = log;
  }
}
