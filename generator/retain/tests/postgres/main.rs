//! Retention on a real Postgres, which this test starts for itself and stops: nothing is shared with another.
//!
//! The URLs of a database are read from the environment, so the test runs itself again with them in it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on panics")]
#![allow(clippy::print_stdout, reason = "the process that is killed tells its progress")]

#[path = "../bucket/server.rs"]
mod bucket;
mod catalogue;
#[path = "../common/mod.rs"]
mod common;
mod faults;
mod plans;
mod proxy;
mod rules;
#[path = "../../../../tests/support/postgres.rs"]
mod server;
mod tls;

use std::{env, process::Command};

use avouch_database::{DatabaseError, open_read};
use avouch_model::{Span, Timestamp, product::Location};
use avouch_retain::{Asked, Execution, Pace, RetainError, journal, purge};
use common::*;
use server::Server;

#[test]
fn rules_hold_on_a_real_server() {
    let server = Server::start();
    server.sql("CREATE ROLE reader LOGIN; CREATE ROLE purger LOGIN");
    let mut inside = Command::new(env::current_exe().unwrap());
    inside.env("AVOUCH_TEST_ID", bucket::KEY[0]).env("AVOUCH_TEST_SECRET", bucket::KEY[1]);
    inside.args(["--exact", "inside", "--nocapture"]).env("AVOUCH_TEST_SERVER", server.folder());
    inside.env("AVOUCH_TEST_READ", server.url("reader")).env("AVOUCH_TEST_PURGE", server.url("purger"));
    inside.env("AVOUCH_TEST_ELSEWHERE", server.url("purger").replace("dbname=postgres", "dbname=elsewhere"));
    let output = inside.env("AVOUCH_TEST_PROXY", proxy::url(server.folder())).envs(tls::ways(&server)).output().unwrap();
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "{said}");
}

/// What [`rules_hold_on_a_real_server`] runs, one after the other on one server.
#[test]
fn inside() {
    let Some(folder) = env::var_os("AVOUCH_TEST_SERVER") else { return };
    let scene = Scene { server: Server::at(folder.as_ref()) };
    for part in [
        rules::exactly_what_is_due_goes,
        rules::every_type_of_time_is_compared_as_itself,
        rules::keys_far_apart_and_at_the_ends_of_their_type_are_found,
        rules::windows_hold_as_many_rows_as_are_asked_for,
        rules::every_digit_of_a_number_counts,
        rules::a_key_that_two_rows_have_tells_neither,
        rules::partitions_go_by_their_own_bounds,
        rules::terms_mean_what_they_mean_elsewhere,
        rules::a_condition_that_asks_the_children_holds_although_they_go_first,
        rules::what_would_touch_other_rows_is_refused_or_undone,
        rules::a_claim_is_of_one_alone,
        rules::nothing_is_deleted_without_the_right_to,
        rules::what_the_server_says_of_a_row_is_not_repeated,
        rules::a_reader_cannot_write,
        catalogue::names_that_differ_by_case_are_told_apart,
        catalogue::what_refers_to_rows_from_elsewhere_stops_the_rule,
        catalogue::a_hold_is_recognised_however_it_is_spelled,
        plans::what_becomes_due_during_a_run_does_not_get_past_the_fuse,
        plans::a_part_with_more_rows_than_the_fuse_allows_is_not_dropped,
        plans::another_place_than_was_read_is_not_deleted_from,
        plans::what_was_told_as_deleted_is_on_the_disk,
        faults::a_run_that_is_killed_neither_repeats_nor_skips,
        faults::locks_are_waited_for_and_not_for_ever,
        faults::a_deadlock_is_begun_again,
        faults::a_serialisation_failure_is_begun_again,
        faults::a_statement_that_takes_too_long_is_ended,
        faults::a_window_that_takes_too_long_is_done_in_parts,
        faults::the_first_row_that_is_due_is_found_behind_many_that_are_not,
        faults::a_connection_that_is_lost_is_counted_again_from_the_journal,
        faults::what_another_run_told_is_not_counted_again,
        faults::a_run_may_last_longer_than_clocks_may_differ,
        faults::a_server_that_crashes_loses_no_count,
        faults::a_hold_that_comes_during_a_run_holds,
        faults::what_holds_a_row_before_it_is_locked_holds,
        faults::of_many_instances_one_works_at_a_time,
        faults::another_shape_of_the_table_ends_a_run,
        faults::an_archive_whose_rows_were_not_deleted_is_written_once,
        faults::a_reader_that_stays_sees_its_rows_and_stops_nothing,
        faults::a_full_disk_loses_nothing_that_must_stay,
        faults::a_clock_that_differs_from_the_servers_is_not_believed,
        tls::only_the_certificate_that_is_meant_is_believed,
    ] {
        part(&scene);
    }
}

/// A server with one database for all parts, one after the other.
struct Scene {
    server: Server,
}

impl Scene {
    /// A database with nothing but `events`, six rows that are due and six that are not, and a rule for it.
    fn sample(&self, schema: &str) -> Sample {
        let (lease, journal) = (journal::LEASE_TABLE, journal::JOURNAL_TABLE);
        self.server.sql(&format!(
            "SET client_min_messages = warning; DROP SCHEMA public CASCADE; CREATE SCHEMA public; {tables}; \
             CREATE TABLE events (id bigserial PRIMARY KEY, at timestamptz, who text); \
             INSERT INTO events (at, who) SELECT to_timestamp({CUTOFF} - 100000 + i * 200000), 'u' || n FROM generate_series(1, 6) n, \
             generate_series(0, 1) i ORDER BY n, i; {schema}; \
             GRANT USAGE ON SCHEMA public TO reader, purger; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader; \
             GRANT SELECT, DELETE, UPDATE ON ALL TABLES IN SCHEMA public TO purger; GRANT INSERT ON {lease}, {journal} TO purger",
            tables = journal::TABLES.join("; "),
        ));
        self.rule()
    }

    /// The rule for `events`, whatever is in it.
    fn rule(&self) -> Sample {
        let mut sample = Sample::new("");
        let (read_url_env, purge_url_env) = ("AVOUCH_TEST_READ".into(), "AVOUCH_TEST_PURGE".into());
        sample.database.location = Location::Postgres { read_url_env, purge_url_env, ca_file: None };
        // The clock of the server is that of today: the rule keeps what it would keep on the day of the samples.
        sample.rule.keep = Span::Seconds((self.now(&sample).unix() - CUTOFF) as u64);
        sample
    }

    fn now(&self, sample: &Sample) -> Timestamp {
        open_read(&sample.database, sample.root()).unwrap().now().unwrap()
    }

    fn run(&self, sample: &Sample) -> Execution {
        self.run_at(sample, &mut never_sleep)
    }

    fn run_at(&self, sample: &Sample, pace: &mut dyn Pace) -> Execution {
        let now = self.now(sample);
        purge(&Asked { now, ..sample.asked() }, None, &sample.gentle, pace)
    }
}

fn cause(done: &Execution) -> &DatabaseError {
    let Some(RetainError::Database { cause, .. }) = &done.trouble else { unreachable!("{:?}", done.trouble) };
    cause
}
