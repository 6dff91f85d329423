// Refusals have one form.

export class Refusal extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export function refused(error, context) {
  const known = error instanceof Refusal;
  const status = known ? error.status : 500;
  const code = known ? error.code : "internal";
  const message = known ? error.message : "Something went wrong.";
  return Response.json({ error: { code, message, requestId: context.requestId } }, { status });
}
