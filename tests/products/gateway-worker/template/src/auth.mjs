// The gateway's token, compared in constant time.

const encoder = new TextEncoder();

// Digests have one length, so that the comparison does not even tell the token's.
async function isSame(given, wanted) {
  const [left, right] = await Promise.all([given, wanted].map((text) => crypto.subtle.digest("SHA-256", encoder.encode(text))));
  return crypto.subtle.timingSafeEqual(left, right);
}

export async function isCaller(request, env) {
  const header = request.headers.get("Authorization") ?? "";
  if (!header.startsWith("Bearer ")) return false;
  return isSame(header.slice("Bearer ".length), env.GANGWAY_TOKEN);
}
