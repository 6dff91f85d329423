import { vectorNamespace } from "./keys.mjs";

export async function nearest(env, tenantId, message) {
  const { matches } = await env.VECTORIZE.query(message, { namespace: vectorNamespace(tenantId), topK: 3 });
  return matches.map((match) => match.text);
}
