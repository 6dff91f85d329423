// D1 holds metadata only: who, when, which role, how many tokens. Never what was said.

export function recordTurn(env, { tenantId, sessionId, role, tokens }) {
  return env.DB.prepare("INSERT INTO turns (tenant_id, session_id, role, tokens, at) VALUES (?, ?, ?, ?, ?)")
    .bind(tenantId, sessionId, role, tokens, new Date().toISOString())
    .run();
}

export function recordFeedback(env, { tenantId, sessionId, rating }) {
  return env.DB.prepare("INSERT INTO ratings (tenant_id, session_id, rating, at) VALUES (?, ?, ?, ?)")
    .bind(tenantId, sessionId, rating, new Date().toISOString())
    .run();
}

// The receipt of a pruning: sessions cannot be looked into from outside, so they say what they still hold.
export function recordPrune(env, { tenantId, keepDays, oldestAt, kept, removed }) {
  return env.DB.prepare(
    "INSERT INTO prunings (tenant_id, keep_days, oldest_at, kept, removed, at) VALUES (?, ?, ?, ?, ?, ?)",
  )
    .bind(tenantId, keepDays, new Date(oldestAt).toISOString(), kept, removed, new Date().toISOString())
    .run();
}
