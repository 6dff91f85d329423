//! What only a server has: names that differ by case alone, schemas beside the one that is looked at, parts with keys, triggers and
//! rules of their own, and types in which one value is spelled in several ways.

use avouch_model::product::{Hold, HoldList, Tenants};
use avouch_retain::RetainError;

use crate::{Scene, common::*};

pub(super) fn names_that_differ_by_case_are_told_apart(scene: &Scene) {
    let old = format!("to_timestamp({CUTOFF} - 1000)");
    let mut sample = scene.sample(&format!(
        "CREATE TABLE \"Events\" (id int PRIMARY KEY, at timestamptz, \"At\" timestamptz); \
         INSERT INTO \"Events\" SELECT n, now(), {old} FROM generate_series(1, 9) n; INSERT INTO \"Events\" VALUES (10, {old}, now()); \
         CREATE TABLE \"Notes\" (event bigint REFERENCES events); CREATE TABLE notes (event bigint)"
    ));
    let done = scene.run(&sample);
    assert!(done.trouble.is_none(), "{:?}", done.trouble);
    assert_eq!((done.run.deleted, scene.server.count("events"), scene.server.count("\"Events\"")), (6, 6, 10));
    sample.rule.table = "Events".into();
    let done = scene.run(&sample);
    assert!(done.trouble.is_none(), "{:?}", done.trouble);
    assert_eq!((done.run.deleted, scene.server.count("\"Events\"")), (1, 9), "the column is `at`, not `At`");
    for (table, column, is_there) in [("EVENTS", "at", false), ("Events", "AT", false), ("LEGAL", "Since", true)] {
        let schema = "CREATE TABLE \"Events\" (id int PRIMARY KEY, at date, \"At\" date); CREATE TABLE legal (id int PRIMARY KEY, since date)";
        sample = scene.sample(schema);
        (sample.rule.table, sample.rule.column) = (table.into(), column.into());
        let done = scene.run(&sample);
        assert_eq!(done.trouble.is_none(), is_there, "{table}.{column}: {:?}", done.trouble);
    }
}

pub(super) fn what_refers_to_rows_from_elsewhere_stops_the_rule(scene: &Scene) {
    let parted = format!(
        "DROP TABLE events; CREATE TABLE events (id bigint, at timestamptz NOT NULL, PRIMARY KEY (id, at)) PARTITION BY RANGE (at); \
         CREATE TABLE part_1 PARTITION OF events DEFAULT; INSERT INTO events SELECT n, to_timestamp({CUTOFF} - 1000) FROM generate_series(1, 6) n"
    );
    let run = "CREATE FUNCTION bury() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'";
    for (schema, refused) in [
        (
            "CREATE SCHEMA billing; CREATE TABLE billing.invoices (event bigint REFERENCES events ON DELETE CASCADE); \
             INSERT INTO billing.invoices VALUES (1)"
                .to_owned(),
            "`billing.invoices` refers to rows of `events`",
        ),
        (
            format!(
                "{parted}; CREATE TABLE leaves (event bigint, at timestamptz, FOREIGN KEY (event, at) REFERENCES part_1 ON DELETE CASCADE)"
            ),
            "`leaves` refers to rows of `events`",
        ),
        (
            format!("{parted}; {run}; CREATE TRIGGER bury BEFORE DELETE ON part_1 FOR EACH ROW EXECUTE FUNCTION bury()"),
            "the trigger `bury` runs",
        ),
        (
            "CREATE TABLE more () INHERITS (events); ALTER TABLE more ADD PRIMARY KEY (id); CREATE TABLE on_more (event bigint REFERENCES more)".to_owned(),
            "`on_more` refers to rows of `events`",
        ),
        (
            "CREATE TABLE copies (id bigint); CREATE RULE keep AS ON DELETE TO events DO ALSO INSERT INTO copies VALUES (OLD.id)".to_owned(),
            "the trigger `keep` runs",
        ),
    ] {
        let sample = scene.sample(&format!("DROP SCHEMA IF EXISTS billing CASCADE; {schema}"));
        let rows = scene.server.count("events");
        let done = scene.run(&sample);
        let trouble = done.trouble.as_ref().map(ToString::to_string).unwrap_or_default();
        assert!(trouble.contains(refused), "{schema}: {trouble}");
        assert_eq!((done.run.deleted, scene.server.count("events")), (0, rows), "{schema}");
    }
    // A table of the same name elsewhere is another one; a trigger that the whole has too is not one of the part alone.
    let sample = scene.sample(&format!(
        "DROP SCHEMA IF EXISTS billing CASCADE; CREATE SCHEMA billing; CREATE TABLE billing.events (id int PRIMARY KEY); \
         CREATE TABLE notes (event int REFERENCES billing.events); INSERT INTO billing.events VALUES (1); INSERT INTO notes VALUES (1); \
         {parted}; {run}; CREATE TRIGGER bury BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION bury()"
    ));
    let done = scene.run(&sample);
    assert!(done.trouble.is_none(), "{:?}", done.trouble);
    assert_eq!((done.run.deleted, scene.server.count("notes")), (6, 1));
    scene.server.sql("DROP SCHEMA billing CASCADE");
}

pub(super) fn a_hold_is_recognised_however_it_is_spelled(scene: &Scene) {
    let id = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";
    for (kind, value, listed) in [
        ("uuid", id.to_owned(), id.to_ascii_uppercase()),
        ("text", id.to_ascii_uppercase(), id.to_owned()),
        ("varchar(40)", "K-7".into(), "k-7".into()),
        ("char(5)", "abc".into(), "abc".into()),
        ("numeric(10,2)", "5.00".into(), "5".into()),
        ("bigint", "5".into(), " 5".into()),
        ("timestamp(3)", "2020-01-01".into(), "2020-01-01T00:00:00Z".into()),
    ] {
        let mut sample = scene.sample(&format!(
            "ALTER TABLE events DROP who; ALTER TABLE events ADD who {kind}; CREATE TABLE holds (who text); \
             INSERT INTO holds VALUES ('{listed}'); UPDATE events SET who = '{value}' WHERE id <= 2; \
             CREATE TABLE orgs (id text, keep text); INSERT INTO orgs VALUES ('{listed}', '90 years')"
        ));
        let list = HoldList::Table { table: "holds".into(), key: "who".into() };
        sample.rule.terms.hold = Some(Hold { column: "who".into(), list });
        let done = scene.run(&sample);
        assert!(done.trouble.is_none(), "{kind}: {:?}", done.trouble);
        assert_eq!((done.run.deleted, done.run.held), (5, 1), "{kind}: a hold");
        sample.rule.terms.hold = None;
        sample.rule.terms.tenants =
            Some(Tenants { column: "who".into(), table: "orgs".into(), key: "id".into(), keep: "keep".into() });
        let done = scene.run(&sample);
        assert!(done.trouble.is_none(), "{kind}: {:?}", done.trouble);
        assert_eq!((done.run.deleted, scene.server.count("events")), (0, 7), "{kind}: a tenant");
    }
    // What cannot be a value of the column stops the rule: nobody can say whom it means.
    let mut sample = scene.sample(
        "ALTER TABLE events DROP who; ALTER TABLE events ADD who bigint; CREATE TABLE holds (who text); INSERT INTO holds VALUES ('u1')",
    );
    let list = HoldList::Table { table: "holds".into(), key: "who".into() };
    sample.rule.terms.hold = Some(Hold { column: "who".into(), list });
    let done = scene.run(&sample);
    assert!(matches!(done.trouble, Some(RetainError::Database { .. })), "{:?}", done.trouble);
    assert_eq!((done.run.deleted, scene.server.count("events")), (0, 12));
}
