// Serves the Worker on this machine: HTTPS, and plain HTTP that sends everybody on to it.
import { createWriteStream, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createServer as createPlain } from "node:http";
import { createServer } from "node:https";
import worker from "../src/worker.mjs";
import { openLocal } from "./d1.mjs";

mkdirSync("logs", { recursive: true });
const lines = createWriteStream("logs/service.log", { flags: "a" });
console.log = (line) => lines.write(`${line}\n`);

const { COMMIT, MASTER_KEY, TLS_CERT, TLS_KEY, READY_FILE, HTTPS_PORT = 0, HTTP_PORT = 0 } = process.env;
const env = { DB: openLocal(), COMMIT, MASTER_KEY };

async function handle(incoming, outgoing) {
  const chunks = [];
  for await (const chunk of incoming) chunks.push(chunk);
  const hasBody = chunks.length > 0 && !["GET", "HEAD"].includes(incoming.method);
  const request = new Request(`https://${incoming.headers.host}${incoming.url}`, {
    method: incoming.method,
    headers: Object.entries(incoming.headers).filter(([, value]) => typeof value === "string"),
    body: hasBody ? Buffer.concat(chunks) : undefined,
  });
  const response = await worker.fetch(request, env);
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  outgoing.end(Buffer.from(await response.arrayBuffer()));
}

const secure = createServer({ cert: readFileSync(TLS_CERT), key: readFileSync(TLS_KEY), minVersion: "TLSv1.2" }, (incoming, outgoing) => {
  handle(incoming, outgoing).catch(() => outgoing.destroy());
});
const plain = createPlain((incoming, outgoing) => {
  const { port } = secure.address();
  outgoing.writeHead(308, { location: `https://127.0.0.1:${port}${incoming.url}` }).end();
});

const listening = (server, port) => new Promise((resolve) => server.listen(Number(port), "127.0.0.1", resolve));
await listening(secure, HTTPS_PORT);
await listening(plain, HTTP_PORT);
const ready = `HTTPS=https://127.0.0.1:${secure.address().port}\nHTTP=http://127.0.0.1:${plain.address().port}\n`;
if (READY_FILE) {
  writeFileSync(`${READY_FILE}.new`, ready);
  renameSync(`${READY_FILE}.new`, READY_FILE);
} else {
  process.stderr.write(ready);
}
