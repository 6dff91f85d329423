// The client of the AI gateway: named routes, no provider's key, a budget a loop.
export const ROUTES = ["draft", "summary"];

export async function complete(env, route, messages) {
  if (!ROUTES.includes(route)) throw new Error(`no route is named ${route}`);
  const answer = await (env.FETCH ?? fetch)(`${env.AI_GATEWAY_URL}/${route}`, {
    method: "POST",
    headers: { "cf-aig-authorization": `Bearer ${env.AI_GATEWAY_TOKEN}`, "content-type": "application/json" },
    body: JSON.stringify({ messages }),
  });
  if (!answer.ok) throw new Error(`the gateway answered ${answer.status}`);
  return (await answer.json()).text;
}

// Runs steps until one says that it is done, and never more of them than the budget allows.
export async function loop(budget, step) {
  for (let spent = 0; spent < budget; spent += 1) {
    if (await step(spent)) return { done: true, spent: spent + 1 };
  }
  return { done: false, spent: budget };
}
