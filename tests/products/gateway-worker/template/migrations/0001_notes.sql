CREATE TABLE notes (
  id TEXT PRIMARY KEY,
  tenant TEXT NOT NULL,
  title TEXT NOT NULL,
  created_at TEXT NOT NULL
);
