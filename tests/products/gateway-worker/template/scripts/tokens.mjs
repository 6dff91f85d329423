// Gives the platform's tokens the policies of ops/tokens.json.

import { readFileSync } from "node:fs";
import { run } from "./run.mjs";

const standIn = process.argv.includes("--stand-in");

const { tokens } = JSON.parse(readFileSync("ops/tokens.json", "utf8"));
for (const { name, permissions, resource } of tokens) {
  const groups = permissions.map((permission) => ({ name: permission }));
  const policy = { effect: "allow", permission_groups: groups, resources: { [resource]: "*" } };
  run("wrangler", ["tokens", "put", name], { input: JSON.stringify({ name, policies: [policy] }), standIn });
}
