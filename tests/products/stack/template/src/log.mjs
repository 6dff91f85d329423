// One line a request. Credentials are masked before anything is written.
const MASKED = ["authorization", "cookie", "set-cookie", "x-api-key", "proxy-authorization"];

export function masked(headers) {
  const shown = {};
  for (const [name, value] of headers) shown[name] = MASKED.includes(name) ? "[masked]" : value;
  return shown;
}

export function record(env, request, status) {
  if (env.LOG_LEVEL === "silent") return;
  const line = { event: "request", method: request.method, path: new URL(request.url).pathname, status };
  line.headers = masked(request.headers);
  (env.LOG ?? console.log)(JSON.stringify(line));
}
