// Makes and fills the database on a local file that the service on Node.js reads.
import { openLocal } from "./d1.mjs";
import { readMigrations } from "./migrations.mjs";
import { seed } from "./seed.mjs";

await seed(openLocal(), readMigrations(), process.env);
