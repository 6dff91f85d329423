// Asks a model through the AI gateway, which asks for its own authorisation.

import { checkBody, oneOf, text, truth } from "./checks.mjs";
import { Refusal } from "./errors.mjs";
import { log } from "./log.mjs";

const CHAT = {
  tier: oneOf("quick", "deep"),
  messages: [{ role: oneOf("user", "assistant", "system"), content: text(8_000) }],
  "stream?": truth,
};

const MODELS = { quick: "workers-ai/@cf/meta/llama-3.1-8b-instruct", deep: "anthropic/claude-sonnet-4-5" };

export async function ask(env, tier, messages) {
  const model = env.AI_GATEWAY_MODEL ?? MODELS[tier];
  const place = `https://gateway.ai.cloudflare.com/v1/${env.AI_GATEWAY_ACCOUNT}/${env.AI_GATEWAY_ID}/compat/chat/completions`;
  const answer = await fetch(place, {
    method: "POST",
    headers: { "Content-Type": "application/json", "cf-aig-authorization": `Bearer ${env.AI_GATEWAY_KEY}` },
    body: JSON.stringify({ model, messages }),
  });
  if (!answer.ok) throw new Refusal(502, "upstream", "The model did not answer.");
  const { choices } = await answer.json();
  return { model, text: choices[0].message.content };
}

export async function answerChat(request, env, context) {
  const { tier, messages } = await checkBody(request, CHAT);
  const answer = await ask(env, tier, messages);
  log(context, "asked", { routing: env.ROUTING, model: answer.model });
  return Response.json(answer);
}
