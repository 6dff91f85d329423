import { test } from "node:test";
import assert from "node:assert/strict";
import { as, chat, platform, SESSION } from "./support.mjs";

test("the names of session objects carry the tenant", async () => {
  const { calls, ask } = platform();
  await ask("POST", "/chat", { headers: as("acme"), body: chat() });
  await ask("POST", "/chat", { headers: as("globex"), body: chat() });
  const names = calls.filter((call) => call.binding === "CHAT_SESSION" && call.name === "idFromName").map((call) => call.given[0]);
  assert.deepEqual([...new Set(names)], [`acme:session:${SESSION}`, `globex:session:${SESSION}`]);
});

test("a session of another tenant is denied as if it did not exist", async () => {
  const { ask } = platform();
  await ask("POST", "/chat", { headers: as("acme"), body: chat() });
  const own = await ask("GET", `/sessions/${SESSION}`, { headers: as("acme") });
  assert.equal(own.status, 200);
  for (const method of ["GET", "DELETE"]) {
    const response = await ask(method, `/sessions/${SESSION}`, { headers: as("globex") });
    assert.equal(response.status, 404);
  }
});
