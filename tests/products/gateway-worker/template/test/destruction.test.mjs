import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { destroyPreview } from "../scripts/destroy.mjs";
import { emptyBucket } from "../scripts/empty-bucket.mjs";

function recorder(answer) {
  const calls = [];
  return { calls, ask: async () => answer, run: (program, words) => calls.push([program, ...words].join(" ")) };
}

function mirror(answer) {
  const folder = mkdtempSync(join(tmpdir(), "gangway-"));
  const program = join(folder, "rclone");
  writeFileSync(program, `#!/bin/sh\ntouch "${folder}/called"\n`);
  chmodSync(program, 0o755);
  spawnSync("sh", ["scripts/mirror.sh"], { input: `${answer}\n`, env: { ...process.env, PATH: `${folder}:${process.env.PATH}` } });
  return existsSync(join(folder, "called"));
}

test("a bucket is not emptied when the answer is no", async () => {
  const told = recorder("no");
  assert.equal(await emptyBucket("files", ["a"], told), 0);
  assert.deepEqual(told.calls, []);
});

test("a bucket is emptied when its name confirms it", async () => {
  const told = recorder("files");
  assert.equal(await emptyBucket("files", ["a", "b"], told), 2);
  assert.equal(told.calls.length, 2);
});

test("the mounted bucket is not mirrored when the answer is no", () => {
  assert.equal(mirror("no"), false);
  assert.equal(mirror(""), false);
});

test("the mounted bucket is mirrored when the word confirms it", () => {
  assert.equal(mirror("mirror"), true);
});

test("destroying a preview does nothing when the answer is no", async () => {
  for (const answer of ["no", "", "yes", "preview-2"]) {
    const told = recorder(answer);
    assert.equal(await destroyPreview("preview-1", told), false);
    assert.deepEqual(told.calls, []);
  }
});

test("destroying a preview goes on when its name confirms it", async () => {
  const told = recorder("preview-1");
  assert.equal(await destroyPreview("preview-1", told), true);
  assert.equal(told.calls.length, 2);
});
