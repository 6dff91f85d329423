import { test } from "node:test";
import assert from "node:assert/strict";
import { as, platform } from "./support.mjs";

const idOf = async (headers) => {
  const response = await platform().ask("GET", "/health", { headers: { ...as("acme"), ...headers } });
  const { traceId } = await response.json();
  assert.equal(response.headers.get("X-Trace-Id"), traceId);
  return traceId;
};

test("the id is that of the edge, else of the caller, else new", async () => {
  assert.equal(await idOf({ "cf-ray": "8f2a1b3c4d5e6f70-CDG", "x-request-id": "caller-0001" }), "8f2a1b3c4d5e6f70-CDG");
  assert.equal(await idOf({ "x-request-id": "caller-0001" }), "caller-0001");
  assert.match(await idOf({}), /^[0-9a-f-]{36}$/);
  assert.notEqual(await idOf({}), await idOf({}));
});

test("an id that is no plain word is not taken over", async () => {
  for (const given of ["x".repeat(10_000), "a b c d e f g h", "<script>alert(1)"]) {
    assert.notEqual(await idOf({ "x-request-id": given }), given);
  }
});
