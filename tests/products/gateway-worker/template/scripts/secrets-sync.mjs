// Hands every secret of the inventory from the team's vault to the platform.

import { readFileSync } from "node:fs";
import { run } from "./run.mjs";

const words = process.argv.slice(2);
const standIn = words.includes("--stand-in");
const environment = words[words.indexOf("--env") + 1];

// The vault's own command asks for a sign-in; the stand-in has no vault, and the value is of no use to anybody.
const fromVault = (entry) =>
  standIn ? crypto.randomUUID() : run("op", ["read", `op://${entry.store.replace("1password: ", "")}/${entry.name}`]);

const { secrets } = JSON.parse(readFileSync("ops/secrets.json", "utf8"));
for (const entry of secrets) {
  run("wrangler", ["secret", "put", entry.name, "--env", environment], { input: fromVault(entry), standIn });
}
