// Interactions of the caller's organisation.

import type { Caller } from "../auth";
import { refuse } from "../errors";
import type { Env } from "../index";

const LISTED_MAX = 50;

export async function interactions(request: Request, env: Env, caller: Caller): Promise<Response> {
  const url = new URL(request.url);
  const id = url.pathname.split("/")[3];
  if (request.method === "GET" && id === undefined) {
    const { results } = await env.DB.prepare(
      "SELECT id, channel, created_at FROM interactions WHERE org_id = ? ORDER BY created_at DESC LIMIT ?",
    )
      .bind(caller.orgId, LISTED_MAX)
      .all();
    return Response.json({ interactions: results });
  }
  if (request.method === "GET") {
    const row = await env.DB.prepare("SELECT id, channel, content FROM interactions WHERE id = ? AND org_id = ?")
      .bind(id, caller.orgId)
      .first();
    return row === null ? refuse(404, "NOT_FOUND") : Response.json(row);
  }
  return refuse(405, "METHOD_NOT_ALLOWED");
}
