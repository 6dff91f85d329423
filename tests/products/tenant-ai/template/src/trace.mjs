// The id under which a request can be found: the edge's, else the caller's when it is short and plain, else a new one.

const FORM = /^[A-Za-z0-9-]{8,64}$/;
const SOURCES = ["cf-ray", "x-request-id"];

export function traceIdOf(request) {
  for (const name of SOURCES) {
    const given = request.headers.get(name);
    if (given && FORM.test(given)) return given;
  }
  return crypto.randomUUID();
}
