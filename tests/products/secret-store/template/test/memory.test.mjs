import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, test } from "node:test";
import { getHeapSnapshot } from "node:v8";
import { world } from "./setup.mjs";

/** Whether the bytes are somewhere in the texts of the heap. Taking a snapshot collects garbage first. */
async function isInHeap(bytes) {
  let tail = Buffer.alloc(0);
  let found = false;
  for await (const chunk of getHeapSnapshot()) {
    const text = Buffer.concat([tail, Buffer.from(chunk)]);
    found ||= text.includes(bytes);
    tail = text.subarray(-bytes.length);
  }
  return found;
}

/** Random bytes as text in a buffer: what is in buffers is not part of a snapshot. */
const secret = () => Buffer.from(randomBytes(24).toString("hex"));

describe("plaintext in memory", () => {
  test("the plaintext of a secret does not outlive its request", async () => {
    const { call, env, store, account, key: person } = await world();
    const pipeline = await store.issueKey(account, { type: "system", permissions: "readwrite", label: "pipeline", scopes: ["atlas:dev"] });
    const [written, kept] = [secret(), secret()];
    // Which keys may write and read is another question: whichever may does.
    const allowed = async (method, path, body) => {
      const answer = await call(method, path, pipeline.key, body);
      return answer.status === 403 ? call(method, path, person, body) : answer;
    };
    const use = async () => {
      const path = "/v1/projects/atlas/dev/secrets";
      const { body } = await allowed("POST", path, { name: "TOKEN", value: written.toString() });
      const read = await allowed("GET", `${path}/${body.id}`);
      assert.ok(written.equals(Buffer.from(read.body.value)));
    };
    await use();
    // Requests after it, so that nothing is only waiting to be overwritten.
    for (let turn = 0; turn < 5; turn += 1) await call("GET", "/v1/whoami", person);
    globalThis.kept = kept.toString();
    assert.equal(await isInHeap(kept), true, "a text that is kept is found");
    delete globalThis.kept;
    assert.equal(await isInHeap(written), false);
    assert.ok(env.DB);
  });
});
