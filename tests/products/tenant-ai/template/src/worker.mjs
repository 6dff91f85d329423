// The Worker: whose request it is comes first; nothing else is looked at before that is known.

import { resolveTenant } from "./resolveTenant.mjs";
import { traceIdOf } from "./trace.mjs";
import { fail } from "./envelope.mjs";
import { findRoute } from "./router.mjs";
import { readValidated } from "./body.mjs";
import { userKeyOf, withinLimit } from "./limits.mjs";
import { createLogger } from "../packages/observability/logger.mjs";

export { ChatSession } from "../durable/ChatSession.mjs";
export { RateLimiter } from "../durable/RateLimiter.mjs";

async function handle(request, env, traceId) {
  const resolved = resolveTenant(request, env);
  if (resolved.refusal) return { response: fail(resolved.refusal, traceId) };
  const { tenant } = resolved;

  const url = new URL(request.url);
  const found = findRoute(request.method, url.pathname);
  if (found.refusal) return { tenant, response: fail(found.refusal, traceId) };

  const read = await readValidated(request, found.route.schema, env.MAX_REQUEST_BODY_SIZE);
  if (read.refusal) return { tenant, route: found.route, response: fail(read.refusal, traceId) };

  if (found.route.limited) {
    const verdict = await withinLimit(env, tenant, userKeyOf(read.value, request));
    if (!verdict.allowed) {
      return { tenant, route: found.route, response: fail("rate_limited", traceId, verdict.headers) };
    }
  }
  const context = { env, tenant, traceId, body: read.value, parameters: found.parameters };
  return { tenant, route: found.route, response: await found.route.handler(context) };
}

export default {
  async fetch(request, env) {
    const started = Date.now();
    const traceId = traceIdOf(request);
    const { tenant, route, response } = await handle(request, env, traceId);
    response.headers.set("X-Trace-Id", traceId);
    createLogger(env.LOG ?? console.log).info("request", {
      traceId,
      tenantId: tenant?.id ?? null,
      method: request.method,
      route: route?.pattern ?? null,
      status: response.status,
      ms: Date.now() - started,
    });
    return response;
  },
};
