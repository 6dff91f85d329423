import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { generateKey } from "../src/api-keys.mjs";
import { world } from "./setup.mjs";

describe("API keys", () => {
  test("issued keys have the published form", async () => {
    const { call, store, account } = await world();
    const user = await store.issueKey(account, { type: "user", permissions: "full", label: "a" });
    assert.match(user.key, /^kfl_user_[0-9a-f]{32}$/);
    const system = await store.issueKey(account, { type: "system", permissions: "read", label: "b", scopes: ["atlas:dev"] });
    assert.match(system.key, /^kfl_sys_[0-9a-f]{32}$/);
    assert.equal((await call("GET", "/v1/whoami", system.key)).status, 200);
  });

  test("issued keys are all different and every character varies", () => {
    const keys = Array.from({ length: 400 }, () => generateKey("user").slice("kfl_user_".length));
    assert.equal(new Set(keys).size, keys.length);
    for (let place = 0; place < keys[0].length; place += 1) {
      // All sixteen digits come up among 400 but once in 10^10 times.
      assert.equal(new Set(keys.map((key) => key[place])).size, 16, `position ${place}`);
    }
  });

  test("a scope with a wildcard is refused", async () => {
    const { call, key } = await world();
    for (const scope of ["*", "*:dev", "atlas:*", "atlas", "atlas:dev:more"]) {
      const body = { type: "system", permissions: "read", label: "c", scopes: [scope] };
      // Refused as no scope, or because nobody may issue keys at all; never issued.
      assert.ok([400, 403].includes((await call("POST", "/v1/keys", key, body)).status), scope);
    }
  });

  test("a revoked key is known no more", async () => {
    const { call, key } = await world();
    const { body } = await call("POST", "/v1/keys", key, { type: "user", permissions: "full", label: "d" });
    assert.equal((await call("GET", "/v1/whoami", body.key)).status, 200);
    await call("POST", `/v1/keys/${body.id}/revoke`, key);
    assert.equal((await call("GET", "/v1/whoami", body.key)).status, 401);
  });
});
