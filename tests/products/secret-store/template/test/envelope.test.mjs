import assert from "node:assert/strict";
import { createDecipheriv, randomBytes } from "node:crypto";
import { describe, test } from "node:test";
import { open, seal } from "../src/envelope.mjs";

const key = randomBytes(32);

describe("envelope", () => {
  test("what is sealed is AES-256-GCM and opens with its key and context only", () => {
    const envelope = seal(key, "k1", "value:1", Buffer.from("hunter2"));
    assert.equal(open(key, "k1", "value:1", envelope).toString(), "hunter2");
    assert.throws(() => open(randomBytes(32), "k1", "value:1", envelope));
    assert.throws(() => open(key, "k1", "value:2", envelope));
    assert.throws(() => open(key, "k2", "value:1", envelope));
    // By hand, so that the form is not only what this module makes of it.
    const [, , nonce, text] = envelope.split(".");
    const sealed = Buffer.from(text, "base64url");
    const decipher = createDecipheriv("aes-256-gcm", key, Buffer.from(nonce, "base64url"));
    decipher.setAAD(Buffer.from("value:1"));
    decipher.setAuthTag(sealed.subarray(-16));
    assert.equal(decipher.update(sealed.subarray(0, -16), undefined, "utf8") + decipher.final("utf8"), "hunter2");
  });

  test("one text is never sealed alike twice, and a changed byte is noticed", () => {
    const envelopes = Array.from({ length: 50 }, () => seal(key, "k1", "value:1", Buffer.from("hunter2")));
    assert.equal(new Set(envelopes.map((envelope) => envelope.split(".")[2])).size, 50);
    const parts = envelopes[0].split(".");
    const sealed = Buffer.from(parts[3], "base64url");
    sealed[0] ^= 1;
    assert.throws(() => open(key, "k1", "value:1", [...parts.slice(0, 3), sealed.toString("base64url")].join(".")));
  });
});
