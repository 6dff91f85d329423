#!/usr/bin/env node
// The command line: `kfl init [--local] [--master-key KEY]`.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline/promises";
import { parseArgs } from "node:util";
import { init } from "../src/init.mjs";

const LOCAL = ".dev.vars";

/** The secrets of the Worker, by wrangler. */
const deployed = {
  has(name) {
    const listed = spawnSync("wrangler", ["secret", "list", "--format", "json"], { encoding: "utf8" });
    if (listed.status !== 0) throw new Error("wrangler cannot list the secrets");
    return JSON.parse(listed.stdout).some((secret) => secret.name === name);
  },
  put(name, value) {
    const put = spawnSync("wrangler", ["secret", "put", name], { input: value, stdio: ["pipe", "inherit", "inherit"] });
    if (put.status !== 0) throw new Error("wrangler cannot set the secret");
  },
};

/** The secrets of a machine of a developer. */
const local = {
  text: () => (existsSync(LOCAL) ? readFileSync(LOCAL, "utf8") : ""),
  has(name) {
    return new RegExp(`^${name}=.+$`, "m").test(local.text());
  },
  put(name, value) {
    const others = local.text().split("\n").filter((line) => line && !line.startsWith(`${name}=`));
    writeFileSync(LOCAL, [...others, `${name}=${value}`, ""].join("\n"), { mode: 0o600 });
  },
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { local: { type: "boolean" }, "master-key": { type: "string" } },
});
if (positionals[0] !== "init") {
  console.error("usage: kfl init [--local] [--master-key KEY]");
  process.exit(2);
}
const lines = createInterface({ input: process.stdin, output: process.stdout });
await init({
  secrets: values.local ? local : deployed,
  masterKey: values["master-key"],
  ask: (question) => lines.question(question),
  print: (text) => console.log(text),
});
lines.close();
