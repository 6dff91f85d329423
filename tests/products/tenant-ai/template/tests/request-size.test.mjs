import { test } from "node:test";
import assert from "node:assert/strict";
import worker from "../src/worker.mjs";
import { as, chat, platform } from "./support.mjs";

const LIMIT = platform().env.MAX_REQUEST_BODY_SIZE;
const sized = (bytes) => JSON.stringify(chat()).padEnd(bytes, " ");

test("a payload over the limit is rejected with 413", async () => {
  const { ask } = platform();
  const fits = await ask("POST", "/chat", { headers: as("acme"), body: sized(LIMIT) });
  assert.equal(fits.status, 200);
  const over = await ask("POST", "/chat", { headers: as("acme"), body: sized(LIMIT + 1) });
  assert.equal(over.status, 413);
  assert.equal((await over.json()).error.code, "payload_too_large");
});

test("a payload without Content-Length is measured while it is read", async () => {
  const { env } = platform();
  const body = new Blob([sized(LIMIT + 1)]).stream();
  const request = new Request("https://service.example/chat", { method: "POST", headers: as("acme"), body, duplex: "half" });
  assert.equal(request.headers.get("content-length"), null);
  assert.equal((await worker.fetch(request, env)).status, 413);
});
