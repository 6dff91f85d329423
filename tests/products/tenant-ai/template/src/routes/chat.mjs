import { ok } from "../envelope.mjs";
import { runModel } from "../../packages/ai/gateway.mjs";
import { recordTurn, recordPrune } from "../../packages/storage/metadata.mjs";
import { cachedReply, keepReply } from "../../packages/storage/cache.mjs";
import { nearest } from "../../packages/storage/vectors.mjs";
import { sessionFor } from "../../packages/storage/objects.mjs";

const words = (text) => text.split(/\s+/).length;

export async function chat({ env, tenant, traceId, body }) {
  const session = sessionFor(env, tenant.id, body.sessionId);
  await session.append({ role: "user", text: body.message, at: Date.now() });
  let reply = await cachedReply(env, tenant.id, body.message);
  if (reply === null) {
    const context = await nearest(env, tenant.id, body.message);
    // What a caller writes is only ever the user's turn.
    const messages = [
      { role: "system", content: `Answer from: ${context.join("; ")}` },
      { role: "user", content: body.message },
    ];
    reply = await runModel(env, { tenantId: tenant.id, traceId, messages });
    await keepReply(env, tenant.id, body.message, reply);
  }
  await session.append({ role: "assistant", text: reply, at: Date.now() });
  const pruned = await session.prune(tenant);
  await recordTurn(env, { tenantId: tenant.id, sessionId: body.sessionId, role: "user", tokens: words(body.message) });
  await recordTurn(env, { tenantId: tenant.id, sessionId: body.sessionId, role: "assistant", tokens: words(reply) });
  await recordPrune(env, { tenantId: tenant.id, keepDays: tenant.sessionRetentionDays, ...pruned });
  if (!body.stream) return ok({ sessionId: body.sessionId, reply }, traceId);
  const events = reply.split(" ").map((word) => `data: ${JSON.stringify({ word })}\n\n`);
  return new Response(`${events.join("")}data: [DONE]\n\n`, {
    headers: { "Content-Type": "text/event-stream", "Cache-Control": "no-store" },
  });
}
