// The Worker: who is let in, and who answers.

import { identify } from "./access.mjs";
import { isCaller } from "./auth.mjs";
import { answerChat } from "./chat.mjs";
import { checkedHeaders } from "./checks.mjs";
import { Refusal, refused } from "./errors.mjs";
import { log } from "./log.mjs";
import { answerNote } from "./notes.mjs";
import { openSession } from "./session.mjs";

export default {
  async fetch(request, env) {
    const started = Date.now();
    const context = { requestId: crypto.randomUUID(), tenant: undefined };
    const { pathname } = new URL(request.url);
    let response;
    try {
      response = await route(request, env, context, pathname);
    } catch (error) {
      response = refused(error, context);
      if (!(error instanceof Refusal)) log(context, "failed", { error: error.name });
    }
    log(context, "answered", { path: pathname, status: response.status, ms: Date.now() - started });
    return response;
  },
};

async function route(request, env, context, pathname) {
  const { method } = request;
  if (method === "GET" && pathname === "/version") return Response.json({ commit: env.VERSION.tag });
  if (!(await isCaller(request, env))) throw new Refusal(401, "unauthorized", "Sign in first.");
  const identity = await identify(request, env);
  if (!identity) throw new Refusal(401, "unauthorized", "Sign in first.");
  context.tenant = identity.tenant;
  checkedHeaders(request.headers);
  if (method === "POST" && pathname === "/v1/chat") return answerChat(request, env, context);
  if (method === "POST" && pathname === "/v1/notes") return answerNote(request, env, context);
  if (method === "GET" && pathname === "/v1/session") return openSession(request, env, context);
  if (method === "GET" && pathname === "/docs/security-standards") {
    const page = await env.FILES.get("docs/security-standards.md");
    return page ? new Response(page.body) : refused(new Refusal(404, "not_found", "There is no such document."), context);
  }
  throw new Refusal(404, "not_found", "There is nothing here.");
}
