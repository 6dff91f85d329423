// One line an event: what happened, for which request and whom. Never what was said.

export function log(context, event, fields = {}) {
  const { requestId, tenant } = context;
  console.log(JSON.stringify({ at: new Date().toISOString(), event, requestId, tenant, ...fields }));
}
