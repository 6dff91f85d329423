//! What goes wrong on the way to a bucket, or in it.

use crate::{Scene, assert_done, assert_failed, proxy::Wrong};

/// More often than anything is tried again.
const ALWAYS: u32 = 1_000;
const OBJECT: &str = ".ndjson.zst";

pub(super) fn an_answer_that_is_lost_changes_nothing(scene: &Scene) {
    for (prefix, method, wrong) in [
        ("lost-put", "PUT", Wrong::LoseAnswer),
        ("lost-get", "GET", Wrong::LoseAnswer),
        ("half-put", "PUT", Wrong::Half),
        ("slow-put", "PUT", Wrong::Say(503, "SlowDown")),
        ("race-put", "PUT", Wrong::Say(409, "ConditionalRequestConflict")),
        ("slow-get", "GET", Wrong::Say(500, "InternalError")),
    ] {
        // The second object.
        scene.proxy.wrong(method, OBJECT, 1, 1, wrong);
        let sample = scene.sample(prefix);
        let done = sample.purge();
        assert_done(&done);
        assert_eq!(
            (done.run.archived, scene.server.objects(prefix).len(), scene.server.lines(prefix).len()),
            (3, 3, 5),
            "{prefix}"
        );
    }
    // The mark of the first run.
    scene.proxy.wrong("PUT", "written-once", 0, 1, Wrong::LoseAnswer);
    assert_done(&scene.sample("lost-mark").purge());
    // What is never answered was written all the same, and can be read.
    scene.proxy.wrong("PUT", OBJECT, 0, 3, Wrong::LoseAnswer);
    let done = scene.sample("never-answered").purge();
    assert_done(&done);
    assert_eq!((done.run.archived, scene.server.lines("never-answered").len()), (3, 5));
}

pub(super) fn what_the_store_does_not_take_is_not_deleted(scene: &Scene) {
    for (wrong, with) in [
        (Wrong::Say(503, "SlowDown"), "answered 503 (SlowDown) when an object was to be written; run again later"),
        (Wrong::Say(403, "AccessDenied"), "answered 403 (AccessDenied)"),
        (Wrong::Say(507, "InsufficientStorage"), "make room in it"),
        (Wrong::Say(403, "QuotaExceeded"), "make room in it"),
        (Wrong::Say(301, "PermanentRedirect"), "correct `region` or `endpoint`"),
        (Wrong::Half, "no whole answer came when an object was to be written"),
    ] {
        scene.proxy.wrong("PUT", OBJECT, 0, ALWAYS, wrong);
        let sample = scene.sample("not-taken");
        assert_failed(&sample, &sample.purge(), with, 0);
        assert!(scene.server.objects("not-taken").is_empty());
    }
}

pub(super) fn a_window_that_fails_stops_the_run_and_no_other_is_lost(scene: &Scene) {
    scene.proxy.wrong("PUT", OBJECT, 1, ALWAYS, Wrong::Say(507, "InsufficientStorage"));
    let sample = scene.sample("in-between");
    let done = sample.purge();
    assert_failed(&sample, &done, "make room in it", 2);
    assert_eq!((done.run.archived, scene.server.lines("in-between").len()), (1, 2));
    scene.proxy.well();
    let rest = sample.purge();
    assert!(rest.trouble.is_none());
    assert_eq!((rest.run.deleted, scene.server.lines("in-between").len()), (3, 5));
}

pub(super) fn what_another_wrote_under_the_name_is_kept(scene: &Scene) {
    // Written, and never read: nothing is deleted.
    scene.proxy.wrong("GET", OBJECT, 0, ALWAYS, Wrong::Say(503, "SlowDown"));
    let sample = scene.sample("another");
    assert_failed(&sample, &sample.purge(), "answered 503 (SlowDown) when an object was to be read", 0);
    scene.proxy.well();
    let objects = scene.server.objects("another");
    let (name, right) = objects.first_key_value().unwrap();
    for wrong in [&b"of somebody else"[..], b"", &right[..right.len() - 2], &vec![b' '; 3 * 1024 * 1024]] {
        scene.server.put(name, wrong);
        let done = sample.purge();
        let with = if wrong.len() > 1024 * 1024 { "no whole answer came" } else { "does not hold the rows that its name says" };
        assert!(crate::said(&done).contains(with), "{}", crate::said(&done));
        assert_eq!((done.run.deleted, sample.count("events")), (0, 8));
        assert_eq!(scene.server.objects("another")[name], wrong);
    }
    scene.server.put(name, right);
    let done = sample.purge();
    assert_done(&done);
    assert_eq!(done.run.archived, 2, "one was there");
}

pub(super) fn what_cannot_be_read_back_is_not_deleted(scene: &Scene) {
    // The store says that it wrote, and did not.
    scene.proxy.wrong("PUT", OBJECT, 0, ALWAYS, Wrong::Say(200, ""));
    let sample = scene.sample("not-there");
    assert_failed(&sample, &sample.purge(), "answered 404 (NoSuchKey) when an object was to be read", 0);
    // The store says that one is there, and none is.
    scene.proxy.wrong("PUT", OBJECT, 0, ALWAYS, Wrong::Say(412, "PreconditionFailed"));
    assert_failed(&sample, &sample.purge(), "answered 404 (NoSuchKey) when an object was to be read", 0);
    // What comes back is another byte.
    scene.proxy.wrong("GET", OBJECT, 0, ALWAYS, Wrong::Tamper);
    assert_failed(&sample, &sample.purge(), "does not hold the rows that its name says", 0);
    scene.proxy.wrong("GET", OBJECT, 0, ALWAYS, Wrong::LoseAnswer);
    assert_failed(&sample, &sample.purge(), "no whole answer came when an object was to be read", 0);
    scene.proxy.well();
    assert_done(&sample.purge());
    assert_eq!(scene.server.lines("not-there").len(), 5);
}

pub(super) fn a_store_that_writes_over_is_refused(scene: &Scene) {
    scene.proxy.wrong("PUT", "written-once", 0, ALWAYS, Wrong::Say(200, ""));
    let sample = scene.sample("over");
    assert_failed(&sample, &sample.purge(), "writes over an object that is there although it was told not to", 0);
    assert!(scene.server.objects("over").is_empty());
}
