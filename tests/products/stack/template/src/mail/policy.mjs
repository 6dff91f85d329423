// What may be sent at once, what waits for a person, and what is never sent.
export function decide(message, settings) {
  const domain = message.to.split("@").at(-1);
  if ((settings.blocked ?? []).includes(domain)) return "refuse";
  const known = (settings.known ?? []).includes(domain);
  const risky = !known || /\b(invoice|password|refund|urgent)\b/i.test(`${message.subject} ${message.body}`);
  return risky ? "ask" : "send";
}
