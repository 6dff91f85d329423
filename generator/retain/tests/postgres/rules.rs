//! Rules mean on a real server what they mean elsewhere.

use std::{fs, io::Read as _, ops::ControlFlow, time::Duration};

use avouch_database::{DatabaseError, Limits, Value, open_read};
use avouch_model::{
    Timestamp,
    product::{Action, Archive, Hold, HoldList, Tenants, Terms, Undated},
    receipt::Ended,
};
use avouch_retain::{Asked, Encoding, Gentleness, RetainError, purge};
use ruzstd::decoding::StreamingDecoder;

use crate::{Scene, cause, common::*};

pub(super) fn exactly_what_is_due_goes(scene: &Scene) {
    // With an index the rows are counted by ranges of it.
    for index in ["SELECT 1", "CREATE INDEX ON events (at)"] {
        let odd = format!("INSERT INTO events (at) VALUES (to_timestamp({CUTOFF} + 3600)), (NULL), ('3000-01-01')");
        let sample = scene.sample(&format!("{odd}; {index}"));
        let done = scene.run(&sample);
        assert!(done.trouble.is_none(), "{:?}", done.trouble);
        let (run, plan) = (&done.run, done.plan.unwrap());
        assert_eq!(
            (run.ended, run.deleted, run.due_after, run.rows_after, run.undated, run.future),
            (Ended::Done, 6, 0, 9, 1, 1)
        );
        assert_eq!((plan.encoding, plan.rows, plan.due, plan.overdue), (Some(Encoding::Native), 15, 6, 6), "{index}");
        assert_eq!((plan.oldest, plan.newest_due), (Some(Timestamp::from_unix(CUTOFF - 100_000).day()), plan.oldest), "{index}");
        assert_eq!(scene.server.count("avouch_retention_journal"), 6, "windows of two rows, one of each two due");
        assert_eq!(scene.run(&sample).run.deleted, 0);
        scene.server.sql("INSERT INTO events (at) VALUES ('1999-12-31'), ('infinity')");
        assert!(matches!(scene.run(&sample).trouble, Some(RetainError::Mixed { others: 2, dated: 10, .. })), "{index}");
    }
    // Without a row the type says nothing of what is in it.
    let empty = scene.run(&scene.sample("DELETE FROM events"));
    assert_eq!((empty.trouble.is_none(), empty.run.rows_after, empty.plan.unwrap().encoding), (true, 0, None));
}

pub(super) fn every_type_of_time_is_compared_as_itself(scene: &Scene) {
    for (kind, old, new) in [
        ("timestamp", "to_timestamp(SECONDS) AT TIME ZONE 'UTC'", Encoding::Native),
        ("timestamp(3)", "to_timestamp(SECONDS) AT TIME ZONE 'UTC'", Encoding::Native),
        ("timestamptz(0)", "to_timestamp(SECONDS)", Encoding::Native),
        ("date", "CAST(to_timestamp(SECONDS) AT TIME ZONE 'UTC' AS date)", Encoding::Native),
        ("bigint", "SECONDS", Encoding::UnixSeconds),
        ("int", "SECONDS", Encoding::UnixSeconds),
        ("bigint", "CAST(SECONDS AS bigint) * 1000", Encoding::UnixMilliseconds),
        ("double precision", "SECONDS + 0.5", Encoding::UnixSeconds),
        ("numeric(20, 6)", "SECONDS + 0.25", Encoding::UnixSeconds),
        ("made", "to_timestamp(SECONDS)", Encoding::Native),
        ("said", "to_char(to_timestamp(SECONDS) AT TIME ZONE 'UTC', 'YYYY-MM-DD')", Encoding::TextDay),
        ("text", "to_char(to_timestamp(SECONDS) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')", Encoding::TextWithT),
        ("varchar(40)", "to_char(to_timestamp(SECONDS) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.MS')", Encoding::TextWithSpace),
    ]
    .map(|(kind, expression, encoding)| (kind, expression, encoding))
    {
        let at = |seconds: i64| old.replace("SECONDS", &seconds.to_string());
        let sample = scene.sample(&format!(
            "DROP TABLE events; CREATE DOMAIN moment AS timestamptz; CREATE DOMAIN made AS moment; CREATE DOMAIN said AS varchar(10); \
             CREATE TABLE events (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), at {kind}); CREATE INDEX ON events (at); \
             INSERT INTO events (at) SELECT {} FROM generate_series(1, 3); INSERT INTO events (at) SELECT {} FROM generate_series(1, 2)",
            at(CUTOFF - DAY),
            at(CUTOFF + DAY),
        ));
        let done = scene.run(&sample);
        assert!(done.trouble.is_none(), "{kind}: {:?}", done.trouble);
        assert_eq!((done.run.deleted, done.run.rows_after, done.plan.unwrap().encoding), (3, 2, Some(new)), "{kind}");
    }
    let sample = scene.sample("DROP TABLE events; CREATE TABLE events (id int PRIMARY KEY, at text); INSERT INTO events VALUES (1, '2020-01-01T00:00:00Z'), (2, 'soon')");
    assert!(matches!(scene.run(&sample).trouble, Some(RetainError::Mixed { others: 1, .. })));
    let sample = scene
        .sample("DROP TABLE events; CREATE TABLE events (id int, at timestamptz); INSERT INTO events VALUES (1, '2020-01-01')");
    assert!(matches!(cause(&scene.run(&sample)), DatabaseError::NoKey { .. }));
}

pub(super) fn keys_far_apart_and_at_the_ends_of_their_type_are_found(scene: &Scene) {
    for (kind, first, last) in [
        ("smallint", i64::from(i16::MIN), i64::from(i16::MAX)),
        ("int", i64::from(i32::MIN), i64::from(i32::MAX)),
        ("bigint", i64::MIN, i64::MAX),
    ] {
        let due = [first, first + 1, -7, 0, 1, 2, 3, 9, 11, last - 1, last];
        let values = due.map(|id| format!("({id}, to_timestamp({}))", CUTOFF - 1)).join(", ");
        let sample = scene.sample(&format!(
            "DROP TABLE events; CREATE TABLE events (id {kind} PRIMARY KEY, at timestamptz); INSERT INTO events VALUES {values}, \
             (10, to_timestamp({CUTOFF} + 1))"
        ));
        let done = scene.run(&sample);
        assert!(done.trouble.is_none(), "{kind}: {:?}", done.trouble);
        assert_eq!((done.run.deleted, done.run.due_after, done.run.rows_after), (11, 0, 1), "{kind}");
    }
}

pub(super) fn windows_hold_as_many_rows_as_are_asked_for(scene: &Scene) {
    // The keys of the first half are far apart, those of the second are not.
    let keys = "CASE WHEN n <= 32 THEN n * 4194304 ELSE 999999999 + n END";
    for action in [Action::Delete, Action::Archive(Archive::Folder("old".into()))] {
        let mut sample = scene.sample(&format!(
            "TRUNCATE events; INSERT INTO events SELECT {keys}, to_timestamp({CUTOFF} - 1) FROM generate_series(1, 64) n"
        ));
        sample.gentle = Gentleness { rows_min: 8, rows_max: 8, ..sample.gentle };
        sample.rule.terms.action = action;
        let done = scene.run(&sample);
        assert!(done.trouble.is_none(), "{:?}", done.trouble);
        assert_eq!(
            (done.run.deleted, scene.server.sql("SELECT string_agg(deleted::text, ' ') FROM avouch_retention_journal")),
            (64, "8 8 8 8 8 8 8 8".into())
        );
    }
}

pub(super) fn every_digit_of_a_number_counts(scene: &Scene) {
    // With fifteen digits the two keys are one.
    let mut sample = scene.sample(&format!(
        "ALTER ROLE purger SET extra_float_digits = 0; DROP TABLE events; CREATE TABLE events (id float8 PRIMARY KEY, at timestamptz, amount float8); \
         INSERT INTO events VALUES (0.3, to_timestamp({CUTOFF} + 9), 1), (CAST(0.1 AS float8) + CAST(0.2 AS float8), to_timestamp({CUTOFF} - 9), 123456.78901234567); \
         CREATE TABLE notes (event float8 REFERENCES events)"
    ));
    sample.rule.terms.condition = Some("amount > 0".into());
    sample.rule.terms.children = vec!["notes".into()];
    sample.rule.terms.action = Action::Archive(Archive::Folder("old".into()));
    let done = scene.run(&sample);
    scene.server.sql("ALTER ROLE purger RESET extra_float_digits");
    assert!(done.trouble.is_none(), "{:?}", done.trouble);
    assert_eq!((done.run.deleted, scene.server.count("events WHERE id = 0.3"), scene.server.count("events")), (1, 1, 1));
    let mut lines = String::new();
    for object in fs::read_dir(sample.root().join("old/events")).unwrap() {
        let packed = fs::File::open(object.unwrap().path()).unwrap();
        StreamingDecoder::new(packed).unwrap().read_to_string(&mut lines).unwrap();
    }
    assert!(lines.contains("0.30000000000000004") && lines.contains("123456.78901234567"), "{lines}");
}

pub(super) fn a_key_that_two_rows_have_tells_neither(scene: &Scene) {
    // A primary key does not hold across tables that inherit.
    let more = format!(
        "CREATE TABLE more () INHERITS (events); INSERT INTO more SELECT id, to_timestamp({CUTOFF} + 9), who FROM events; \
         INSERT INTO more SELECT id, at, 'u9' FROM ONLY events"
    );
    for (children, action) in [
        (vec![], Action::Delete),
        (vec!["notes".to_owned()], Action::Delete),
        (vec![], Action::Archive(Archive::Folder("old".into()))),
    ] {
        let mut sample = scene.sample(&format!("{more}; CREATE TABLE notes (event bigint REFERENCES events)"));
        sample.rule.terms.condition = Some("who <> 'u9'".into());
        (sample.rule.terms.children, sample.rule.terms.action) = (children, action);
        let done = scene.run(&sample);
        assert!(done.trouble.is_none(), "{:?}", done.trouble);
        assert_eq!((done.run.deleted, scene.server.count("ONLY events"), scene.server.count("more")), (6, 6, 24));
    }
}

pub(super) fn partitions_go_by_their_own_bounds(scene: &Scene) {
    // The first is wider than its name says, the second ends at the cut-off, the third holds it, the last has no end.
    let at = |days: i64| format!("to_timestamp({})", CUTOFF + days * DAY);
    let part = |name: &str, from: String, to: String| {
        format!("CREATE TABLE {name} PARTITION OF events FOR VALUES FROM ({from}) TO ({to})")
    };
    let parted = format!(
        "DROP TABLE events; CREATE TABLE events (id bigint, at timestamptz NOT NULL, PRIMARY KEY (id, at)) PARTITION BY RANGE (at); \
         {}; {}; {}; {}; {}; INSERT INTO events SELECT n, to_timestamp({CUTOFF} - 900000 + n * 86400) FROM generate_series(1, 20) n",
        part("p1", "MINVALUE".into(), at(-5)),
        part("p2", at(-5), at(0)),
        part("p3", at(0), at(2)),
        part("p4", at(2), "MAXVALUE".into()),
        "CREATE TABLE rest PARTITION OF events DEFAULT",
    );
    let parts = || {
        scene.server.sql("SELECT string_agg(CAST(inhrelid AS regclass)::text, ' ' ORDER BY 1) FROM pg_inherits WHERE inhparent = 'events'::regclass")
    };
    // Without the right to drop, rows go as in any table.
    let sample = scene.sample(&parted);
    let due = scene.server.count(&format!("events WHERE at < {}", at(0)));
    let done = scene.run(&sample);
    assert!(done.trouble.is_none(), "{:?}", done.trouble);
    assert_eq!((done.run.deleted as i64, done.run.due_after, parts().as_str()), (due, 0, "p1 p2 p3 p4 rest"));
    let sample = scene.sample(&format!("{parted}; ALTER TABLE events OWNER TO purger; ALTER TABLE p1 OWNER TO purger; ALTER TABLE p2 OWNER TO purger; ALTER TABLE p3 OWNER TO purger"));
    let done = scene.run(&sample);
    assert!(done.trouble.is_none(), "{:?}", done.trouble);
    assert_eq!((done.run.deleted as i64, done.run.due_after, parts().as_str()), (due, 0, "p3 p4 rest"));
    assert_eq!(scene.server.count("events"), 20 - due);
    assert_eq!(scene.server.count("avouch_retention_journal"), 2);
    // What a view hangs on is not dropped; its rows go.
    let sample = scene.sample(&format!("{parted}; ALTER TABLE events OWNER TO purger; ALTER TABLE p1 OWNER TO purger; ALTER TABLE p2 OWNER TO purger; CREATE VIEW seen AS SELECT * FROM p1"));
    let done = scene.run(&sample);
    assert!(done.trouble.is_none(), "{:?}", done.trouble);
    assert_eq!((done.run.deleted as i64, done.run.due_after, scene.server.count("seen")), (due, 0, 0));
}

pub(super) fn terms_mean_what_they_mean_elsewhere(scene: &Scene) {
    let mut sample = scene.sample(
        "CREATE TABLE holds (who text); INSERT INTO holds VALUES ('u1'); CREATE TABLE orgs (id text PRIMARY KEY, keep text); \
         INSERT INTO orgs VALUES ('u2', '90 years'); INSERT INTO events (at, who) VALUES (NULL, 'u9')",
    );
    let list = HoldList::Table { table: "holds".into(), key: "who".into() };
    sample.rule.terms.hold = Some(Hold { column: "who".into(), list });
    sample.rule.terms.tenants =
        Some(Tenants { column: "who".into(), table: "orgs".into(), key: "id".into(), keep: "keep".into() });
    sample.rule.terms.condition = Some("who::text <> 'u3'".into());
    sample.rule.terms.undated = Undated::Delete;
    sample.rule.terms.action = Action::Archive(Archive::Folder("old".into()));
    let done = scene.run(&sample);
    assert!(done.trouble.is_none(), "{:?}", done.trouble);
    assert_eq!((done.run.deleted, done.run.held, done.run.due_after), (4, 1, 0));
    assert_eq!(
        scene.server.sql(&format!("SELECT string_agg(who, ' ' ORDER BY who) FROM events WHERE at < to_timestamp({CUTOFF})")),
        "u1 u2 u3"
    );
    assert_eq!(fs::read_dir(sample.root().join("old/events")).unwrap().count() as u64, done.run.archived);

    let mut sample = scene.sample("ALTER TABLE events ADD note text DEFAULT 'note'");
    sample.rule.terms.action = Action::Anonymise([("who".into(), "NULL".into()), ("note".into(), "'none'".into())].into());
    let done = scene.run(&sample);
    assert!(done.trouble.is_none(), "{:?}", done.trouble);
    assert_eq!(
        (done.run.deleted, done.run.due_after, scene.server.count("events WHERE who IS NULL AND note = 'none'")),
        (6, 0, 6)
    );
    sample.rule.terms.action = Action::Anonymise([("note".into(), "CAST(random() AS text)".into())].into());
    assert!(matches!(cause(&scene.run(&sample)), DatabaseError::NotSettled { .. }));
}

pub(super) fn a_condition_that_asks_the_children_holds_although_they_go_first(scene: &Scene) {
    let folder = Action::Archive(Archive::Folder("old".into()));
    // Of each kind of key the nine values, `n` standing for a number from 1.
    for (kind, value, action) in [
        ("bigint", "n", Action::Delete),
        ("uuid", "CAST(md5(n::text) AS uuid)", folder.clone()),
        ("varchar(40)", r#"n || ' " \ '' : €'"#, folder),
        ("timestamptz", "to_timestamp(n / 7.0)", Action::Delete),
        ("numeric", "n / 3.0", Action::Delete),
        ("double precision", "n / 3.0", Action::Delete),
    ] {
        let mut sample = scene.sample(&format!(
            "DROP TABLE events; CREATE TABLE events (id {kind}, part int, at timestamptz, PRIMARY KEY (id, part)); \
             CREATE TABLE shipments (id int PRIMARY KEY, event {kind}, part int, state text, FOREIGN KEY (event, part) REFERENCES events); \
             CREATE TABLE parcels (shipment int REFERENCES shipments); \
             INSERT INTO events SELECT {value}, n % 2, to_timestamp({CUTOFF} + CASE n WHEN 8 THEN 9 ELSE -9 END) FROM generate_series(1, 9) n; \
             INSERT INTO shipments SELECT n, {value}, n % 2, CASE n WHEN 9 THEN 'open' ELSE 'done' END FROM generate_series(1, 9) n; \
             INSERT INTO parcels SELECT n FROM generate_series(1, 9) n, generate_series(1, 2)"
        ));
        sample.rule.terms.condition = Some("(id, part) IN (SELECT event, part FROM shipments WHERE state = 'done')".into());
        sample.rule.terms.children = vec!["shipments".into(), "parcels".into()];
        sample.rule.terms.action = action;
        let done = scene.run(&sample);
        assert!(done.trouble.is_none(), "{kind}: {:?}", done.trouble);
        assert_eq!((done.run.deleted, done.run.children, done.run.due_after, done.run.ended), (7, 21, 0, Ended::Done), "{kind}");
        let left = ["events", "shipments", "parcels"].map(|table| scene.server.count(table));
        assert_eq!(left, [2, 2, 4], "{kind}");
    }
    // So it does where they are anonymised.
    let mut sample =
        scene.sample("CREATE TABLE notes (event bigint REFERENCES events); INSERT INTO notes SELECT id FROM events WHERE id < 5");
    sample.rule.terms.condition = Some("(SELECT count(*) FROM notes WHERE event = events.id) = 1".into());
    sample.rule.terms.children = vec!["notes".into()];
    sample.rule.terms.action = Action::Anonymise([("who".into(), "NULL".into())].into());
    let done = scene.run(&sample);
    assert!(done.trouble.is_none(), "{:?}", done.trouble);
    assert_eq!((done.run.deleted, done.run.children, scene.server.count("events WHERE who IS NULL")), (2, 2, 2));
}

pub(super) fn what_would_touch_other_rows_is_refused_or_undone(scene: &Scene) {
    let notes = "CREATE TABLE notes (id serial PRIMARY KEY, event bigint REFERENCES events ON DELETE CASCADE); \
                 CREATE TABLE marks (note int REFERENCES notes)";
    let mut sample =
        scene.sample(&format!("{notes}; INSERT INTO notes (event) VALUES (1), (2), (2); INSERT INTO marks VALUES (1), (2)"));
    assert!(matches!(scene.run(&sample).trouble, Some(RetainError::Referenced { .. })));
    sample.rule.terms.children = vec!["marks".into(), "notes".into()];
    let done = scene.run(&sample);
    assert!(done.trouble.is_none(), "{:?}", done.trouble);
    assert_eq!((done.run.deleted, done.run.children, scene.server.count("notes"), scene.server.count("marks")), (6, 2, 2, 1));
    // A reference that arrives after the look: found in the transaction, and undone.
    let sample = scene.sample(notes);
    let mut refer = |_: Duration| {
        scene.server.sql("INSERT INTO notes (event) SELECT id FROM events WHERE id = 11 AND NOT EXISTS (SELECT 1 FROM notes)");
        ControlFlow::Continue(())
    };
    let done = scene.run_at(&sample, &mut refer);
    assert!(matches!(cause(&done), DatabaseError::SideEffect { .. }), "{:?}", done.trouble);
    assert_eq!((done.run.deleted, scene.server.count("notes")), (5, 1));
    // A foreign key, or a trigger, that arrives during the run.
    for change in ["CREATE TABLE late (event bigint REFERENCES events ON DELETE CASCADE)", "ALTER TABLE events ADD email text"] {
        let sample = scene.sample("SELECT 1");
        let mut changed = false;
        let mut alter = |_: Duration| {
            if !std::mem::replace(&mut changed, true) {
                scene.server.sql(change);
            }
            ControlFlow::Continue(())
        };
        let done = scene.run_at(&sample, &mut alter);
        assert!(matches!(cause(&done), DatabaseError::SchemaChanged { .. }), "{change}: {:?}", done.trouble);
        assert_eq!(done.run.deleted, 1, "{change}");
    }
    let sample = scene.sample(
        "CREATE FUNCTION bury() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; \
         CREATE TRIGGER bury BEFORE DELETE ON events FOR EACH ROW EXECUTE FUNCTION bury()",
    );
    assert!(matches!(scene.run(&sample).trouble, Some(RetainError::Trigger { .. })));
}

pub(super) fn a_claim_is_of_one_alone(scene: &Scene) {
    let sample = scene.sample("SELECT 1");
    let now = scene.now(&sample);
    let other = |later: i64| Asked { owner: "another".into(), now: now.plus_seconds(later), ..sample.asked() };
    let mut seen = Vec::new();
    let mut meanwhile = |_: Duration| {
        let (elsewhere, late) = (purge(&other(20), None, &sample.gentle, &mut never_sleep), seen.len() == 2);
        seen.push(elsewhere.trouble.as_ref().is_some_and(RetainError::is_elsewhere));
        if late {
            // Its claim expired, as if it had stood still for long.
            scene.server.sql("UPDATE avouch_retention_lease SET expires = 0");
            purge(&other(30), None, &sample.gentle, &mut |_: Duration| ControlFlow::Break(()));
        }
        ControlFlow::Continue(())
    };
    let lost = scene.run_at(&sample, &mut meanwhile);
    assert!(matches!(cause(&lost), DatabaseError::ClaimLost { .. }), "{:?}", lost.trouble);
    // Whoever took it over tells of what was done.
    assert_eq!((seen, lost.run.deleted, lost.run.claim), (vec![true; 3], 0, None));
    assert_eq!(scene.server.sql("SELECT sum(deleted) FROM avouch_retention_journal"), "4");
    // Whoever comes next tells what is not told: the record knows of nothing.
    let next = purge(&Asked { now: now.plus_seconds(40), ..sample.asked() }, None, &sample.gentle, &mut never_sleep);
    assert_eq!((next.run.ended, next.run.deleted, next.run.recovered), (Ended::Done, 2, 4), "{:?}", next.trouble);
}

/// A detail of the server's holds the key that is in the way or the whole row, and a message the value that is no number.
pub(super) fn what_the_server_says_of_a_row_is_not_repeated(scene: &Scene) {
    let planted = "gertrude.planted@example.com";
    let schema = format!(
        "ALTER TABLE events ADD CONSTRAINT known CHECK (who <> 'gone'), ADD COLUMN number int; UPDATE events SET who = '{planted}' WHERE id = 1; \
         CREATE TABLE holds (key text); INSERT INTO holds VALUES ('{planted}')"
    );
    let anonymise = |value: &str| Action::Anonymise([("who".to_owned(), value.to_owned())].into());
    let hold = || Hold { column: "number".into(), list: HoldList::Table { table: "holds".into(), key: "key".into() } };
    let asking = |condition: &str| Terms { condition: Some(condition.to_owned()), ..Terms::default() };
    let rules = [
        ("known", Terms { action: anonymise("'gone'"), ..Terms::default() }),
        ("22P02", Terms { hold: Some(hold()), ..Terms::default() }),
        ("22P02", asking("CAST(who AS int) > 3")),
        ("22007", asking("CAST(who AS date) < now()")),
        ("P0001", asking("shout(who)")),
    ];
    for (said, terms) in rules {
        let mut sample = scene.sample(&format!(
            "{schema}; CREATE FUNCTION shout(who text) RETURNS boolean AS $$ BEGIN RAISE EXCEPTION 'no %', who; END $$ LANGUAGE plpgsql"
        ));
        sample.rule.terms = terms;
        let done = scene.run(&sample);
        let mut cause: Option<&(dyn std::error::Error + 'static)> = done.trouble.as_ref().map(|trouble| trouble as _);
        let mut told = format!("{:?}", done.trouble);
        while let Some(error) = cause {
            told.push_str(&format!("\n{error}"));
            cause = error.source();
        }
        assert!(told.contains(said) && !told.contains("gertrude"), "{told}");
    }
}

pub(super) fn nothing_is_deleted_without_the_right_to(scene: &Scene) {
    let sample = scene.sample("SELECT 1");
    scene.server.sql("REVOKE DELETE ON events FROM purger");
    let done = scene.run(&sample);
    assert!(matches!(cause(&done), DatabaseError::Postgres { .. }));
    assert_eq!((done.run.ended, done.run.deleted, scene.server.count("events")), (Ended::Failed, 0, 12));
    scene.server.sql("DROP TABLE avouch_retention_journal");
    assert!(matches!(cause(&scene.run(&sample)), DatabaseError::NoJournal { .. }));
    let proven = avouch_retain::prove(&Asked { now: scene.now(&sample), ..sample.asked() });
    assert_eq!((proven.run.ended, proven.run.due), (Ended::Done, 6));
}

pub(super) fn a_reader_cannot_write(scene: &Scene) {
    let sample = scene.sample("GRANT ALL ON ALL TABLES IN SCHEMA public TO reader");
    let mut read = open_read(&sample.database, sample.root()).unwrap();
    for sql in [
        "DELETE FROM events RETURNING id",
        "WITH gone AS (DELETE FROM events RETURNING id) SELECT * FROM gone",
        "SELECT 1; DELETE FROM events",
        "COMMIT",
        "SET transaction_read_only = off",
    ] {
        assert!(read.query(sql, &[], Limits::default()).is_err(), "{sql}");
        assert_eq!(scene.server.count("events"), 12, "{sql}");
    }
    let found = read.query("SELECT who, ':no' FROM events WHERE id = :id", &[("id", Value::Integer(1))], Limits::default());
    assert_eq!(found.unwrap().rows, [[Value::from("u1"), Value::from(":no")]]);
    assert!(read.query("SELECT :a", &[], Limits::default()).is_err());
    assert!(matches!(read.query("SELECT * FROM nowhere", &[], Limits::default()), Err(DatabaseError::WrongSchema { .. })));
    let slow = Limits { time: Duration::from_millis(50), ..Limits::default() };
    assert!(matches!(
        read.query("SELECT count(*) FROM generate_series(1, 100000000)", &[], slow),
        Err(DatabaseError::TooSlow { .. })
    ));
    let mut seen = Vec::new();
    let shown = read.scan("events", "who", Limits::default(), &mut |bytes| {
        seen.push(bytes.to_vec());
        true
    });
    assert_eq!((shown.unwrap(), seen.len()), (12, 12));
}
