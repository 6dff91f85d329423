// The assertion of the access proxy: a JWT that the team's key signed for this application.

const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (each) => each.charCodeAt(0));
const parsed = (text) => JSON.parse(new TextDecoder().decode(bytes(text)));

async function keyOf(env, id) {
  const answer = await fetch(`https://${env.ACCESS_TEAM}.cloudflareaccess.com/cdn-cgi/access/certs`);
  const { keys } = await answer.json();
  const found = keys.find((key) => key.kid === id);
  return found && crypto.subtle.importKey("jwk", found, { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" }, false, ["verify"]);
}

export async function identify(request, env) {
  const parts = (request.headers.get("Cf-Access-Jwt-Assertion") ?? "").split(".");
  if (parts.length !== 3) return undefined;
  try {
    const [head, claims] = parts.slice(0, 2).map(parsed);
    const key = head.alg === "RS256" && (await keyOf(env, head.kid));
    if (!key) return undefined;
    const signed = new TextEncoder().encode(`${parts[0]}.${parts[1]}`);
    if (!(await crypto.subtle.verify("RSASSA-PKCS1-v1_5", key, bytes(parts[2]), signed))) return undefined;
    const now = Date.now() / 1000;
    const audience = [claims.aud].flat().includes(env.ACCESS_AUDIENCE);
    const issuer = claims.iss === `https://${env.ACCESS_TEAM}.cloudflareaccess.com`;
    return audience && issuer && claims.exp > now ? { tenant: claims.custom?.tenant ?? claims.sub } : undefined;
  } catch {
    return undefined;
  }
}
