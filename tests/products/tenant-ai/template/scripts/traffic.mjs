// Ordinary use: chats with texts that can be recognised, by people with names, with a key.

const { HTTP, MESSAGE_MARK, TENANT_KEY_ACME } = process.env;
const person = { email: "marie.curie@example.org", phone: "+33 1 44 27 70 00" };

async function send(path, body, headers) {
  const response = await fetch(`${HTTP}${path}`, {
    method: body ? "POST" : "GET",
    headers: { "Content-Type": "application/json", ...headers },
    body: body && JSON.stringify(body),
  });
  await response.arrayBuffer();
  return response.status;
}

const sessionId = "6f1c1d1e-52a7-4f0e-9a53-0d5c3c0a9a01";
for (let round = 0; round < 30; round += 1) {
  const message = `My note ${MESSAGE_MARK} is from ${person.email}, ${person.phone}.`;
  const byId = { "x-tenant-id": "acme" };
  const byKey = { "x-api-key": TENANT_KEY_ACME };
  await send("/chat", { sessionId, message, stream: false, userId: person.email }, byId);
  await send("/chat", { sessionId, message: `${message} ${round}`, stream: true }, byKey);
  await send("/feedback", { sessionId, rating: 5, comment: message }, byKey);
  await send("/chat", { sessionId: "no uuid", message, userId: person.email }, byId);
  await send("/health", null, byKey);
}
