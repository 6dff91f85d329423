//! What an archive in a bucket holds, and what is asked of the store.

use std::collections::BTreeSet;

use avouch_model::{
    Digest,
    product::{Action, Archive, Bucket},
};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rusqlite::Connection;

use crate::{Scene, assert_done, assert_failed, common::*};

/// The names of the objects, as the journal has them.
fn journalled(connection: &Connection) -> BTreeSet<String> {
    let mut statement = connection.prepare("SELECT archive FROM avouch_retention_journal").unwrap();
    let names = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
    names.map(|name| name.unwrap().trim_start_matches("sha256:").to_owned()).collect()
}

pub(super) fn exactly_the_rows_that_are_deleted_are_archived(scene: &Scene) {
    let sample = scene.sample("all/of-it");
    let done = sample.purge();
    assert_done(&done);
    assert_eq!(done.run.archived, 3);
    let objects = scene.server.objects("all/of-it/events");
    let names: BTreeSet<_> =
        objects.keys().map(|name| name.rsplit('/').next().unwrap().strip_suffix(".ndjson.zst").unwrap().to_owned()).collect();
    assert_eq!(names, journalled(&sample.connection));
    let mut lines = scene.server.lines("all/of-it/events");
    lines.sort();
    let line = |id: i64| format!("{{\"row\":{{\"at\":{},\"id\":{id}}},\"table\":\"events\"}}", CUTOFF - id * DAY);
    assert_eq!(lines, (1..=5).rev().map(line).collect::<Vec<_>>());
    for (name, packed) in &objects {
        let mut unpacked = Vec::new();
        std::io::Read::read_to_end(&mut ruzstd::decoding::StreamingDecoder::new(&packed[..]).unwrap(), &mut unpacked).unwrap();
        assert!(name.contains(Digest::of(&unpacked).to_string().trim_start_matches("sha256:")), "{name}");
    }
    assert_eq!(sample.times(), [Some(CUTOFF), Some(CUTOFF + 1), Some(NOW)]);
    // Without a proxy connections are kept; without a prefix names begin with the rule.
    let endpoint = format!("http://127.0.0.1:{}", scene.server.port);
    let mut sample = scene.sample_in(Bucket { endpoint, ..scene.bucket() }, "");
    sample.rule.name = "kept-connection".into();
    assert_done(&sample.purge());
    assert_eq!(scene.server.objects("kept-connection").len(), 3);
}

pub(super) fn nothing_is_asked_of_the_store_before_something_is_due(scene: &Scene) {
    let sample = scene.sample("quiet");
    assert_eq!(sample.plan().unwrap().due, 5);
    sample.prove();
    assert_eq!(scene.proxy.seen(), [""; 0]);
    assert_done(&sample.purge());
    // The mark twice, once only to find that it stays; then each object is written and read.
    let asked = scene.proxy.seen().len();
    assert_eq!(asked, 2 + 2 * 3, "{:?}", scene.proxy.seen());
    assert!(sample.purge().trouble.is_none());
    assert_eq!(scene.proxy.seen().len(), asked, "nothing was due");
    sample.insert(&[CUTOFF - 1]);
    assert!(sample.purge().trouble.is_none());
    assert_eq!(scene.proxy.seen().len(), asked + 1 + 2);
}

pub(super) fn what_is_archived_and_not_deleted_is_not_archived_twice(scene: &Scene) {
    let sample = scene.sample("once");
    assert_done(&sample.purge());
    let first = scene.server.objects("once");
    // The same rows come back, as if nothing had been deleted.
    for day in 1..=5 {
        sample.connection.execute("INSERT INTO events (id, at) VALUES (?1, ?2)", [day, CUTOFF - day * DAY]).unwrap();
    }
    let again = sample.purge();
    assert_done(&again);
    assert_eq!((again.run.archived, scene.server.objects("once")), (0, first));
}

pub(super) fn what_cannot_be_done_is_said_and_no_key_is_shown(scene: &Scene) {
    let wrong = "AVOUCH_TEST_WRONG".to_owned();
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    for (bucket, with) in [
        (Bucket { secret_key_env: "AVOUCH_TEST_UNSET".into(), ..scene.bucket() }, "`AVOUCH_TEST_UNSET` holds no key"),
        (Bucket { access_key_env: "AVOUCH_TEST_ODD".into(), ..scene.bucket() }, "`AVOUCH_TEST_ODD` holds no key"),
        (Bucket { secret_key_env: wrong.clone(), ..scene.bucket() }, "answered 403 (SignatureDoesNotMatch)"),
        (Bucket { access_key_env: wrong.clone(), ..scene.bucket() }, "answered 403 (InvalidAccessKeyId)"),
        (Bucket { session_token_env: Some(wrong), ..scene.bucket() }, "answered 403 (InvalidAccessKeyId)"),
        (Bucket { name: "nobody-has-this".into(), ..scene.bucket() }, "make the bucket, or correct its name"),
        (Bucket { endpoint: format!("http://127.0.0.1:{free}"), ..scene.bucket() }, "cannot be reached"),
        (Bucket { endpoint: "http://192.0.2.1".into(), ..scene.bucket() }, "only a loopback address is connected to"),
        (Bucket { ca_file: Some("app.db".into()), ..scene.bucket() }, "no certificate authority in PEM"),
    ] {
        let sample = scene.sample_in(bucket, "wrong");
        assert_failed(&sample, &sample.purge(), with, 0);
    }
    for (right, doing) in [("s3:GetObject", "written"), ("s3:PutObject", "read")] {
        scene.server.may(&[right]);
        let sample = scene.sample("rights");
        assert_failed(&sample, &sample.purge(), &format!("answered 403 (AccessDenied) when an object was to be {doing}"), 0);
    }
    scene.server.may(&["s3:PutObject", "s3:GetObject"]);
    let mut sample = scene.sample("rights");
    assert_done(&sample.purge());
    // A folder with the name of a scheme is none of the archives that there are.
    sample.rule.terms.action = Action::Archive(Archive::Folder("rows".into()));
    assert!(sample.purge().trouble.is_none());
}

pub(super) fn behind_tls_only_the_authority_that_is_named_is_believed(scene: &Scene) {
    let folder = tempfile::tempdir().unwrap();
    let authority = |file: &str| {
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        std::fs::write(folder.path().join(file), parameters.self_signed(&key).unwrap().pem()).unwrap();
        Issuer::new(parameters, key)
    };
    let (ours, _) = (authority("ca.pem"), authority("other.pem"));
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &ours).unwrap();
    let files = [("cert.pem", certificate.pem()), ("key.pem", key.serialize_pem())].map(|(name, pem)| {
        std::fs::write(folder.path().join(name), pem).unwrap();
        folder.path().join(name)
    });
    let port = scene.server.tls(&files[0], &files[1]);
    let behind = |host: &str, file: Option<&str>| Bucket {
        endpoint: format!("https://{host}:{port}"),
        ca_file: file.map(|file| folder.path().join(file).display().to_string()),
        ..scene.bucket()
    };
    assert_done(&scene.sample_in(behind("localhost", Some("ca.pem")), "tls").purge());
    assert_eq!(scene.server.lines("tls").len(), 5);
    for (bucket, with) in [
        (behind("localhost", None), "UnknownIssuer"),
        (behind("localhost", Some("other.pem")), "invalid peer certificate: BadSignature"),
        (behind("127.0.0.1", Some("ca.pem")), "certificate not valid for name"),
    ] {
        let sample = scene.sample_in(bucket, "tls-refused");
        assert_failed(&sample, &sample.purge(), with, 0);
    }
}
