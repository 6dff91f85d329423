// The only place that talks to the provider of mail. It sends what the policy lets go, and what a person approved.
export async function consume(item, env) {
  if (item.decision === "refuse") return "refused";
  if (item.decision === "ask" && !item.approvedBy) {
    await env.DB.prepare("INSERT INTO held (id, subject) VALUES (?, ?)").bind(crypto.randomUUID(), item.subject).run();
    return "held";
  }
  const answer = await (env.FETCH ?? fetch)("https://api.resend.com/emails", {
    method: "POST",
    headers: { authorization: `Bearer ${env.RESEND_KEY}`, "content-type": "application/json" },
    body: JSON.stringify({ from: "post@postroom.example", to: item.to, subject: item.subject, text: item.body }),
  });
  return answer.ok ? "sent" : "failed";
}
