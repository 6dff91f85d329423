//! Archives in a bucket of an S3 on this machine (moto, which verifies signatures and rights), behind a proxy that does wrong when it
//! is told to.
//!
//! Keys are read from the environment, so the test runs itself again with them in it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on panics")]

#[path = "../common/mod.rs"]
mod common;
mod faults;
mod proxy;
mod rules;
mod server;

use std::{env, error::Error, process::Command};

use avouch_model::{product::Bucket, receipt::Ended};
use avouch_retain::Execution;
use common::*;
use proxy::Proxy;
use server::{KEY, Server, archived_in, bucket};

#[test]
fn rows_are_archived_in_a_real_bucket() {
    let [id, secret] = KEY;
    let mut inside = Command::new(env::current_exe().unwrap());
    inside.args(["--exact", "inside", "--nocapture"]);
    inside
        .env("AVOUCH_TEST_ID", id)
        .env("AVOUCH_TEST_SECRET", secret)
        .env("AVOUCH_TEST_WRONG", "of-nobody")
        .env("AVOUCH_TEST_ODD", "two\nlines");
    let output = inside.output().unwrap();
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "{said}");
}

/// What [`rows_are_archived_in_a_real_bucket`] runs, one after the other in one bucket.
#[test]
fn inside() {
    if env::var_os("AVOUCH_TEST_ID").is_none() {
        return;
    }
    let server = Server::start();
    let scene = Scene { proxy: Proxy::start(server.port), server };
    for part in [
        rules::exactly_the_rows_that_are_deleted_are_archived,
        rules::nothing_is_asked_of_the_store_before_something_is_due,
        rules::what_is_archived_and_not_deleted_is_not_archived_twice,
        rules::what_cannot_be_done_is_said_and_no_key_is_shown,
        rules::behind_tls_only_the_authority_that_is_named_is_believed,
        faults::an_answer_that_is_lost_changes_nothing,
        faults::what_the_store_does_not_take_is_not_deleted,
        faults::a_window_that_fails_stops_the_run_and_no_other_is_lost,
        faults::what_another_wrote_under_the_name_is_kept,
        faults::what_cannot_be_read_back_is_not_deleted,
        faults::a_store_that_writes_over_is_refused,
    ] {
        scene.proxy.well();
        part(&scene);
    }
}

/// A bucket, and what stands before it.
struct Scene {
    server: Server,
    proxy: Proxy,
}

impl Scene {
    fn bucket(&self) -> Bucket {
        bucket(self.proxy.port)
    }

    /// Five rows that are due, in windows of two, and three that are not; archived beneath this prefix.
    fn sample(&self, prefix: &str) -> Sample {
        self.sample_in(self.bucket(), prefix)
    }

    fn sample_in(&self, bucket: Bucket, prefix: &str) -> Sample {
        let due = (1..=5).map(|day| CUTOFF - day * DAY);
        let mut sample = Sample::with(&due.chain([CUTOFF, CUTOFF + 1, NOW]).collect::<Vec<_>>());
        sample.rule.terms.action = archived_in(bucket, prefix);
        sample
    }
}

/// All of it went: five rows in three windows.
fn assert_done(done: &Execution) {
    assert!(done.trouble.is_none(), "{}", said(done));
    assert_eq!((done.run.ended, done.run.deleted, done.run.due_after), (Ended::Done, 5, 0));
}

/// It failed with this in what it says, and so many rows are deleted.
fn assert_failed(sample: &Sample, done: &Execution, with: &str, deleted: u64) {
    let said = said(done);
    assert!(said.contains(with), "{with}: {said}");
    assert!(!KEY.iter().any(|key| said.contains(key)) && !said.contains("of somebody"), "{said}");
    assert_eq!(
        (done.run.ended, done.run.deleted, sample.count("events")),
        (Ended::Failed, deleted, 8 - deleted as i64),
        "{said}"
    );
}

/// Everything that is said of what went wrong.
fn said(done: &Execution) -> String {
    let mut error = done.trouble.as_ref().map(|trouble| trouble as &dyn Error);
    let mut text = format!("{:?}", done.trouble);
    while let Some(cause) = error {
        text = format!("{text}: {cause}");
        error = cause.source();
    }
    text
}
