// The API. A request is authenticated, held against the table of permissions, and only then does anything.
import { log } from "./log.mjs";
import { parseMasterKey } from "./master-key.mjs";
import { isScope, levels, mayDo, reaches } from "./permissions.mjs";
import { Store } from "./store.mjs";

const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;
const SECRET_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;

class Refusal extends Error {
  constructor(status, code, message) {
    super(message);
    Object.assign(this, { status, code });
  }
}

const need = (holds, message) => {
  if (!holds) throw new Refusal(400, "invalid", message);
};
const found = (it) => it || absent();
const absent = () => {
  throw new Refusal(404, "not_found", "there is no such thing");
};

// Method, path, what the key must be allowed to do, and what happens then.
const ROUTES = [
  ["GET", "/v1/whoami", null, ({ key }) => show(key)],
  ["GET", "/v1/projects", "read", async ({ store, key }) => ({ projects: await store.listProjects(key.account) })],
  ["POST", "/v1/projects", "projects", createProject, 201],
  ["DELETE", "/v1/projects/:id", "projects", async ({ store, key, id }) => found(await store.removeProject(key.account, id)), 204],
  ["GET", "/v1/keys", "keys", async ({ store, key }) => ({ keys: (await store.listKeys(key.account)).map(show) })],
  ["GET", "/v1/keys/:id", "keys", readKey],
  ["POST", "/v1/keys", "keys", issueKey, 201],
  ["POST", "/v1/keys/:id/revoke", "keys", async ({ store, key, id }) => found(await store.revokeKey(key.account, id)), 204],
  ["DELETE", "/v1/keys/:id", "keys", async ({ store, key, id }) => found(await store.removeKey(key.account, id)), 204],
  ["GET", "/v1/projects/:project/:environment/secrets", "read", listSecrets],
  ["POST", "/v1/projects/:project/:environment/secrets", "write", writeSecret, 201],
  ["GET", "/v1/projects/:project/:environment/secrets/:id", "read", readSecret],
  ["PUT", "/v1/projects/:project/:environment/secrets/:id", "write", changeSecret, 204],
  ["DELETE", "/v1/projects/:project/:environment/secrets/:id", "write", removeSecret, 204],
].map(([method, path, action, handle, status = 200]) => {
  const pattern = new RegExp(`^${path.replace(/:(\w+)/g, "(?<$1>[^/]+)")}$`);
  return { method, path, pattern, action, handle, status };
});

async function createProject({ store, key, body }) {
  need(NAME.test(body.name), "a project is named in lower-case letters, digits and hyphens");
  const environments = body.environments ?? ["dev", "prod"];
  need(Array.isArray(environments) && environments.every((name) => NAME.test(name)), "an environment is named like a project");
  return store.createProject(key.account, body.name, environments);
}

async function readKey({ store, key, id }) {
  return show(found((await store.listKeys(key.account)).find((each) => each.id === id)));
}

async function issueKey({ store, key, body }) {
  const { type, permissions, label, scopes = [] } = body;
  need(levels(type).includes(permissions), "a key has a type, and one of its permission levels");
  need(typeof label === "string" && label.length > 0 && label.length <= 200, "a key has a label");
  need(Array.isArray(scopes) && scopes.every(isScope), "a scope names one environment of one project");
  need((type === "system") === scopes.length > 0, "a system key has scopes, a user key has none");
  return store.issueKey(key.account, { type, permissions, label, scopes });
}

function listSecrets({ store, key, place }) {
  return store.listSecrets(key.account, place).then((secrets) => ({ secrets }));
}

async function writeSecret({ store, key, place, body }) {
  need(SECRET_NAME.test(body.name), "a secret is named like an environment variable");
  need(typeof body.value === "string" && body.value.length <= 65536, "the value of a secret is a text");
  return store.writeSecret(key.account, place, body.name, body.value);
}

async function readSecret({ store, key, place, id }) {
  return found(await store.readSecret(key.account, place, id));
}

async function changeSecret({ store, key, place, id, body }) {
  need(typeof body.value === "string" && body.value.length <= 65536, "the value of a secret is a text");
  found(await store.changeSecret(key.account, place, id, body.value));
}

async function removeSecret({ store, place, id }) {
  found(await store.removeSecret(place, id));
}

/** What of a key may be shown. */
function show({ id, type, permissions, label, scopes, revoked, created_at }) {
  return { id, type, permissions, label, scopes, revoked, created_at };
}

async function authenticate(store, request) {
  const [, key] = /^Bearer (kfl_(?:user|sys)_[0-9a-f]+)$/.exec(request.headers.get("authorization") ?? "") ?? [];
  const known = key && (await store.authenticate(key));
  if (!known) throw new Refusal(401, "unauthorized", "show a valid key");
  return known;
}

async function answer(request, env, trail) {
  const { pathname } = new URL(request.url);
  if (pathname === "/version") return [200, { commit: env.COMMIT ?? null }];
  const store = new Store(env.DB, parseMasterKey(env.MASTER_KEY));
  const key = await authenticate(store, request);
  Object.assign(trail, { account: key.account, key: key.id });
  const route = ROUTES.find((each) => each.method === request.method && each.pattern.test(pathname));
  if (!route) absent();
  trail.route = `${route.method} ${route.path}`;
  const { project, environment, id } = route.pattern.exec(pathname).groups ?? {};
  const refuse = () => {
    throw new Refusal(403, "forbidden", "this key may not do that");
  };
  if (route.action && !mayDo(key, route.action)) refuse();
  if (environment && !reaches(key, project, environment)) refuse();
  const place = environment && found(await store.environment(key.account, project, environment)).id;
  let body = {};
  if (["POST", "PUT"].includes(request.method) && !route.path.endsWith("/revoke")) {
    body = await request.json().catch(() => need(false, "the body is not JSON"));
    need(body !== null && typeof body === "object", "the body is an object");
  }
  return [route.status, await route.handle({ store, key, id, place, body })];
}

const HEADERS = {
  "content-type": "application/json",
  "cache-control": "no-store",
  "strict-transport-security": "max-age=31536000; includeSubDomains",
  "x-content-type-options": "nosniff",
};

export default {
  async fetch(request, env) {
    const trail = { event: "request", method: request.method, route: null };
    let status = 500;
    let body = { error: { code: "internal", message: "something went wrong" } };
    try {
      [status, body] = await answer(request, env, trail);
    } catch (error) {
      if (error instanceof Refusal) {
        status = error.status;
        body = { error: { code: error.code, message: error.message } };
      } else {
        trail.error = error.code === "ERR_SQLITE_ERROR" ? "database" : error.name;
      }
    }
    log("info", { ...trail, status });
    return new Response(status === 204 ? null : JSON.stringify(body), { status, headers: HEADERS });
  },
};
