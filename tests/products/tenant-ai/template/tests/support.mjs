// The Worker with bindings of the test: what is called on them is noted.

import worker from "../src/worker.mjs";
import { bindings } from "../local/bindings.mjs";

export const SESSION = "0b0e7f6a-3c1d-4b7a-8f39-5d2a9c1e4f10";

export function platform(secrets = {}) {
  const lines = [];
  const env = bindings({ log: (line) => lines.push(line), secrets });
  const calls = [];
  const noted = (binding, value) =>
    new Proxy(value, {
      get(target, name) {
        if (typeof target[name] !== "function") return target[name];
        return (...given) => {
          calls.push({ binding, name, given });
          return target[name](...given);
        };
      },
    });
  for (const name of ["CACHE", "VECTORIZE", "CHAT_SESSION", "RATE_LIMITER_DO", "AI", "DB"]) env[name] = noted(name, env[name]);
  const ask = (method, path, { headers = {}, body, host = "service.example" } = {}) =>
    worker.fetch(
      new Request(`https://${host}${path}`, {
        method,
        headers: { "Content-Type": "application/json", "cf-connecting-ip": "192.0.2.1", ...headers },
        body: body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body),
      }),
      env,
    );
  return { env, calls, lines, ask };
}

export const chat = (more = {}) => ({ sessionId: SESSION, message: "Hello", stream: false, ...more });
export const as = (id) => ({ "x-tenant-id": id });
