// The platform's bindings on one machine, as `wrangler.jsonc` declares them: for tests and for staging without a cloud.

import { readFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import * as worker from "../src/worker.mjs";

export function configuration(path = new URL("../wrangler.jsonc", import.meta.url)) {
  const text = readFileSync(path, "utf8").replace(/^\s*\/\/.*$/gm, "");
  return JSON.parse(text);
}

function keyValue() {
  const kept = new Map();
  return {
    get: async (key) => kept.get(key) ?? null,
    put: async (key, value) => void kept.set(key, value),
    delete: async (key) => void kept.delete(key),
  };
}

function database(path) {
  const db = new DatabaseSync(path);
  db.exec("PRAGMA synchronous = OFF");
  db.exec(readFileSync(new URL("../migrations/0001_metadata.sql", import.meta.url), "utf8"));
  return {
    prepare(sql) {
      const bound = (values) => ({
        bind: (...given) => bound(given),
        run: async () => void db.prepare(sql).run(...values),
        all: async () => ({ results: db.prepare(sql).all(...values) }),
      });
      return bound([]);
    },
  };
}

function vectorIndex() {
  const knowledge = new Map();
  return {
    insert: async (text, { namespace }) => void knowledge.set(namespace, [...(knowledge.get(namespace) ?? []), text]),
    query: async (_, { namespace, topK }) => ({
      matches: (knowledge.get(namespace) ?? []).slice(0, topK).map((text) => ({ text })),
    }),
  };
}

// Objects are single-threaded: the calls of one object follow each other.
function objects(Class) {
  const made = new Map();
  const make = () => {
    const kept = new Map();
    const storage = {
      get: async (key) => structuredClone(kept.get(key)),
      put: async (key, value) => void kept.set(key, structuredClone(value)),
      delete: async (key) => kept.delete(key),
    };
    const object = new Class({ storage });
    let last = Promise.resolve();
    return new Proxy(object, {
      get: (target, name) =>
        typeof target[name] !== "function"
          ? target[name]
          : (...given) => (last = last.catch(() => {}).then(() => target[name](...given))),
    });
  };
  return {
    idFromName: (name) => name,
    get: (id) => made.get(id) ?? made.set(id, make()).get(id),
  };
}

const model = {
  run: async (_, { messages }) => ({ response: `You asked about ${messages.at(-1).content.length} characters.` }),
};

export function bindings({ databasePath = ":memory:", log = () => {}, secrets = {} } = {}) {
  const config = configuration();
  const env = { ...config.vars, ...secrets, LOG: log };
  for (const { binding } of config.kv_namespaces) env[binding] = keyValue();
  for (const { binding } of config.d1_databases) env[binding] = database(databasePath);
  for (const { binding } of config.vectorize) env[binding] = vectorIndex();
  for (const { name, class_name: className } of config.durable_objects.bindings) env[name] = objects(worker[className]);
  env[config.ai.binding] = model;
  return env;
}
