import { ok } from "../envelope.mjs";

export function health({ tenant, traceId }) {
  return ok({ status: "up", tenant: tenant.id }, traceId);
}
