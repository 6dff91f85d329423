// The platform's bindings on this machine: D1 over SQLite, a bucket, a namespace and a queue in memory.
import { DatabaseSync } from "node:sqlite";
import { readFileSync } from "node:fs";

export function database() {
  const sqlite = new DatabaseSync(":memory:");
  sqlite.exec(readFileSync(new URL("../../migrations/0001_init.sql", import.meta.url), "utf8"));
  const bound = (sql, values) => ({
    bind: (...values) => bound(sql, values),
    run: async () => sqlite.prepare(sql).run(...values),
    first: async () => sqlite.prepare(sql).get(...values) ?? null,
    all: async () => ({ results: sqlite.prepare(sql).all(...values) }),
  });
  return { prepare: (sql) => bound(sql, []) };
}

export function bucket() {
  const kept = new Map();
  return {
    put: async (key, body) => void kept.set(key, body),
    get: async (key) => (kept.has(key) ? { body: kept.get(key) } : null),
    delete: async (key) => void kept.delete(key),
    size: () => kept.size,
  };
}

export function bindings(more = {}) {
  const settings = new Map([["mail", JSON.stringify({ known: ["customer.example"], blocked: ["spam.example"] })]]);
  const sent = [];
  return {
    DB: database(),
    UPLOADS: bucket(),
    SETTINGS: { get: async (key) => settings.get(key) ?? null },
    OUTBOX: { send: async (item) => void sent.push(item), sent },
    AI_GATEWAY_URL: "https://gateway.example/v1/postroom",
    ...more,
  };
}

export async function session(env, token, person, may) {
  const { hash } = await import("../auth.mjs");
  await env.DB.prepare("INSERT INTO sessions (token_hash, person, may) VALUES (?, ?, ?)").bind(await hash(token), person, may).run();
}
