// Who is signed in: a session of the sign-in service, looked up by the hash of its token.
const hex = (bytes) => Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");

export async function hash(token) {
  return hex(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token)));
}

export async function signedIn(request, env) {
  const [scheme, token] = (request.headers.get("authorization") ?? "").split(" ");
  if (scheme !== "Bearer" || !token) return null;
  const row = await env.DB.prepare("SELECT person, may FROM sessions WHERE token_hash = ?").bind(await hash(token)).first();
  return row ? { person: row.person, may: row.may.split(",") } : null;
}
