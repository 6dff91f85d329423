import { test } from "node:test";
import assert from "node:assert/strict";
import { as, platform } from "./support.mjs";

const code = async (response) => (await response.json()).error.code;

test("a missing tenant returns 400", async () => {
  const response = await platform().ask("GET", "/health");
  assert.equal(response.status, 400);
  assert.equal(await code(response), "tenant_required");
});

test("a wrong tenant returns 404", async () => {
  const response = await platform().ask("GET", "/health", { headers: as("nobody") });
  assert.equal(response.status, 404);
  assert.equal(await code(response), "unknown_tenant");
});

test("a known tenant is told that the service is up", async () => {
  const response = await platform().ask("GET", "/health", { headers: as("acme") });
  assert.equal(response.status, 200);
  assert.deepEqual((await response.json()).data, { status: "up", tenant: "acme" });
});
