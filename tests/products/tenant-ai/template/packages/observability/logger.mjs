// Structured log lines. Fields whose names tell that they are sensitive are redacted, at any depth.

const SENSITIVE = /message|prompt|content|text|reply|key|token|secret|authorization|cookie|email|user/i;

export function redact(value, name = "") {
  if (SENSITIVE.test(name)) return "[redacted]";
  if (Array.isArray(value)) return value.map((item) => redact(item, name));
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, redact(inner, key)]));
  }
  return value;
}

export function createLogger(sink) {
  const write = (level) => (event, fields = {}) => {
    sink(JSON.stringify({ at: new Date().toISOString(), level, event, ...redact(fields) }));
  };
  return { info: write("info"), error: write("error") };
}
