// A D1 database on a local file: the part of its interface that the Worker uses.
import { mkdirSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";

export function openLocal(file = "data/kfl.db") {
  if (file !== ":memory:") mkdirSync("data", { recursive: true });
  const database = new DatabaseSync(file);
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON;");
  return {
    exec: (sql) => database.exec(sql),
    prepare(sql) {
      const statement = database.prepare(sql);
      let binds = [];
      const bound = {
        bind: (...values) => ((binds = values), bound),
        first: async () => statement.get(...binds) ?? null,
        all: async () => ({ results: statement.all(...binds) }),
        run: async () => ({ meta: { changes: Number(statement.run(...binds).changes) } }),
      };
      return bound;
    },
  };
}
