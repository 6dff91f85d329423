// Counts the requests of one user of one tenant over windows that slide (ADR-003).

export class RateLimiter {
  constructor(state) {
    this.storage = state.storage;
  }

  async take({ windowMs, limits }, now = Date.now()) {
    const hits = ((await this.storage.get("hits")) ?? []).filter((at) => at > now - windowMs);
    const full = limits.find(([limit, span]) => hits.filter((at) => at > now - span).length >= limit);
    if (!full) hits.push(now);
    await this.storage.put("hits", hits);
    const [limit, span] = full ?? limits[0];
    const within = hits.filter((at) => at > now - span);
    const remaining = Math.min(...limits.map(([most, time]) => most - hits.filter((at) => at > now - time).length));
    return { allowed: !full, remaining: Math.max(0, remaining), resetAt: (within[0] ?? now) + span };
  }
}
