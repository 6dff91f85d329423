import { test } from "node:test";
import assert from "node:assert/strict";
import { as, chat, platform } from "./support.mjs";

test("a vector query stays in the namespace of the tenant", async () => {
  const { env, calls, ask } = platform();
  await env.VECTORIZE.insert("what globex knows", { namespace: "globex:knowledge" });
  await ask("POST", "/chat", { headers: as("acme"), body: chat() });
  const query = calls.find((call) => call.binding === "VECTORIZE" && call.name === "query");
  assert.match(query.given[1].namespace, /^acme:/);
  const told = calls.find((call) => call.binding === "AI").given[1].messages;
  assert.ok(!JSON.stringify(told).includes("globex"));
});
