// Deletes files of a bucket by name, after the bucket's name was typed.

import { pathToFileURL } from "node:url";
import { confirmed } from "./confirm.mjs";
import { run as start } from "./run.mjs";

export async function emptyBucket(bucket, files, { ask, run = start } = {}) {
  if (!(await confirmed(bucket, ask))) {
    return 0;
  }
  for (const file of files) {
    run("wrangler", ["r2", "object", "delete", `${bucket}/${file}`, "--remote"]);
  }
  return files.length;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const [bucket, ...files] = process.argv.slice(2);
  console.log(`${await emptyBucket(bucket, files)} files are gone.`);
}
