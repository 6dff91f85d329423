import { ok } from "../envelope.mjs";
import { recordFeedback } from "../../packages/storage/metadata.mjs";

export async function feedback({ env, tenant, traceId, body }) {
  await recordFeedback(env, { tenantId: tenant.id, sessionId: body.sessionId, rating: body.rating });
  return ok({ received: true }, traceId);
}
