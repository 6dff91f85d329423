// Keys of the caller's organisation: listed without key and hash.

import type { Caller } from "../auth";
import { refuse } from "../errors";
import type { Env } from "../index";

export async function keys(request: Request, env: Env, caller: Caller): Promise<Response> {
  if (request.method !== "GET") return refuse(405, "METHOD_NOT_ALLOWED");
  const { results } = await env.DB.prepare("SELECT id, prefix, active, created_at, expires_at FROM api_keys WHERE org_id = ?")
    .bind(caller.orgId)
    .all();
  return Response.json({ keys: results });
}
