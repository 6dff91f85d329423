import { test } from "node:test";
import assert from "node:assert/strict";
import { as, chat, platform } from "./support.mjs";

async function exhausted(ask, headers = as("initech"), userId = "u1") {
  for (let sent = 0; sent < 100; sent += 1) {
    const response = await ask("POST", "/chat", { headers, body: chat({ userId }) });
    if (response.status !== 200) return { sent, response };
  }
  return { sent: 100 };
}

test("a request over the limit receives 429 with its headers", async () => {
  const { sent, response } = await exhausted(platform().ask);
  assert.equal(sent, 10);
  assert.equal(response.status, 429);
  assert.equal(response.headers.get("X-RateLimit-Limit"), "10");
  assert.equal(response.headers.get("X-RateLimit-Remaining"), "0");
  assert.ok(Math.abs(Number(response.headers.get("X-RateLimit-Reset")) - Date.now() / 1000) < 10);
  assert.equal((await response.json()).error.code, "rate_limited");
});

test("the limiter is named by tenant and user", async () => {
  const { calls, ask } = platform();
  await ask("POST", "/chat", { headers: as("initech"), body: chat({ userId: "u1" }) });
  await ask("POST", "/chat", { headers: as("initech"), body: chat() });
  const names = calls.filter((call) => call.binding === "RATE_LIMITER_DO" && call.name === "idFromName").map((call) => call.given[0]);
  assert.deepEqual(names, ["initech:ratelimit:user:u1", "initech:ratelimit:address:192.0.2.1"]);
});
