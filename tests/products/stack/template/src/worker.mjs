// Postroom: a shared inbox. The router; everything that comes in is validated here or in what it calls.
import { signedIn } from "./auth.mjs";
import { page } from "./html.mjs";
import { record } from "./log.mjs";
import { consume } from "./mail/queue-consumer.mjs";
import { decide } from "./mail/policy.mjs";
import { store, fetchUpload, removeUpload } from "./uploads.mjs";
import { readJson, message } from "./validate.mjs";

const json = (status, value) =>
  new Response(JSON.stringify(value), {
    status,
    headers: { "content-type": "application/json; charset=utf-8", "x-content-type-options": "nosniff" },
  });
const failed = (status, code) => json(status, { error: { code } });

async function route(request, env) {
  const url = new URL(request.url);
  const { pathname } = url;
  if (pathname === "/version") return json(200, { commit: env.COMMIT ?? "" });
  const user = await signedIn(request, env);
  if (!user) return failed(401, "UNAUTHORIZED");
  if (pathname === "/search" && request.method === "GET") {
    const wanted = url.searchParams.get("q") ?? "";
    const found = await env.DB.prepare("SELECT subject FROM messages WHERE subject LIKE ?").bind(`%${wanted}%`).all();
    return page("Search", wanted, found.results.map((row) => row.subject));
  }
  if (pathname === "/messages" && request.method === "POST") {
    const read = await readJson(request, 64_000);
    if (read.refused) return failed(read.refused, "REFUSED");
    const checked = message(read.value);
    if (!checked) return failed(400, "INVALID");
    const id = crypto.randomUUID();
    await env.DB.prepare("INSERT INTO messages (id, sender, subject, body) VALUES (?, ?, ?, ?)")
      .bind(id, checked.from, checked.subject, checked.body)
      .run();
    return json(201, { id });
  }
  const single = /^\/messages\/([0-9a-f-]{36})$/.exec(pathname);
  if (single && request.method === "DELETE") {
    if (!user.may.includes("delete")) return failed(403, "FORBIDDEN");
    await env.DB.prepare("DELETE FROM messages WHERE id = ?").bind(single[1]).run();
    return new Response(null, { status: 204 });
  }
  if (pathname === "/replies" && request.method === "POST") {
    const read = await readJson(request, 64_000);
    if (read.refused) return failed(read.refused, "REFUSED");
    const reply = message(read.value);
    if (!reply) return failed(400, "INVALID");
    const settings = JSON.parse((await env.SETTINGS.get("mail")) ?? "{}");
    await env.OUTBOX.send({ ...reply, decision: decide(reply, settings) });
    return json(202, { queued: true });
  }
  if (pathname === "/uploads" && request.method === "POST") return store(request, env, json, failed);
  const upload = /^\/uploads\/([0-9a-z-]{1,36})$/.exec(pathname);
  if (upload && request.method === "GET") return fetchUpload(upload[1], env, failed);
  if (upload && request.method === "DELETE") return removeUpload(upload[1], env);
  return failed(404, "NOT_FOUND");
}

export default {
  async fetch(request, env) {
    const answer = await route(request, env);
    record(env, request, answer.status);
    return answer;
  },
  async queue(batch, env) {
    for (const item of batch.messages) await consume(item.body, env);
  },
};
