// Request bodies: bounded while they are read, then parsed, then validated. Nothing else reads one.

async function bounded(request, limit) {
  if (Number(request.headers.get("content-length") ?? 0) > limit) return null;
  const parts = [];
  let size = 0;
  for await (const part of request.body ?? []) {
    size += part.byteLength;
    if (size > limit) return null;
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

export async function readValidated(request, schema, limit) {
  const text = await bounded(request, limit);
  if (text === null) return { refusal: "payload_too_large" };
  if (!schema) return { value: {} };
  let parsed;
  try {
    parsed = schema.safeParse(JSON.parse(text));
  } catch {
    return { refusal: "invalid_request" };
  }
  return parsed.success ? { value: parsed.data } : { refusal: "invalid_request" };
}
