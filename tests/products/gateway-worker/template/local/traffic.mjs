// A day of ordinary callers, so that there is a log.

import { request } from "node:https";
import { readFileSync } from "node:fs";

const { HTTPS, GANGWAY_TOKEN, ACCESS_ASSERTION, TLS_CA } = process.env;
const ca = readFileSync(TLS_CA);

function call(method, path, body, headers = {}) {
  return new Promise((resolve, reject) => {
    const sent = body === undefined ? undefined : JSON.stringify(body);
    const all = { Authorization: `Bearer ${GANGWAY_TOKEN}`, "Cf-Access-Jwt-Assertion": ACCESS_ASSERTION, ...headers };
    if (sent) all["Content-Type"] = "application/json";
    const outgoing = request(new URL(path, HTTPS), { method, headers: all, ca }, (incoming) => {
      incoming.resume();
      incoming.on("end", () => resolve(incoming.statusCode));
    });
    outgoing.on("error", reject);
    outgoing.end(sent);
  });
}

const message = { role: "user", content: "Where is the lighthouse of marker-7f2b9c?" };
for (let day = 0; day < 30; day += 1) {
  await call("POST", "/v1/chat", { tier: day % 3 ? "quick" : "deep", messages: [message] });
  await call("POST", "/v1/notes", { title: "Lighthouse", text: "The lighthouse of marker-7f2b9c is dark." });
}
for (let day = 0; day < 4; day += 1) {
  await call("GET", "/v1/chat", undefined, { Authorization: "Bearer wrong" });
  await call("POST", "/v1/chat", { tier: "none" });
}
await call("GET", "/docs/security-standards");
