//! What was planned is what is done: by no more rows than the fuse allows, in the place that was read, and for good.

use std::env;

use avouch_database::{DatabaseError, open_read};
use avouch_model::{
    product::{Action, Archive, Location},
    receipt::Ended,
};
use avouch_retain::{Asked, Gentleness, RetainError, journal, purge};

use crate::{Scene, cause, common::*};

pub(super) fn what_becomes_due_during_a_run_does_not_get_past_the_fuse(scene: &Scene) {
    for (schema, action) in [
        ("SELECT 1", Action::Delete),
        ("SELECT 1", Action::Archive(Archive::Folder("old".into()))),
        ("CREATE TABLE notes (event bigint REFERENCES events ON DELETE CASCADE)", Action::Delete),
    ] {
        let mut sample = scene.sample(schema);
        sample.rule.terms.action = action;
        let all = || drop(scene.server.sql(&format!("UPDATE events SET at = to_timestamp({CUTOFF} - 5)")));
        let now = scene.now(&sample);
        the_fuse_holds_during_a_run(sample, now, all, || scene.server.count("events"));
    }
}

pub(super) fn a_part_with_more_rows_than_the_fuse_allows_is_not_dropped(scene: &Scene) {
    let mut sample = scene.sample(&format!(
        "DROP TABLE events; CREATE TABLE events (id bigint, at timestamptz NOT NULL, PRIMARY KEY (id, at)) PARTITION BY RANGE (at); \
         CREATE TABLE old PARTITION OF events FOR VALUES FROM (MINVALUE) TO (to_timestamp({CUTOFF} - 5)); \
         CREATE TABLE rest PARTITION OF events DEFAULT; ALTER TABLE events OWNER TO purger; ALTER TABLE old OWNER TO purger; \
         INSERT INTO events SELECT n, to_timestamp({CUTOFF} + CASE WHEN n <= 6 THEN -9 ELSE 99999 END) FROM generate_series(1, 12) n"
    ));
    sample.rule.fuse_percent = 50;
    let late = || drop(scene.server.sql(&format!("INSERT INTO events VALUES (13, to_timestamp({CUTOFF} - 9))")));
    let asked = Asked { now: scene.now(&sample), ..sample.asked() };
    let done = purge(&asked, None, &Gentleness::default(), &mut Meanwhile::new(late));
    assert!(matches!(done.trouble, Some(RetainError::FusedMeanwhile { deleted: 0, due: 7, .. })), "{:?}", done.trouble);
    assert_eq!((done.run.ended, scene.server.count("old"), scene.server.count("events")), (Ended::Fused, 7, 13));
}

pub(super) fn another_place_than_was_read_is_not_deleted_from(scene: &Scene) {
    let mut sample = scene.sample(&format!(
        "DROP SCHEMA IF EXISTS other CASCADE; CREATE SCHEMA other; CREATE TABLE other.events (LIKE events INCLUDING ALL); \
         INSERT INTO other.events SELECT n, to_timestamp({CUTOFF} - 9) FROM generate_series(1, 12) n; \
         GRANT USAGE ON SCHEMA other TO purger, reader; GRANT SELECT, DELETE ON other.events TO purger; GRANT SELECT ON other.events TO reader"
    ));
    // Two servers that were made alike have the same OIDs: any role is told which one it is.
    let reached = open_read(&sample.database, sample.root()).unwrap().identity().unwrap();
    assert!(format!("{reached:?}").contains("server: Some(\"server "), "{reached:?}");
    // Two roles that find other tables by one name.
    scene.server.sql("ALTER ROLE purger SET search_path = other, public");
    let done = scene.run(&sample);
    scene.server.sql("ALTER ROLE purger RESET search_path");
    let said = cause(&done).to_string();
    assert!(said.contains("table `public.events` (oid ") && said.contains("table `other.events` (oid "), "{said}");
    assert_eq!((done.run.deleted, scene.server.count("events"), scene.server.count("other.events")), (0, 12, 12));
    // A table that only one of both finds, and that the rule does not name, is none of its business; one that it names is.
    scene.server.sql("DROP TABLE other.events; CREATE TABLE other.holds (who text); CREATE TABLE holds (who text); GRANT SELECT ON holds, other.holds TO reader, purger");
    scene.server.sql("ALTER ROLE purger SET search_path = other, public");
    sample.rule.terms.condition = Some("who NOT IN (SELECT who FROM Holds)".into());
    let named = scene.run(&sample);
    sample.rule.terms.condition = None;
    let not_named = scene.run(&sample);
    scene.server.sql("ALTER ROLE purger RESET search_path; DROP SCHEMA other CASCADE");
    assert!(matches!(cause(&named), DatabaseError::OtherPlace { .. }), "{:?}", named.trouble);
    assert!(not_named.trouble.is_none(), "{:?}", not_named.trouble);
    assert_eq!((named.run.deleted, not_named.run.deleted), (0, 6));
    // Another database of the same shape.
    let sample = scene.sample("SELECT 1");
    scene.server.sql("CREATE DATABASE elsewhere TEMPLATE postgres");
    let mut astray = scene.rule();
    let (read_url_env, purge_url_env) = ("AVOUCH_TEST_READ".into(), "AVOUCH_TEST_ELSEWHERE".into());
    astray.database.location = Location::Postgres { read_url_env, purge_url_env, ca_file: None };
    let done = scene.run(&astray);
    let said = cause(&done).to_string();
    assert!(said.contains("database `postgres` (oid ") && said.contains("database `elsewhere` (oid "), "{said}");
    assert_eq!((done.run.deleted, done.run.claim, scene.server.count(journal::JOURNAL_TABLE)), (0, None, 0));
    let elsewhere = env::var("AVOUCH_TEST_ELSEWHERE").unwrap();
    assert!(elsewhere.ends_with("dbname=elsewhere"), "{elsewhere}");
    scene.server.sql("DROP DATABASE elsewhere");
    assert_eq!(scene.run(&sample).run.deleted, 6);
}

pub(super) fn what_was_told_as_deleted_is_on_the_disk(scene: &Scene) {
    // The condition is asked by either role: that of the purger says what its commits wait for.
    let mut sample = scene.sample("SELECT 1");
    sample.rule.terms.condition = Some("current_setting('synchronous_commit') = 'on'".into());
    scene.server.sql("ALTER ROLE purger SET synchronous_commit = off");
    let done = scene.run(&sample);
    scene.server.sql("ALTER ROLE purger RESET synchronous_commit");
    assert!(done.trouble.is_none(), "{:?}", done.trouble);
    assert_eq!((done.run.due, done.run.deleted), (6, 6));
}
