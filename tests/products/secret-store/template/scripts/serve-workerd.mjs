// Serves the Worker on workerd, the runtime that it is deployed on, with a local D1 as wrangler.jsonc binds it; plain HTTP sends
// everybody on to HTTPS. Needs the package `miniflare`.
import { createWriteStream, readFileSync, readdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { readMigrations } from "./migrations.mjs";

const { Miniflare } = createRequire(import.meta.url)("miniflare");
const { COMMIT, MASTER_KEY, TLS_CERT, TLS_KEY, READY_FILE } = process.env;

// Comments stand on lines of their own.
const configuration = JSON.parse(readFileSync("wrangler.jsonc", "utf8").replace(/^\s*\/\/.*$/gm, ""));
const lines = createWriteStream("logs/service.log", { flags: "a" });

const worker = (name, scriptPath, bindings) => ({
  name,
  modules: true,
  scriptPath,
  modulesRoot: ".",
  modulesRules: [{ type: "ESModule", include: ["**/*.mjs"] }],
  compatibilityDate: configuration.compatibility_date,
  compatibilityFlags: configuration.compatibility_flags,
  bindings,
  d1Databases: Object.fromEntries(configuration.d1_databases.map((each) => [each.binding, each.database_id])),
});
const platform = new Miniflare({
  workers: [
    worker(configuration.name, configuration.main, { ...configuration.vars, COMMIT, MASTER_KEY }),
    worker("seed", "scripts/seed-worker.mjs", { ...process.env, MIGRATIONS: readMigrations() }),
  ],
  d1Persist: "data/d1",
  host: "127.0.0.1",
  port: 0,
  httpsCert: readFileSync(TLS_CERT, "utf8"),
  httpsKey: readFileSync(TLS_KEY, "utf8"),
  // Nothing is asked of the network: not even where on earth this is.
  cf: false,
  handleRuntimeStdio: (out, err) => {
    out.pipe(lines);
    err.pipe(process.stderr);
  },
});
for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => platform.dispose().then(() => process.exit()));

const secure = (await platform.ready).origin;
const seeded = await (await platform.getWorker("seed")).fetch("http://seed/");
if (!seeded.ok) throw new Error(`The database was not filled: ${await seeded.text()}`);
// The database's own file, where it is found on Node.js too.
const folder = "d1/miniflare-D1DatabaseObject";
const [file] = readdirSync(`data/${folder}`).filter((name) => /^[0-9a-f]{64}\.sqlite$/.test(name));
symlinkSync(`${folder}/${file}`, "data/kfl.db");

const plain = createServer((incoming, outgoing) => outgoing.writeHead(308, { location: secure + incoming.url }).end());
await new Promise((resolve) => plain.listen(0, "127.0.0.1", resolve));
const ready = `HTTPS=${secure}\nHTTP=http://127.0.0.1:${plain.address().port}\n`;
if (READY_FILE) {
  writeFileSync(`${READY_FILE}.new`, ready);
  renameSync(`${READY_FILE}.new`, READY_FILE);
} else {
  process.stderr.write(ready);
}
