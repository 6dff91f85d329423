// API keys: kfl_user_… and kfl_sys_…, of which only the SHA-256 is kept.
import { createHash, randomBytes } from "node:crypto";

const TAGS = { user: "kfl_user_", system: "kfl_sys_" };

/** A fresh key of this type. It is shown once. */
export function generateKey(type) {
  return TAGS[type] + randomBytes(16).toString("hex");
}

/** What of a key is kept. */
export function hashKey(key) {
  return createHash("sha256").update(key).digest("hex");
}
