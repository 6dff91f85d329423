// One chat session of one tenant. Messages live here and nowhere else, and only as long as the tenant keeps them.

const DAY = 86_400_000;

export class ChatSession {
  constructor(state) {
    this.storage = state.storage;
  }

  async open(title) {
    await this.storage.put("session", { title, messages: [] });
  }

  async append(message) {
    const session = (await this.storage.get("session")) ?? { title: null, messages: [] };
    session.messages.push(message);
    await this.storage.put("session", session);
  }

  async read() {
    return (await this.storage.get("session")) ?? null;
  }

  async close() {
    return this.storage.delete("session");
  }

  async prune({ sessionRetentionDays, maxMessagesPerSession }, now = Date.now()) {
    const session = (await this.storage.get("session")) ?? { title: null, messages: [] };
    const fresh = session.messages.filter((message) => message.at > now - sessionRetentionDays * DAY);
    const kept = fresh.slice(-maxMessagesPerSession);
    await this.storage.put("session", { ...session, messages: kept });
    return { kept: kept.length, removed: session.messages.length - kept.length, oldestAt: kept[0]?.at ?? now };
  }
}
