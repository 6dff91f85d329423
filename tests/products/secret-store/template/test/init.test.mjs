import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { describe, test } from "node:test";
import { init } from "../src/init.mjs";
import { generateMasterKey, parseMasterKey } from "../src/master-key.mjs";

/** A deployment in memory with a user who answers `said`. */
function deployment(said, held = {}) {
  const told = { asked: [], printed: [], held };
  const secrets = { has: (name) => name in held, put: (name, value) => void (held[name] = value) };
  const ask = async (question) => (told.asked.push(question), said);
  return { told, run: (masterKey) => init({ secrets, ask, print: (text) => told.printed.push(text), masterKey }) };
}

describe("kfl init", () => {
  test("without a key it generates a valid one", async () => {
    const keys = new Set();
    for (let turn = 0; turn < 3; turn += 1) {
      const { told, run } = deployment("yes");
      assert.equal(await run(), true);
      assert.equal(parseMasterKey(told.held.MASTER_KEY).length, 32);
      assert.ok(told.printed.join("\n").includes(told.held.MASTER_KEY));
      keys.add(told.held.MASTER_KEY);
    }
    assert.equal(keys.size, 3);
  });

  test("it asks whether the key was saved, and sets nothing unless the user says so", async () => {
    const { told, run } = deployment("yes");
    await run();
    assert.match(told.asked.join("\n"), /saved the key/i);
    for (const said of ["", "no", "later"]) {
      const { told, run } = deployment(said);
      assert.equal(await run(), false);
      assert.deepEqual(told.held, {});
    }
  });

  test("run again it never changes the master key, with or without --master-key", async () => {
    const first = generateMasterKey();
    for (const given of [undefined, generateMasterKey()]) {
      const { told, run } = deployment("yes", { MASTER_KEY: first });
      await run(given);
      assert.equal(told.held.MASTER_KEY, first);
    }
  });

  test("the command sets the key of a new deployment and leaves that of another alone", () => {
    const folder = mkdtempSync(join(tmpdir(), "kfl-"));
    try {
      const run = (...options) => {
        const program = [resolve("bin/kfl.mjs"), "init", "--local", ...options];
        return spawnSync(process.execPath, program, { cwd: folder, input: "yes\n", encoding: "utf8" });
      };
      assert.equal(run().status, 0);
      const held = readFileSync(join(folder, ".dev.vars"), "utf8");
      assert.match(held, /^MASTER_KEY=\S+$/m);
      run("--master-key", generateMasterKey());
      assert.equal(readFileSync(join(folder, ".dev.vars"), "utf8"), held);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
