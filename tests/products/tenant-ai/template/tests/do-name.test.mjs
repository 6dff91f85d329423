import { test } from "node:test";
import assert from "node:assert/strict";
import { as, chat, platform } from "./support.mjs";

test("every name of a Durable Object begins with the tenant", async () => {
  const { calls, ask } = platform();
  for (const id of ["acme", "globex"]) {
    await ask("POST", "/chat", { headers: as(id), body: chat({ userId: "u1" }) });
    await ask("POST", "/sessions", { headers: as(id), body: {} });
    const names = calls.splice(0).filter((call) => call.name === "idFromName").map((call) => call.given[0]);
    assert.ok(names.length >= 4);
    for (const name of names) assert.ok(name.startsWith(`${id}:`), name);
  }
});
