import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, test } from "node:test";
import { generateMasterKey, parseMasterKey } from "../src/master-key.mjs";
import { Store } from "../src/store.mjs";
import { call, world } from "./setup.mjs";

// A key whose base64 has both characters in which the two alphabets differ.
const bytes = Buffer.concat([Buffer.from([0xfb, 0xef, 0xff]), randomBytes(29)]);
const key = bytes.toString("base64");

describe("master key", () => {
  test("standard base64 is accepted, the url-safe alphabet is refused", () => {
    assert.deepEqual(parseMasterKey(key), bytes);
    const urlSafe = key.replaceAll("+", "-").replaceAll("/", "_");
    assert.notEqual(urlSafe, key);
    assert.throws(() => parseMasterKey(urlSafe));
    assert.throws(() => parseMasterKey(`${key.slice(0, 20)} ${key.slice(21)}`));
  });

  test("44 characters are accepted, 43 and 45 characters are refused", () => {
    assert.equal(key.length, 44);
    assert.ok(parseMasterKey(key));
    for (const wrong of [key.slice(0, 43), `${key}=`, key.slice(1), ""]) assert.throws(() => parseMasterKey(wrong));
  });

  test("32 bytes are accepted, 31 and 33 bytes are refused", () => {
    for (const size of [31, 33]) {
      const wrong = randomBytes(size).toString("base64");
      assert.equal(wrong.length, 44);
      assert.throws(() => parseMasterKey(wrong), `${size} bytes`);
    }
    assert.equal(parseMasterKey(generateMasterKey()).length, 32);
  });

  test("a service with a key of the wrong form answers nothing", async () => {
    const { env, key: mine } = await world();
    for (const MASTER_KEY of ["secret", undefined, "x".repeat(43)]) {
      assert.equal((await call({ ...env, MASTER_KEY }, "GET", "/v1/whoami", mine)).status, 500);
    }
  });

  test("another master key opens nothing that is stored", async () => {
    const { env, account, key: mine, store } = await world();
    const { id: place } = await store.environment(account, "atlas", "dev");
    const { id } = await store.writeSecret(account, place, "TOKEN", "something to read");
    assert.equal((await store.readSecret(account, place, id)).value, "something to read");
    const other = new Store(env.DB, parseMasterKey(generateMasterKey()));
    await assert.rejects(other.readSecret(account, place, id));
    await assert.rejects(other.listSecrets(account, place));
    await assert.rejects(other.listKeys(account));
    await assert.rejects(other.authenticate(mine));
  });
});
