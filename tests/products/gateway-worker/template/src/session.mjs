// A session: messages over a WebSocket, each checked before anything is done with it.

import { ask } from "./chat.mjs";
import { checkMessage, oneOf, text } from "./checks.mjs";
import { Refusal } from "./errors.mjs";
import { log } from "./log.mjs";

const MESSAGES = {
  ping: { type: oneOf("ping"), id: text(64) },
  ask: { type: oneOf("ask"), id: text(64), text: text(8_000) },
};

const HANDLERS = {
  ping: async ({ id }) => ({ type: "pong", id }),
  ask: async ({ id, text: question }, env) => {
    const answer = await ask(env, "quick", [{ role: "user", content: question }]);
    return { type: "answer", id, ...answer };
  },
};

export function openSession(request, env, context) {
  if (request.headers.get("Upgrade")?.toLowerCase() !== "websocket") throw new Refusal(426, "upgrade_required", "Open a WebSocket.");
  const [client, server] = Object.values(new WebSocketPair());
  server.accept();
  server.addEventListener("message", (event) => {
    answerMessage(event.data, env, context, server).catch((error) => {
      log(context, "session failed", { error: error.name });
      server.close(1011, "Something went wrong.");
    });
  });
  return new Response(null, { status: 101, webSocket: client });
}

async function answerMessage(data, env, context, server) {
  if (typeof data !== "string") return server.close(1003, "Send text.");
  let message;
  try {
    message = checkMessage(data, MESSAGES);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    log(context, "message refused", { code: error.code });
    return server.send(JSON.stringify({ type: "error", error: { code: error.code, message: error.message } }));
  }
  const answer = await HANDLERS[message.type](message, env);
  log(context, "message answered", { kind: message.type });
  return server.send(JSON.stringify(answer));
}
