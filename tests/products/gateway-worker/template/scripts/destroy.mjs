// Destroys a preview: its Worker, then its database. Both are lost for good.

import { pathToFileURL } from "node:url";
import { confirmed } from "./confirm.mjs";
import { run as start } from "./run.mjs";

const HELP = "destroy.mjs NAME [--debug]   destroys the Worker and the database of a preview; --debug says what is called";

export async function destroyPreview(name, { ask, run = start } = {}) {
  if (!(await confirmed(name, ask))) {
    return false;
  }
  run("wrangler", ["delete", "--name", name, "--force"]);
  run("wrangler", ["d1", "delete", name, "--skip-confirmation"]);
  return true;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const [name] = process.argv.slice(2);
  if (!name) console.log(HELP);
  else console.log((await destroyPreview(name)) ? `${name} is gone.` : "Nothing was done.");
}
