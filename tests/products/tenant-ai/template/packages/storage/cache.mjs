import { createHash } from "node:crypto";
import { cacheKey } from "./keys.mjs";

const nameOf = (message) => createHash("sha256").update(message).digest("hex");

export function cachedReply(env, tenantId, message) {
  return env.CACHE.get(cacheKey(tenantId, nameOf(message)));
}

export function keepReply(env, tenantId, message, reply) {
  return env.CACHE.put(cacheKey(tenantId, nameOf(message)), reply, { expirationTtl: 300 });
}
