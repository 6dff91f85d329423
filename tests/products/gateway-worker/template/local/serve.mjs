// Serves the Worker on this machine. Says in READY_FILE where, and gives a caller of this machine its assertions.

import { appendFileSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { accessProxy, bindings, install } from "./platform.mjs";
import { join } from "./websocket.mjs";

const { COMMIT: commit, GANGWAY_TOKEN: token, AI_GATEWAY_KEY: aiKey, READY_FILE: ready, TLS_CERT, TLS_KEY } = process.env;

const keys = accessProxy();
install({ aiKey, keys });
const env = bindings({ commit, token, aiKey });
console.log = (line) => appendFileSync("logs/gangway.log", `${line}\n`);
const { default: worker } = await import("../src/worker.mjs");

function asRequest(incoming, body) {
  const headers = new Headers();
  for (let place = 0; place < incoming.rawHeaders.length; place += 2) {
    const [name, value] = incoming.rawHeaders.slice(place, place + 2);
    if (!/^(connection|host|content-length|transfer-encoding|expect)$/i.test(name)) headers.append(name, value);
  }
  const { method, url } = incoming;
  const bodiless = method === "GET" || method === "HEAD";
  return new Request(`https://gangway.local${url}`, { method, headers, ...(bodiless ? {} : { body }) });
}

async function answer(incoming, outgoing) {
  const parts = [];
  for await (const part of incoming) parts.push(part);
  const response = await worker.fetch(asRequest(incoming, Buffer.concat(parts)), env);
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  outgoing.end(Buffer.from(await response.arrayBuffer()));
}

async function upgrade(incoming, connection, head) {
  const response = await worker.fetch(asRequest(incoming), env);
  if (response.webSocket) return join(incoming, connection, head, response.webSocket);
  const text = await response.text();
  const lines = [`HTTP/1.1 ${response.status} Refused`, "Content-Type: application/json", `Content-Length: ${Buffer.byteLength(text)}`];
  return connection.end(`${lines.join("\r\n")}\r\nConnection: close\r\n\r\n${text}`);
}

const handle = (incoming, outgoing) => answer(incoming, outgoing).catch(() => outgoing.destroy());
const server = TLS_CERT
  ? createSecureServer({ cert: readFileSync(TLS_CERT), key: readFileSync(TLS_KEY) }, handle)
  : createServer(handle);
server.on("upgrade", (incoming, connection, head) => upgrade(incoming, connection, head).catch(() => connection.destroy()));
server.listen(Number(process.env.PORT ?? 0), "127.0.0.1", () => {
  const { port } = server.address();
  const claims = { sub: "probe@gangway.example", custom: { tenant: "harbour" } };
  const lines = [
    `${TLS_CERT ? "HTTPS=https" : "HTTP=http"}://127.0.0.1:${port}`,
    `ACCESS_ASSERTION=${keys.assertion(claims)}`,
    `FORGED_ASSERTION=${keys.forged(claims)}`,
  ];
  if (!ready) return process.stdout.write(`${lines.join("\n")}\n`);
  writeFileSync(`${ready}.new`, `${lines.join("\n")}\n`);
  return renameSync(`${ready}.new`, ready);
});
