// Runs the tests, and says beside the report of which commit it is.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";

mkdirSync("reports", { recursive: true });
const commit = process.env.COMMIT ?? execFileSync("git", ["rev-parse", "HEAD"], { encoding: "utf8" }).trim();
const { status } = spawnSync(
  process.execPath,
  ["--test", "--test-isolation=none", "--test-reporter=junit", "--test-reporter-destination=reports/unit.xml", "test/*.test.mjs"],
  { stdio: "inherit" },
);
writeFileSync("reports/unit.xml.commit", `${commit}\n`);
process.exit(status);
