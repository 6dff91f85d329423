// Runs the tests, and writes beside their report of which commit they are.

import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";

mkdirSync("reports", { recursive: true });
const words = ["--test", "--test-reporter=junit", "--test-reporter-destination=reports/unit.xml"];
spawnSync(process.execPath, words, { stdio: "inherit" });
const head = process.env.COMMIT ?? spawnSync("git", ["rev-parse", "HEAD"], { encoding: "utf8" }).stdout.trim();
writeFileSync("reports/unit.xml.commit", `${head}\n`);
