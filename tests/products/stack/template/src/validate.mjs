// What comes in is held against what it must be, before anything is done with it.

// Reads a JSON body of at most `most` bytes, whether its length was declared or not.
export async function readJson(request, most) {
  if (Number(request.headers.get("content-length") ?? 0) > most) return { refused: 413 };
  const parts = [];
  let length = 0;
  for await (const part of request.body ?? []) {
    length += part.length;
    if (length > most) return { refused: 413 };
    parts.push(part);
  }
  try {
    return { value: JSON.parse(Buffer.concat(parts).toString("utf8")) };
  } catch {
    return { refused: 400 };
  }
}

const text = (value, most) => typeof value === "string" && value.length > 0 && value.length <= most;

// A message of the inbox; nothing if it is none.
export function message(value) {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return null;
  const known = ["from", "to", "subject", "body"];
  if (Object.keys(value).some((key) => !known.includes(key))) return null;
  if (!text(value.from, 320) || !text(value.subject, 200) || !text(value.body, 20_000)) return null;
  if (value.to !== undefined && !text(value.to, 320)) return null;
  return { from: value.from, to: value.to ?? "", subject: value.subject, body: value.body };
}
