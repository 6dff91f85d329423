import { test } from "node:test";
import assert from "node:assert/strict";
import worker from "../src/worker.mjs";
import { bindings, session } from "../src/local/bindings.mjs";
import { masked } from "../src/log.mjs";
import { isClean } from "../src/uploads.mjs";

const base = "http://postroom.test";
const message = { from: "ann@example.com", subject: "Hello", body: "Where is it?" };

async function world() {
  const env = bindings({ LOG: () => {} });
  await session(env, "reader", "ron", "read");
  await session(env, "owner", "ann", "read,write,delete");
  const call = (method, path, as, body) =>
    worker.fetch(
      new Request(base + path, {
        method,
        headers: as ? { authorization: `Bearer ${as}` } : {},
        body: body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body),
      }),
      env,
    );
  const rows = async () => (await env.DB.prepare("SELECT id FROM messages").bind().all()).results.length;
  return { env, call, rows };
}

test("sign-in: nobody is served without a session, and an unknown one is no session", async () => {
  const { call } = await world();
  for (const as of [undefined, "unknown"]) assert.equal((await call("GET", "/search?q=a", as)).status, 401);
  assert.equal((await call("GET", "/search?q=a", "reader")).status, 200);
});

test("permissions: deleting is forbidden to who may only read", async () => {
  const { call, rows } = await world();
  const { id } = await (await call("POST", "/messages", "owner", message)).json();
  assert.equal((await call("DELETE", `/messages/${id}`, "reader")).status, 403);
  assert.equal(await rows(), 1);
  assert.equal((await call("DELETE", `/messages/${id}`, "owner")).status, 204);
});

test("a refused body changes nothing", async () => {
  const { call, rows } = await world();
  for (const body of ["{}", "[]", "no json", { ...message, subject: 7 }, { ...message, owner: "me" }, "null"]) {
    assert.equal((await call("POST", "/messages", "owner", body)).status, 400);
  }
  assert.equal(await rows(), 0);
});

test("an upload is scanned before it is stored", async () => {
  const { env, call } = await world();
  const mark = ["X5O!P%@AP[4", "PZX54(P^)7CC)7}$EICAR-STANDARD"].join("\\");
  assert.equal(isClean("hello"), true);
  assert.equal((await call("POST", "/uploads", "owner", { name: "a", type: "text/plain", data: `${mark}-ANTIVIRUS` })).status, 422);
  assert.equal(env.UPLOADS.size(), 0);
  assert.equal((await call("POST", "/uploads", "owner", { name: "a", type: "text/plain", data: "hello" })).status, 201);
});

test("logs mask every header, cookie, token and secret that authenticates", () => {
  const headers = new Headers({ Authorization: "Bearer a-token", Cookie: "session=a-token", "X-Api-Key": "a-token", Accept: "*/*" });
  assert.ok(!JSON.stringify(masked(headers)).includes("a-token"));
  assert.equal(masked(headers).accept, "*/*");
});
