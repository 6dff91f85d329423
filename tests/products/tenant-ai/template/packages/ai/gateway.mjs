// The only place that calls a model: always through the gateway, always in the tenant's name.

export async function runModel(env, { tenantId, traceId, messages }) {
  const gateway = { id: env.GATEWAY_ID, metadata: { tenantId, traceId } };
  const { response } = await env.AI.run(env.MODEL_ID, { messages }, { gateway });
  return response;
}
