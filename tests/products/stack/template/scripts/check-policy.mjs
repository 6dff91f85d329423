// Holds a change of production against policy/production.json: which resources, by which workflow.
import { readFileSync } from "node:fs";
const policy = JSON.parse(readFileSync("policy/production.json", "utf8"));
const [workflow, resource] = process.argv.slice(2);
if (!policy.workflows[workflow]?.resources.includes(resource)) {
  console.error(`${workflow} may not change ${resource}`);
  process.exit(1);
}
