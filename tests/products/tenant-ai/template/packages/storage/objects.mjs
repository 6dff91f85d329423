// Durable Objects, by names that carry the tenant. Sessions and limiters have bindings of their own (ADR-002).

import { sessionName } from "./keys.mjs";

export function sessionFor(env, tenantId, sessionId) {
  return env.CHAT_SESSION.get(env.CHAT_SESSION.idFromName(sessionName(tenantId, sessionId)));
}

export function limiterFor(env, limiterName) {
  return env.RATE_LIMITER_DO.get(env.RATE_LIMITER_DO.idFromName(limiterName));
}
