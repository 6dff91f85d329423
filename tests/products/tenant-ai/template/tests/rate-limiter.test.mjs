import { test } from "node:test";
import assert from "node:assert/strict";
import { RateLimiter } from "../durable/RateLimiter.mjs";

function limiter() {
  const kept = new Map();
  return new RateLimiter({ storage: { get: async (key) => kept.get(key), put: async (key, value) => void kept.set(key, value) } });
}

const WINDOW = 60_000;
const limits = (perMinute, burst) => ({ windowMs: WINDOW, limits: [[perMinute, WINDOW], [burst, WINDOW / 2]] });

test("the window slides: across the edge of a minute the limit holds", async () => {
  const one = limiter();
  for (let at = 50_000; at < 60_000; at += 1_000) assert.ok((await one.take(limits(10, 10), at)).allowed);
  assert.equal((await one.take(limits(10, 10), 60_500)).allowed, false);
  assert.equal((await one.take(limits(10, 10), 109_999)).allowed, false);
  assert.ok((await one.take(limits(10, 10), 110_001)).allowed);
});

test("the window tracks what is left and when it resets", async () => {
  const one = limiter();
  assert.equal((await one.take(limits(3, 3), 1_000)).remaining, 2);
  await one.take(limits(3, 3), 2_000);
  assert.equal((await one.take(limits(3, 3), 3_000)).remaining, 0);
  const refused = await one.take(limits(3, 3), 4_000);
  assert.deepEqual(refused, { allowed: false, remaining: 0, resetAt: 61_000 });
});

test("a burst is bounded below the minute", async () => {
  const one = limiter();
  for (let sent = 0; sent < 5; sent += 1) assert.ok((await one.take(limits(10, 5), sent)).allowed);
  assert.equal((await one.take(limits(10, 5), 10)).allowed, false);
  assert.ok((await one.take(limits(10, 5), 30_010)).allowed);
});
