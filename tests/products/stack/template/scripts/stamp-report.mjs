// Writes beside a report of tests which commit it is of.
import { writeFileSync } from "node:fs";
writeFileSync(`${process.argv[2]}.commit`, `${process.env.COMMIT}\n`);
