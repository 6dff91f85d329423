// Every name under which something is stored begins with the tenant's id.

export const cacheKey = (tenantId, name) => `${tenantId}:reply:${name}`;
export const sessionName = (tenantId, sessionId) => `${tenantId}:session:${sessionId}`;
export const limiterKey = (tenantId, userKey) => `${tenantId}:ratelimit:${userKey}`;
export const vectorNamespace = (tenantId) => `${tenantId}:knowledge`;
