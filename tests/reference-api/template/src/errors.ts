// Refusals: a closed envelope, the same for every cause of a failed authentication.

export function refuse(status: number, code: string): Response {
  const requestId = crypto.randomUUID();
  return Response.json({ error: { code, message: "The request was refused." }, requestId }, { status });
}
