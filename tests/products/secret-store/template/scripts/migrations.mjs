// The migrations in the order of their names.
import { readFileSync, readdirSync } from "node:fs";

export const readMigrations = () => readdirSync("migrations").sort().map((file) => readFileSync(`migrations/${file}`, "utf8"));
