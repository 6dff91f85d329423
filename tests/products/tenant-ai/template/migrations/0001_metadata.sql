-- Metadata only: who, when, which role, how many tokens.
CREATE TABLE IF NOT EXISTS turns (
  id INTEGER PRIMARY KEY,
  tenant_id TEXT NOT NULL,
  session_id TEXT NOT NULL,
  role TEXT NOT NULL,
  tokens INTEGER NOT NULL,
  at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS ratings (
  id INTEGER PRIMARY KEY,
  tenant_id TEXT NOT NULL,
  session_id TEXT NOT NULL,
  rating INTEGER NOT NULL,
  at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS prunings (
  id INTEGER PRIMARY KEY,
  tenant_id TEXT NOT NULL,
  keep_days INTEGER NOT NULL,
  oldest_at TEXT NOT NULL,
  kept INTEGER NOT NULL,
  removed INTEGER NOT NULL,
  at TEXT NOT NULL
);
