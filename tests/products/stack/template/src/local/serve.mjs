// The Worker on this machine, for tests from outside.
import { createServer } from "node:http";
import { appendFileSync, renameSync, writeFileSync } from "node:fs";
import worker from "../worker.mjs";
import { bindings, session } from "./bindings.mjs";

const env = bindings({ COMMIT: process.env.COMMIT, LOG: (line) => appendFileSync("logs/service.log", `${line}\n`) });
await session(env, process.env.SESSION_USER, "ann", "read,write,delete");
await env.UPLOADS.put("notes", "hello");

const server = createServer(async (incoming, outgoing) => {
  const body = ["GET", "HEAD"].includes(incoming.method) ? undefined : incoming;
  const request = new Request(`http://${incoming.headers.host ?? "localhost"}${incoming.url}`, {
    method: incoming.method,
    headers: Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]),
    body,
    duplex: "half",
  });
  const answer = await worker.fetch(request, env).catch(() => new Response(null, { status: 500 }));
  outgoing.writeHead(answer.status, Object.fromEntries(answer.headers));
  outgoing.end(Buffer.from(await answer.arrayBuffer()));
  incoming.resume();
});
server.listen(0, "127.0.0.1", () => {
  const ready = process.env.READY_FILE;
  writeFileSync(`${ready}.new`, `HTTP=http://127.0.0.1:${server.address().port}\n`);
  renameSync(`${ready}.new`, ready);
});
