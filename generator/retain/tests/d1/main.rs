//! Retention on a real D1 (Cloudflare's own runtime on this machine) behind a proxy that does wrong when it is told to.
//!
//! The tokens of a database are read from the environment, so the test runs itself again with them in it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on panics")]

#[path = "../bucket/server.rs"]
mod bucket;
#[path = "../common/mod.rs"]
mod common;
mod faults;
mod rules;
mod server;

use std::{env, process::Command};

use avouch_database::DatabaseError;
use avouch_retain::{Execution, RetainError};
use server::{Place, Server};

#[test]
fn rules_hold_on_a_real_d1() {
    let server = Server::start();
    let mut inside = Command::new(env::current_exe().unwrap());
    inside.args(["--exact", "inside", "--nocapture"]).env("AVOUCH_TEST_D1", server.port.to_string());
    inside.env("AVOUCH_TEST_ID", bucket::KEY[0]).env("AVOUCH_TEST_SECRET", bucket::KEY[1]);
    inside
        .env("AVOUCH_TEST_D1_READ", "token-reads")
        .env("AVOUCH_TEST_D1_PURGE", "token-edits")
        .env("AVOUCH_TEST_D1_WRONG", "token-x");
    let output = inside.output().unwrap();
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "{said}");
}

/// What [`rules_hold_on_a_real_d1`] runs, one after the other on one database.
#[test]
fn inside() {
    let Ok(port) = env::var("AVOUCH_TEST_D1") else { return };
    let d1 = Place { port: port.parse().unwrap() };
    for part in [
        rules::exactly_what_is_due_goes,
        rules::one_row_is_read_for_every_row_deleted,
        rules::every_encoding_is_compared_as_itself,
        rules::every_kind_of_key_is_gone_through,
        rules::terms_mean_what_they_mean_elsewhere,
        rules::what_would_touch_other_rows_is_refused_or_undone,
        rules::a_row_that_comes_during_a_run_in_another_encoding_stays,
        rules::anonymising_never_takes_a_row_for_another,
        rules::a_condition_that_asks_the_children_holds_although_they_go_first,
        rules::a_reader_cannot_write,
        rules::what_cannot_be_done_is_said_and_no_token_is_shown,
        faults::a_hold_that_comes_during_a_run_holds,
        faults::what_becomes_due_during_a_run_does_not_get_past_the_fuse,
        faults::a_claim_is_of_one_alone,
        faults::a_run_that_dies_is_told_by_the_next_one,
        faults::what_goes_wrong_on_the_way_changes_no_count,
        faults::what_is_never_answered_is_told_by_the_next_run,
        faults::what_is_too_much_is_done_in_parts,
        faults::nothing_is_deleted_where_a_failed_request_is_not_undone,
        faults::a_clock_that_differs_from_d1s_is_not_believed,
        faults::rows_that_were_archived_and_not_deleted_are_deleted_by_the_next_run,
    ] {
        part(&d1);
    }
}

fn cause(done: &Execution) -> &DatabaseError {
    let Some(RetainError::Database { cause, .. }) = &done.trouble else { unreachable!("{:?}", done.trouble) };
    cause
}

/// The rows of `n` with numbers from 1.
fn numbers(last: u32) -> String {
    format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {last})")
}
