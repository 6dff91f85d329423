// What is served where. A route without a schema has no body.

import { chatRequestSchema, feedbackRequestSchema, sessionRequestSchema } from "./schemas.mjs";
import { chat } from "./routes/chat.mjs";
import { feedback } from "./routes/feedback.mjs";
import { health } from "./routes/health.mjs";
import { closeSession, openSession, readSession } from "./routes/sessions.mjs";

const routes = [
  { method: "GET", pattern: "/health", handler: health },
  { method: "POST", pattern: "/chat", handler: chat, schema: chatRequestSchema, limited: true },
  { method: "POST", pattern: "/feedback", handler: feedback, schema: feedbackRequestSchema, limited: true },
  { method: "POST", pattern: "/sessions", handler: openSession, schema: sessionRequestSchema, limited: true },
  { method: "GET", pattern: "/sessions/:id", handler: readSession, limited: true },
  { method: "DELETE", pattern: "/sessions/:id", handler: closeSession, limited: true },
];

function matched(pattern, path) {
  const [wanted, given] = [pattern.split("/"), path.split("/")];
  if (wanted.length !== given.length) return null;
  const parameters = {};
  for (const [index, part] of wanted.entries()) {
    if (part.startsWith(":")) parameters[part.slice(1)] = given[index];
    else if (part !== given[index]) return null;
  }
  return parameters;
}

export function findRoute(method, path) {
  const here = routes.map((route) => ({ route, parameters: matched(route.pattern, path) })).filter((one) => one.parameters);
  if (here.length === 0) return { refusal: "not_found" };
  return here.find((one) => one.route.method === method) ?? { refusal: "method_not_allowed" };
}
