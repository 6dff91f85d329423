import { fail, ok } from "../envelope.mjs";
import { sessionFor } from "../../packages/storage/objects.mjs";

export async function openSession({ env, tenant, traceId, body }) {
  const id = crypto.randomUUID();
  await sessionFor(env, tenant.id, id).open(body.title ?? null);
  return ok({ sessionId: id }, traceId, 201);
}

export async function readSession({ env, tenant, traceId, parameters }) {
  const found = await sessionFor(env, tenant.id, parameters.id).read();
  return found ? ok(found, traceId) : fail("not_found", traceId);
}

export async function closeSession({ env, tenant, traceId, parameters }) {
  const closed = await sessionFor(env, tenant.id, parameters.id).close();
  return closed ? ok({ closed: true }, traceId) : fail("not_found", traceId);
}
