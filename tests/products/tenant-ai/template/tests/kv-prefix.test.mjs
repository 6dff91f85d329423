import { test } from "node:test";
import assert from "node:assert/strict";
import { as, chat, platform } from "./support.mjs";

test("every key of the cache begins with the tenant", async () => {
  const { calls, ask } = platform();
  for (const id of ["acme", "globex"]) {
    await ask("POST", "/chat", { headers: as(id), body: chat() });
    const keys = calls.splice(0).filter((call) => call.binding === "CACHE").map((call) => call.given[0]);
    assert.ok(keys.length >= 2);
    for (const key of keys) assert.match(key, new RegExp(`^${id}:`));
  }
});
