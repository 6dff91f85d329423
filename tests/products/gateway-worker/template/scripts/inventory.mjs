// Asks the platform what it holds, and writes down when.

import { writeFileSync } from "node:fs";
import { run } from "./run.mjs";

const standIn = process.argv.includes("--stand-in");
const given = process.env.NOW ?? new Date().toISOString();

const answers = {
  "reports/secrets.json": run("wrangler", ["secret", "list", "--env", "production"], { standIn }),
  "reports/tokens.json": run("wrangler", ["tokens", "list"], { standIn }),
};
for (const [file, answer] of Object.entries(answers)) {
  writeFileSync(file, answer);
  writeFileSync(`${file}.given`, `${given}\n`);
}
