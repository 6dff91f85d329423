// The master key: one key of 32 random bytes, written in standard base64.
import { randomBytes } from "node:crypto";

/** A fresh master key, 44 characters of base64. */
export function generateMasterKey() {
  return randomBytes(32).toString("base64");
}

/** The 32 bytes of a master key. Anything else is refused here, before anything is encrypted with it. */
export function parseMasterKey(text) {
  if (typeof text !== "string" || text.length !== 44) {
    throw new Error("the master key must have 44 characters, padding included");
  }
  if (!/^[A-Za-z0-9+/]+=*$/.test(text)) {
    throw new Error("the master key must be standard base64 (RFC 4648, section 4)");
  }
  const bytes = Buffer.from(text, "base64");
  if (bytes.length !== 32) {
    throw new Error("the master key must be 32 bytes");
  }
  return bytes;
}
