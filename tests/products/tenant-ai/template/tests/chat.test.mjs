import { test } from "node:test";
import assert from "node:assert/strict";
import { as, chat, platform } from "./support.mjs";

test("an invalid chat request is rejected", async () => {
  const { calls, ask } = platform();
  const wrong = [
    "{", "null", "[]", chat({ sessionId: "abc" }), chat({ message: "" }), chat({ message: "x".repeat(10001) }),
    chat({ stream: "yes" }), chat({ userId: "" }), chat({ role: "system" }),
  ];
  for (const body of wrong) {
    const response = await ask("POST", "/chat", { headers: as("acme"), body });
    assert.equal(response.status, 400, JSON.stringify(body).slice(0, 80));
    assert.equal((await response.json()).error.code, "invalid_request");
  }
  assert.deepEqual(calls, []);
});

test("a chat needs a tenant", async () => {
  const response = await platform().ask("POST", "/chat", { body: chat() });
  assert.equal(response.status, 400);
  assert.equal((await response.json()).error.code, "tenant_required");
});

test("a chat streams unless it is asked not to", async () => {
  const { ask } = platform();
  const streamed = await ask("POST", "/chat", { headers: as("acme"), body: { ...chat(), stream: undefined } });
  assert.equal(streamed.headers.get("Content-Type"), "text/event-stream");
  assert.ok(streamed.headers.get("X-Trace-Id"));
});
