// The one form of all JSON answers, and the closed list of error codes.

const ERRORS = {
  tenant_required: { status: 400, message: "Tenant required" },
  unknown_tenant: { status: 404, message: "Unknown tenant" },
  invalid_request: { status: 400, message: "Invalid request" },
  rate_limited: { status: 429, message: "Too many requests" },
  payload_too_large: { status: 413, message: "Request body too large" },
  not_found: { status: 404, message: "Not found" },
  method_not_allowed: { status: 405, message: "Method not allowed" },
};

function json(status, body, headers) {
  return new Response(JSON.stringify(body), {
    status,
    headers: { "Content-Type": "application/json", "Cache-Control": "no-store", ...headers },
  });
}

export function ok(data, traceId, status = 200) {
  return json(status, { ok: true, data, traceId });
}

export function fail(code, traceId, headers = {}) {
  const { status, message } = ERRORS[code];
  return json(status, { ok: false, error: { code, message }, traceId }, headers);
}
