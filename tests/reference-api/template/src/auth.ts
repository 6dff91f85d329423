// Authentication: who calls follows from the key alone, and every outcome takes at least the floor.

import { hashKey, prefixOf, TAG } from "./keys";
import type { Env } from "./index";

const FLOOR_MS = 80;

export interface Caller {
  readonly orgId: string;
  readonly allowedOrigins: readonly string[];
}

interface Row {
  org_id: string;
  hash: string;
  active: number;
  expires_at: number | null;
  allowed_origins: string;
}

/** The caller, or nothing; why nothing is written to the audit log and told to nobody. */
export async function authenticate(request: Request, env: Env): Promise<Caller | undefined> {
  const floor = new Promise((resolve) => setTimeout(resolve, FLOOR_MS));
  const outcome = await recognise(request.headers.get("authorization"), env);
  if (typeof outcome === "string") {
    await env.DB.prepare("INSERT INTO audit_log (org_id, request_id, at, event, reason) VALUES (?, ?, ?, 'refused', ?)")
      .bind("unattributed", crypto.randomUUID(), new Date().toISOString(), outcome)
      .run();
  }
  await floor;
  return typeof outcome === "string" ? undefined : outcome;
}

async function recognise(header: string | null, env: Env): Promise<Caller | string> {
  if (header === null) return "missing_credential";
  const key = header.startsWith("Bearer ") ? header.slice(7) : "";
  if (!key.startsWith(TAG) || key.length !== TAG.length + 26) return "malformed_credential";
  const { results } = await env.DB.prepare(
    "SELECT k.org_id, k.hash, k.active, k.expires_at, o.allowed_origins FROM api_keys k JOIN orgs o ON o.id = k.org_id WHERE k.prefix = ?",
  )
    .bind(prefixOf(key))
    .all<Row>();
  if (results.length === 0) return "unknown_prefix";
  const hash = await hashKey(await env.PEPPER.get(), key);
  const row = results.find((candidate) => candidate.hash === hash);
  if (row === undefined) return "wrong_hash";
  if (row.active === 0) return "inactive_key";
  if (row.expires_at !== null && row.expires_at * 1000 <= Date.now()) return "expired_key";
  return { orgId: row.org_id, allowedOrigins: JSON.parse(row.allowed_origins) as string[] };
}
