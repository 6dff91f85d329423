// Serves the Worker over HTTP. Static assets come first, as on the platform; all else goes to the Worker.

import { createServer } from "node:http";
import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { Readable } from "node:stream";
import worker from "../src/worker.mjs";
import { bindings } from "./bindings.mjs";

const env = bindings({
  databasePath: "data/metadata.db",
  log: (line) => appendFileSync("logs/service.log", `${line}\n`),
  secrets: process.env,
});

const asset = (url) => `data/assets${new URL(url, "http://assets").pathname}`;

async function answer(incoming) {
  const url = `http://${incoming.headers.host}${incoming.url}`;
  const headers = new Headers();
  for (const [name, value] of Object.entries(incoming.headers)) headers.set(name, String(value));
  headers.set("cf-connecting-ip", incoming.socket.remoteAddress);
  const hasBody = !["GET", "HEAD"].includes(incoming.method);
  const body = hasBody ? Readable.toWeb(incoming) : undefined;
  return worker.fetch(new Request(url, { method: incoming.method, headers, body, duplex: "half" }), env);
}

const server = createServer(async (incoming, outgoing) => {
  try {
    const file = asset(incoming.url);
    if (incoming.method === "GET" && !file.includes("..") && /\.json$/.test(file) && existsSync(file)) {
      outgoing.writeHead(200, { "Content-Type": "application/json" }).end(readFileSync(file));
      return;
    }
    const response = await answer(incoming);
    const unread = !incoming.complete;
    outgoing.writeHead(response.status, {
      ...Object.fromEntries(response.headers),
      ...(unread ? { Connection: "close" } : {}),
    });
    outgoing.end(Buffer.from(await response.arrayBuffer()));
    if (unread) incoming.resume();
  } catch (error) {
    // As the platform does: no envelope, nothing of the cause.
    console.error(error);
    if (!outgoing.headersSent) outgoing.writeHead(500);
    outgoing.end();
  }
});

server.keepAliveTimeout = 60_000;
server.listen(0, "127.0.0.1", () => {
  const ready = process.env.READY_FILE;
  if (!ready) return console.log(`http://127.0.0.1:${server.address().port}`);
  const lines = `HTTP=http://127.0.0.1:${server.address().port}\nHTTPS=https://127.0.0.1:${server.address().port}\n`;
  writeFileSync(`${ready}.new`, lines);
  renameSync(`${ready}.new`, ready);
});
