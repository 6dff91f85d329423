// The router: authenticates, then hands the caller to a handler. No handler sees a request of nobody.

import { authenticate } from "./auth";
import { refuse } from "./errors";
import { interactions } from "./routes/interactions";
import { keys } from "./routes/keys";

export interface Env {
  DB: D1Database;
  PEPPER: { get(): Promise<string> };
  L1: { limit(options: { key: string }): Promise<{ success: boolean }> };
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    if (!(await admitted(request, env))) return refuse(429, "TOO_MANY_REQUESTS");
    const caller = await authenticate(request, env);
    if (caller === undefined) return refuse(401, "UNAUTHORIZED");
    const path = new URL(request.url).pathname;
    if (path.startsWith("/v1/interactions")) return interactions(request, env, caller);
    if (path.startsWith("/v1/keys")) return keys(request, env, caller);
    return refuse(404, "NOT_FOUND");
  },
};

/** Whether the limiter of the platform lets the address through; a limiter that does not answer lets nobody through. */
async function admitted(request: Request, env: Env): Promise<boolean> {
  try {
    const address = request.headers.get("cf-connecting-ip") ?? "unknown";
    return (await env.L1.limit({ key: address })).success;
  } catch {
    return false;
  }
}
