// A stand-in of the platform's command for machines without an account: what it sets is kept in run/platform.json.

import { existsSync, readFileSync, writeFileSync } from "node:fs";

const STATE = "run/platform.json";
const state = existsSync(STATE) ? JSON.parse(readFileSync(STATE, "utf8")) : { secrets: {}, tokens: [] };
const words = process.argv.slice(2);
const flag = (name) => words[words.indexOf(name) + 1];
const input = () => readFileSync(0, "utf8");
const command = words.slice(0, 2).join(" ");

if (command === "secret put") {
  const secrets = (state.secrets[flag("--env")] ??= {});
  secrets[words[2]] = input().length;
} else if (command === "secret list") {
  const names = Object.keys(state.secrets[flag("--env")] ?? {}).sort();
  process.stdout.write(`${JSON.stringify(names.map((name) => ({ name, type: "secret_text" })), null, 2)}\n`);
} else if (command === "tokens put") {
  state.tokens = [...state.tokens.filter(({ name }) => name !== words[2]), { ...JSON.parse(input()), status: "active" }];
} else if (command === "tokens list") {
  process.stdout.write(`${JSON.stringify({ success: true, result: state.tokens }, null, 2)}\n`);
} else {
  throw new Error(`The stand-in does not know ${command}.`);
}
writeFileSync(STATE, JSON.stringify(state));
