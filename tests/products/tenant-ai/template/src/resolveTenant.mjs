// Which tenant a request acts for: named by `x-tenant-id`, else by the hostname, else by `x-api-key`, in this order.

import { createHash, timingSafeEqual } from "node:crypto";
import { tenants } from "../tenants/index.mjs";

const digest = (text) => createHash("sha256").update(text).digest();

function byId(id) {
  return tenants.find((tenant) => tenant.id === id);
}

function byHostname(hostname) {
  return tenants.find((tenant) => tenant.hostnames.includes(hostname));
}

// A tenant's file names the secrets that hold its keys; the keys themselves are set with `wrangler secret put`.
function byApiKey(key, env) {
  const given = digest(key);
  return tenants.find((tenant) =>
    tenant.apiKeys.some(({ secret }) => env[secret] && timingSafeEqual(given, digest(env[secret]))),
  );
}

export function resolveTenant(request, env) {
  const answer = (tenant) => (tenant ? { tenant } : { refusal: "unknown_tenant" });
  const id = request.headers.get("x-tenant-id")?.trim();
  if (id) return answer(byId(id));
  const named = byHostname(new URL(request.url).hostname);
  if (named) return { tenant: named };
  const key = request.headers.get("x-api-key")?.trim();
  if (key) return answer(byApiKey(key, env));
  return { refusal: "tenant_required" };
}
