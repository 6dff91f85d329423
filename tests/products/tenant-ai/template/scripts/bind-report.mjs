// Says beside each report which commit was tested.
import { existsSync, writeFileSync } from "node:fs";
for (const report of ["reports/unit.xml"]) {
  if (existsSync(report)) writeFileSync(`${report}.commit`, `${process.env.COMMIT}\n`);
}
