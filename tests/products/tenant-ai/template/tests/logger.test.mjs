import { test } from "node:test";
import assert from "node:assert/strict";
import { createLogger, redact } from "../packages/observability/logger.mjs";

test("sensitive fields are redacted at any depth", () => {
  const given = { status: 200, message: "hello", nested: { apiKey: "k", list: [{ email: "a@b.example" }] } };
  assert.deepEqual(redact(given), {
    status: 200, message: "[redacted]", nested: { apiKey: "[redacted]", list: [{ email: "[redacted]" }] },
  });
});

test("a log line holds no redacted value", () => {
  const lines = [];
  createLogger((line) => lines.push(line)).info("request", { traceId: "t-1", prompt: "what I said" });
  assert.equal(JSON.parse(lines[0]).traceId, "t-1");
  assert.ok(!lines[0].includes("what I said"));
});
