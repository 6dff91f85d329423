// Applies the migrations to the local database, as `wrangler d1 migrations apply` does to the deployed one.
import { readFileSync, readdirSync } from "node:fs";
import { openLocal } from "./d1.mjs";

const database = openLocal();
for (const file of readdirSync("migrations").sort()) database.exec(readFileSync(`migrations/${file}`, "utf8"));
