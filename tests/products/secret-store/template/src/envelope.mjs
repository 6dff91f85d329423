// AES-256-GCM in a text: v1.KEY.NONCE.SEALED, where SEALED is the ciphertext followed by the tag.
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Encrypts bytes. `context` is what they belong to: a value that is copied into another row does not open there. */
export function seal(key, keyId, context, bytes) {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  cipher.setAAD(Buffer.from(context));
  const sealed = Buffer.concat([cipher.update(bytes), cipher.final(), cipher.getAuthTag()]);
  return ["v1", keyId, nonce.toString("base64url"), sealed.toString("base64url")].join(".");
}

/** Decrypts what `seal` made, or throws. */
export function open(key, keyId, context, envelope) {
  const [version, id, nonce, text] = envelope.split(".");
  if (version !== "v1" || id !== keyId) {
    throw new Error("the envelope is of another version or key");
  }
  const sealed = Buffer.from(text, "base64url");
  const decipher = createDecipheriv("aes-256-gcm", key, Buffer.from(nonce, "base64url"));
  decipher.setAAD(Buffer.from(context));
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
  return Buffer.concat([decipher.update(sealed.subarray(0, -TAG_BYTES)), decipher.final()]);
}
