import { test } from "node:test";
import assert from "node:assert/strict";
import { ChatSession } from "../durable/ChatSession.mjs";

const DAY = 86_400_000;

function session() {
  const kept = new Map();
  return new ChatSession({ storage: { get: async (key) => kept.get(key), put: async (key, value) => void kept.set(key, value) } });
}

test("messages older than sessionRetentionDays are pruned", async () => {
  const one = session();
  for (const days of [40, 31, 29, 1]) await one.append({ text: `${days}`, at: 100 * DAY - days * DAY });
  const told = await one.prune({ sessionRetentionDays: 30, maxMessagesPerSession: 1000 }, 100 * DAY);
  assert.deepEqual(told, { kept: 2, removed: 2, oldestAt: 71 * DAY });
});

test("of too many messages the oldest are pruned", async () => {
  const one = session();
  for (let at = 1; at <= 5; at += 1) await one.append({ text: `${at}`, at });
  const told = await one.prune({ sessionRetentionDays: 30, maxMessagesPerSession: 3 }, 6);
  assert.deepEqual(told, { kept: 3, removed: 2, oldestAt: 3 });
});
