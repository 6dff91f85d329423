import { test } from "node:test";
import assert from "node:assert/strict";
import { resolveTenant } from "../src/resolveTenant.mjs";
import { as, chat, platform } from "./support.mjs";

const SECRETS = { TENANT_KEY_INITECH: "a-key-of-initech" };
const resolve = (headers, host = "service.example") =>
  resolveTenant(new Request(`https://${host}/health`, { headers }), SECRETS);

test("a request that names no tenant is refused", () => {
  assert.deepEqual(resolve({}), { refusal: "tenant_required" });
  assert.deepEqual(resolve({ "x-tenant-id": "  " }), { refusal: "tenant_required" });
});

test("an unknown tenant or key is refused", () => {
  assert.deepEqual(resolve({ "x-tenant-id": "nobody" }), { refusal: "unknown_tenant" });
  assert.deepEqual(resolve({ "x-api-key": "a-key-of-nobody" }), { refusal: "unknown_tenant" });
});

test("the priority is x-tenant-id, then hostname, then x-api-key", () => {
  const all = { "x-tenant-id": "acme", "x-api-key": SECRETS.TENANT_KEY_INITECH };
  assert.equal(resolve(all, "globex.chat.example").tenant.id, "acme");
  assert.equal(resolve({ "x-api-key": SECRETS.TENANT_KEY_INITECH }, "globex.chat.example").tenant.id, "globex");
  assert.equal(resolve({ "x-api-key": SECRETS.TENANT_KEY_INITECH }).tenant.id, "initech");
});

test("no binding is used before a tenant is resolved", async () => {
  const { calls, ask } = platform();
  for (const [method, path] of [["GET", "/health"], ["POST", "/chat"], ["GET", "/none"]]) {
    const response = await ask(method, path, { body: method === "POST" ? chat() : undefined });
    assert.equal(response.status, 400);
    assert.equal((await ask(method, path, { headers: as("nobody"), body: method === "POST" ? chat() : undefined })).status, 404);
  }
  assert.deepEqual(calls, []);
});
