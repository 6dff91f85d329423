//! The face that reads, on real files: what it answers, what it refuses, and what it leaves alone.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on panics")]

use std::{fs, path::Path, time::Duration};

use avouch_database::{DatabaseError, Limits, Read, Value, open_read};
use avouch_model::product::{Database, Location};
use proptest::prelude::*;
use rusqlite::Connection;
use tempfile::TempDir;

const SCHEMA: &str = "
    CREATE TABLE users (id INTEGER PRIMARY KEY, email VARCHAR(64) NOT NULL UNIQUE, created_at INTEGER);
    CREATE INDEX users_created ON users (created_at, lower(email)) WHERE created_at > 0;
    CREATE TABLE \"odd \"\"name\" (a, b TEXT, PRIMARY KEY (b, a)) WITHOUT ROWID;
    CREATE TABLE notes (id INTEGER PRIMARY KEY AUTOINCREMENT, user_id INTEGER REFERENCES users ON DELETE CASCADE, body BLOB);
    CREATE VIEW people AS SELECT id FROM users;
    INSERT INTO users VALUES (1, 'a@example.com', 1700000000), (2, 'b@example.com', NULL);
    INSERT INTO notes (user_id, body) VALUES (1, x'00ff'), (1, 'text'), (2, 7), (2, NULL);
";

fn named(file: &str) -> Database {
    Database { name: "main".into(), location: Location::Sqlite(file.into()), recovery_window: None }
}

fn sample() -> (TempDir, Box<dyn Read>) {
    let folder = tempfile::tempdir().unwrap();
    let connection = Connection::open(folder.path().join("app.db")).unwrap();
    connection.pragma_update(None, "synchronous", "off").unwrap();
    connection.execute_batch(SCHEMA).unwrap();
    let reader = open_read(&named("app.db"), folder.path()).unwrap();
    (folder, reader)
}

fn open_error(file: &str, root: &Path) -> DatabaseError {
    open_read(&named(file), root).err().unwrap()
}

#[test]
fn an_answer_has_columns_and_typed_values() {
    let (_folder, mut reader) = sample();
    let answer = reader
        .query(
            "SELECT id, email AS mail, created_at FROM users WHERE id >= :least ORDER BY id",
            &[("least", Value::Integer(1))],
            Limits::default(),
        )
        .unwrap();
    assert_eq!(answer.columns, ["id", "mail", "created_at"]);
    assert_eq!(
        answer.rows,
        [
            vec![Value::Integer(1), "a@example.com".into(), Value::Integer(1_700_000_000)],
            vec![Value::Integer(2), "b@example.com".into(), Value::Null],
        ]
    );
    let count = reader.query("SELECT count(*) FROM people", &[], Limits::default()).unwrap();
    assert_eq!(count.single(), Some(&Value::Integer(2)));
}

#[test]
fn nothing_that_does_more_than_read_is_run() {
    let (folder, mut reader) = sample();
    let before = fs::read(folder.path().join("app.db")).unwrap();
    for sql in [
        "DELETE FROM users",
        "INSERT INTO users VALUES (3, 'c', 1) RETURNING id",
        "WITH gone AS (SELECT 1) UPDATE users SET email = 'x' RETURNING id",
        "CREATE TABLE t (a)",
        "CREATE TEMP TABLE t (a)",
        "ATTACH 'other.db' AS other",
        "DETACH main",
        "BEGIN",
        "SAVEPOINT a",
        "VACUUM INTO 'copy.db'",
        "PRAGMA query_only = 0",
        "PRAGMA writable_schema = 1",
        "PRAGMA journal_mode = DELETE",
        "PRAGMA wal_checkpoint",
        "SELECT load_extension('evil')",
        "REINDEX",
        "ANALYZE",
    ] {
        let error = reader.query(sql, &[], Limits::default()).unwrap_err();
        assert!(
            matches!(
                error,
                DatabaseError::NotReadOnly { .. } | DatabaseError::Query { .. } | DatabaseError::NotOneStatement { .. }
            ),
            "{sql}: {error:?}"
        );
    }
    assert_eq!(fs::read(folder.path().join("app.db")).unwrap(), before);
    assert!(!folder.path().join("copy.db").exists() && !folder.path().join("other.db").exists());
    // Pragmas that only tell are answered.
    let pages = reader.query("PRAGMA page_count", &[], Limits::default()).unwrap();
    assert!(pages.single().and_then(Value::as_integer).is_some_and(|pages| pages > 1));
}

#[test]
fn one_statement_is_one_statement() {
    let (_folder, mut reader) = sample();
    for sql in ["", "  -- nothing", "SELECT 1; SELECT 2", "SELECT 1; DELETE FROM users"] {
        let error = reader.query(sql, &[], Limits::default()).unwrap_err();
        assert!(matches!(error, DatabaseError::NotOneStatement { .. } | DatabaseError::NotReadOnly { .. }), "{sql}: {error:?}");
    }
    assert!(reader.query("SELECT 1; -- and a remark", &[], Limits::default()).is_ok());
}

#[test]
fn a_parameter_without_a_value_is_not_taken_for_null() {
    let (_folder, mut reader) = sample();
    let sql = "SELECT count(*) FROM users WHERE id = :id OR id = :other";
    let one = [("id", Value::Integer(1))];
    let twice = [("id", Value::Integer(1)), ("id", Value::Integer(1))];
    let strange = [("id", Value::Integer(1)), ("other", Value::Null), ("third", Value::Null)];
    for (binds, at) in [(&one[..], "other"), (&twice[..], "id"), (&strange[..], "third")] {
        let error = reader.query(sql, binds, Limits::default()).unwrap_err();
        assert!(matches!(&error, DatabaseError::Parameter { parameter, .. } if parameter.ends_with(at)), "{error:?}");
    }
}

#[test]
fn an_answer_beyond_a_limit_is_an_error_and_never_a_part() {
    let (_folder, mut reader) = sample();
    let limits = |rows_max, bytes_max, time| Limits { rows_max, bytes_max, time };
    let wide = Duration::from_secs(60);
    let count = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1000) SELECT i FROM n";
    let error = reader.query(count, &[], limits(999, 1 << 20, wide)).unwrap_err();
    assert!(matches!(error, DatabaseError::TooManyRows { rows_max: 999, .. }), "{error:?}");
    assert_eq!(reader.query(count, &[], limits(1_000, 1 << 20, wide)).unwrap().rows.len(), 1_000);
    let error = reader.query("SELECT zeroblob(2000)", &[], limits(10, 1_999, wide)).unwrap_err();
    assert!(matches!(error, DatabaseError::TooManyBytes { .. }), "{error:?}");
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
    let error = reader.query(endless, &[], limits(10, 1 << 20, Duration::from_millis(20))).unwrap_err();
    assert!(matches!(error, DatabaseError::TooSlow { .. }), "{error:?}");
    // The limit ends with the question that it was given for.
    assert!(reader.query(count, &[], Limits::default()).is_ok());
}

#[test]
fn the_tables_are_told_with_keys_and_indexes() {
    let (_folder, mut reader) = sample();
    let tables = reader.tables().unwrap();
    let names: Vec<_> = tables.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(names, ["notes", "odd \"name", "users"]);

    let [notes, odd, users] = &tables[..] else { panic!("three tables") };
    let column = users.column("EMAIL").unwrap();
    assert_eq!((column.declared.as_str(), column.not_null, column.primary_key), ("VARCHAR(64)", true, false));
    assert_eq!(users.primary_key, ["id"]);
    let created = users.indexes.iter().find(|index| index.name == "users_created").unwrap();
    assert_eq!(
        (&created.columns[..], created.unique, created.partial),
        (&["created_at".to_owned(), String::new()][..], false, true)
    );
    assert!(users.indexes.iter().any(|index| index.columns == ["email"] && index.unique && !index.partial));

    assert!(odd.without_rowid && !users.without_rowid);
    assert_eq!(odd.primary_key, ["b", "a"]);
    let [key] = &notes.foreign_keys[..] else { panic!("one foreign key") };
    assert_eq!((key.parent.as_str(), key.on_delete.as_str()), ("users", "CASCADE"));
    assert_eq!((&key.columns[..], key.parent_columns.len()), (&["user_id".to_owned()][..], 0));
}

#[test]
fn a_column_is_scanned_value_by_value() {
    let (_folder, mut reader) = sample();
    let mut seen = Vec::new();
    let shown = reader
        .scan("notes", "body", Limits::default(), &mut |bytes| {
            seen.push(bytes.to_vec());
            true
        })
        .unwrap();
    assert_eq!((shown, &seen[..]), (3, &[vec![0, 255], b"text".to_vec(), b"7".to_vec()][..]));
    assert_eq!(reader.scan("notes", "body", Limits::default(), &mut |_| false).unwrap(), 1);
    assert_eq!(reader.scan("odd \"name", "a", Limits::default(), &mut |_| true).unwrap(), 0);
    for (table, column) in [("notes", "bodies"), ("note", "body")] {
        let error = reader.scan(table, column, Limits::default(), &mut |_| true).unwrap_err();
        assert!(matches!(error, DatabaseError::WrongSchema { .. }), "{error:?}");
    }
}

#[test]
fn a_wrong_schema_is_told_with_the_way_out() {
    let (_folder, mut reader) = sample();
    for (sql, missing) in [
        ("SELECT 1 FROM user", "no such table: user"),
        ("SELECT mail FROM users", "no such column: mail"),
        ("SELECT count(*) FROM users WHERE \"mail\" < 7", "no such column: "),
    ] {
        let error = reader.query(sql, &[], Limits::default()).unwrap_err().to_string();
        assert!(error.contains(missing) && error.contains("migrations"), "{error}");
    }
}

#[test]
fn opening_creates_nothing_and_says_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    assert!(matches!(open_error("app.db", root), DatabaseError::Missing { .. }));
    assert!(matches!(open_error("file:app.db?mode=rwc", root), DatabaseError::Missing { .. }));
    assert!(matches!(open_error("../app.db", root), DatabaseError::Outside { .. }));
    assert!(matches!(open_error(".", root), DatabaseError::Unreadable { .. }));
    assert_eq!(fs::read_dir(root).unwrap().count(), 0);
    fs::write(root.join("app.db"), "not a database, but long enough to have a header: 0123456789".repeat(40)).unwrap();
    assert!(matches!(open_error("app.db", root), DatabaseError::NotADatabase { .. }));
    let absolute = root.join("other.db");
    Connection::open(&absolute).unwrap().execute_batch(SCHEMA).unwrap();
    assert!(open_read(&named(absolute.to_str().unwrap()), Path::new("/nowhere")).is_ok());
}

#[test]
fn a_database_in_wal_mode_is_read_while_it_is_written() {
    let (folder, _) = sample();
    let writer = Connection::open(folder.path().join("app.db")).unwrap();
    writer.pragma_update(None, "journal_mode", "wal").unwrap();
    let mut reader = open_read(&named("app.db"), folder.path()).unwrap();
    writer.execute_batch("BEGIN IMMEDIATE; DELETE FROM notes;").unwrap();
    let count = |reader: &mut Box<dyn Read>| reader.query("SELECT count(*) FROM notes", &[], Limits::default()).unwrap();
    assert_eq!(count(&mut reader).single(), Some(&Value::Integer(4)));
    writer.execute_batch("COMMIT").unwrap();
    assert_eq!(count(&mut reader).single(), Some(&Value::Integer(0)));
}

#[test]
fn the_databases_clock_is_a_plausible_instant() {
    let (_folder, mut reader) = sample();
    assert!(reader.now().unwrap().unix() > 1_700_000_000);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_name_survives_quoting(name in "[^\0]{1,20}") {
        let connection = Connection::open_in_memory().unwrap();
        let sql = format!("SELECT 1 AS {}", avouch_database::quote(&name));
        let statement = connection.prepare(&sql).unwrap();
        prop_assert_eq!(statement.column_name(0).unwrap(), name);
    }

    #[test]
    fn no_text_makes_it_panic_or_write(sql in "(SELECT|DELETE FROM users|PRAGMA|WITH|;|[ -~]){0,6}") {
        let (folder, mut reader) = sample();
        let before = fs::read(folder.path().join("app.db")).unwrap();
        let _ = reader.query(&sql, &[], Limits { time: Duration::from_millis(200), ..Limits::default() });
        prop_assert_eq!(fs::read(folder.path().join("app.db")).unwrap(), before);
    }
}
