// Request limits: counted for each tenant and user by a `RateLimiter` of its own. The figures are the tenant's.

import { limiterKey } from "../packages/storage/keys.mjs";
import { limiterFor } from "../packages/storage/objects.mjs";

// Who sends no `userId` is told apart by address, so that nobody uses up a share that others need.
export function userKeyOf(body, request) {
  return body.userId ? `user:${body.userId}` : `address:${request.headers.get("cf-connecting-ip") ?? "none"}`;
}

export async function withinLimit(env, tenant, userKey) {
  const windowMs = env.RATE_LIMIT_WINDOW_SECONDS * 1000;
  const { perMinute, burst } = tenant.rateLimit;
  const limiter = limiterFor(env, limiterKey(tenant.id, userKey));
  const verdict = await limiter.take({ windowMs, limits: [[perMinute, windowMs], [burst, windowMs / 2]] });
  const headers = {
    "X-RateLimit-Limit": String(perMinute),
    "X-RateLimit-Remaining": String(verdict.remaining),
    "X-RateLimit-Reset": String(Math.ceil(verdict.resetAt / 1000)),
    "Retry-After": String(Math.max(1, Math.ceil((verdict.resetAt - Date.now()) / 1000))),
  };
  return { allowed: verdict.allowed, headers };
}
