// A stand-in of the platform on this machine: what Workers have and Node.js has not, and the bindings of the Worker.

import { generateKeyPairSync, randomBytes, sign, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";

const TEAM = "gangway-local";
const base64url = (value) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

// What the runtime of Workers adds to the Web's own interfaces.
export function install({ aiKey, keys }) {
  crypto.subtle.timingSafeEqual ??= (left, right) => timingSafeEqual(Buffer.from(left), Buffer.from(right));
  globalThis.WebSocketPair = class {
    constructor() {
      [this[0], this[1]] = [new Peer(), new Peer()];
      [this[0].other, this[1].other] = [this[1], this[0]];
    }
  };
  const Plain = globalThis.Response;
  globalThis.Response = class extends Plain {
    constructor(body, init) {
      super(body, init?.status === 101 ? { ...init, status: 200 } : init);
      this.webSocket = init?.webSocket;
    }
  };
  const network = globalThis.fetch;
  globalThis.fetch = async (place, init) => {
    const { hostname } = new URL(place);
    if (hostname === `${TEAM}.cloudflareaccess.com`) return Plain.json({ keys: [keys.published] });
    if (hostname === "gateway.ai.cloudflare.com") return aiGateway(init, aiKey);
    return network(place, init);
  };
}

// An AI gateway that is authenticated, with one model for each provider.
function aiGateway(init, aiKey) {
  const headers = new Headers(init?.headers);
  if (headers.get("cf-aig-authorization") !== `Bearer ${aiKey}`) return Response.json({ error: "Unauthorized" }, { status: 401 });
  const { model } = JSON.parse(init.body);
  return Response.json({ choices: [{ message: { role: "assistant", content: `A bridge to a ship, says ${model}.` } }] });
}

class Peer extends EventTarget {
  accept() {}
  send(data) {
    this.other.dispatchEvent(new MessageEvent("message", { data }));
  }
  close(code, reason) {
    const event = new Event("close");
    this.other.dispatchEvent(Object.assign(event, { code, reason }));
  }
}

// The access proxy of this machine: a key, and assertions that it signs.
export function accessProxy() {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const kid = randomBytes(8).toString("hex");
  const published = { ...publicKey.export({ format: "jwk" }), kid, alg: "RS256", use: "sig" };
  const assertion = (claims, key = privateKey) => {
    const now = Math.floor(Date.now() / 1000);
    const all = { aud: [TEAM], iss: `https://${TEAM}.cloudflareaccess.com`, iat: now, exp: now + 3600, ...claims };
    const text = `${base64url({ alg: "RS256", kid })}.${base64url(all)}`;
    return `${text}.${sign("sha256", Buffer.from(text), key).toString("base64url")}`;
  };
  const stranger = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
  return { published, assertion, forged: (claims) => assertion(claims, stranger) };
}

export function bindings({ commit, token, aiKey }) {
  const database = new DatabaseSync("data/gangway.db");
  database.exec(readFileSync("migrations/0001_notes.sql", "utf8").replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS"));
  const files = new Map([["docs/security-standards.md", readFileSync("docs/security-standards.md", "utf8")]]);
  return {
    ENVIRONMENT: "local",
    ROUTING: "tier",
    ACCESS_TEAM: TEAM,
    ACCESS_AUDIENCE: TEAM,
    VERSION: { tag: commit },
    GANGWAY_TOKEN: token,
    AI_GATEWAY_KEY: aiKey,
    AI_GATEWAY_ACCOUNT: "local",
    AI_GATEWAY_ID: "local",
    AI: { run: async (model, { text }) => ({ data: text.map((each) => [each.length, model.length]) }) },
    FILES: {
      get: async (name) => (files.has(name) ? { body: files.get(name) } : null),
      put: async (name, value) => void files.set(name, value),
    },
    DB: { prepare: (sql) => ({ bind: (...values) => ({ run: async () => database.prepare(sql).run(...values) }) }) },
  };
}
