import assert from "node:assert/strict";
import { test } from "node:test";
import { checkBody, checkMessage, oneOf, text } from "../src/checks.mjs";

const send = (body, type = "application/json") =>
  checkBody(new Request("https://a.example", { method: "POST", headers: { "Content-Type": type }, body }), { kind: oneOf("a"), "note?": text(5) });

test("a body of its form is let in", async () => {
  assert.deepEqual(await send('{"kind":"a"}'), { kind: "a" });
  assert.deepEqual(await send('{"kind":"a","note":"b"}'), { kind: "a", note: "b" });
});

test("a body of another form is refused", async () => {
  for (const body of ["", "{", "[]", "null", "{}", '{"kind":"b"}', '{"kind":"a","note":7}', '{"kind":"a","other":1}']) {
    await assert.rejects(send(body), { status: 400 });
  }
  await assert.rejects(send("{}", "text/plain"), { status: 415 });
});

test("a message is held against the form of its type", () => {
  const forms = { ping: { type: oneOf("ping") } };
  assert.deepEqual(checkMessage('{"type":"ping"}', forms), { type: "ping" });
  for (const wrong of ['{"type":"constructor"}', "[]", '{"type":"ping","x":1}']) {
    assert.throws(() => checkMessage(wrong, forms), { status: 400 });
  }
});
