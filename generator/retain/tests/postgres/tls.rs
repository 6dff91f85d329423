//! TLS to a server: the right certificate is believed, and no other.

use std::{fs, os::unix::fs::PermissionsExt as _};

use avouch_database::{DatabaseError, Limits, Read, open_read};
use avouch_model::{
    product::{Database, Location},
    receipt::Ended,
};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use crate::{Scene, server::Server};

/// The variables under which [`crate::inside`] finds the ways to the server, and these.
pub(super) fn ways(server: &Server) -> [(&'static str, String); 6] {
    let way =
        |host: &str, user: &str, more: &str| format!("host={host} port={} user={user} dbname=postgres {more}", server.port());
    [
        ("AVOUCH_TEST_TCP", way("localhost", "reader", "")),
        ("AVOUCH_TEST_TCP_PURGE", way("localhost", "purger", "sslmode=verify-full")),
        ("AVOUCH_TEST_FULL", way("localhost", "reader", "sslmode=verify-full")),
        ("AVOUCH_TEST_NUMBER", way("127.0.0.1", "reader", "")),
        ("AVOUCH_TEST_BARE", way("db.example.invalid", "reader", "sslmode=disable")),
        // TEST-NET-1 (RFC 5737): nobody's address.
        ("AVOUCH_TEST_ADDRESS", way("localhost", "reader", "hostaddr=192.0.2.1 sslmode=disable")),
    ]
}

struct Authority(Issuer<'static, KeyPair>);

impl Authority {
    /// An authority, with its own certificate in PEM in a file.
    fn new(file: &std::path::Path) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        fs::write(file, parameters.self_signed(&key).unwrap().pem()).unwrap();
        Self(Issuer::new(parameters, key))
    }

    /// Makes the server show a certificate for this name that ends with this year.
    fn certifies(&self, scene: &Scene, name: &str, year: i32) {
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::new(vec![name.to_owned()]).unwrap();
        parameters.not_after = rcgen::date_time_ymd(year, 1, 1);
        let certificate = parameters.signed_by(&key, &self.0).unwrap();
        for (kind, pem) in [("cert", certificate.pem()), ("key", key.serialize_pem())] {
            let file = scene.server.folder().join(format!("{name}-{year}.{kind}"));
            fs::write(&file, pem).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
            scene.server.give(&file);
            scene.server.sql(&format!("ALTER SYSTEM SET ssl_{kind}_file = '{}'", file.display()));
        }
        scene.server.sql("ALTER SYSTEM SET ssl = on");
        scene.server.reload();
        let shows = scene.server.folder().join(format!("{name}-{year}.key")).display().to_string();
        let shown = || scene.server.sql("SHOW ssl_key_file") == shows && scene.server.sql("SHOW ssl") == "on";
        assert!((0..500).any(|_| shown()), "the server did not read its configuration again");
    }
}

pub(super) fn only_the_certificate_that_is_meant_is_believed(scene: &Scene) {
    let mut sample = scene.sample("SELECT 1");
    let authority = Authority::new(&sample.root().join("ca.pem"));
    Authority::new(&sample.root().join("other.pem"));
    fs::write(sample.root().join("empty.pem"), "nothing\n").unwrap();
    let database = |variable: &str, ca_file: Option<&str>| {
        let (read_url_env, purge_url_env) = (variable.to_owned(), "AVOUCH_TEST_TCP_PURGE".to_owned());
        let location = Location::Postgres { read_url_env, purge_url_env, ca_file: ca_file.map(str::to_owned) };
        Database { name: "main".into(), location, recovery_window: None }
    };
    let open = |variable: &str, ca_file: Option<&str>| open_read(&database(variable, ca_file), sample.root());
    let refused = |variable: &str, ca_file: Option<&str>| open(variable, ca_file).map(drop).unwrap_err();
    let encrypted = |mut read: Box<dyn Read>| {
        let sql = "SELECT CAST(ssl AS TEXT) FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
        read.query(sql, &[], Limits::default()).unwrap().rows[0][0].as_text() == Some("true")
    };
    let untrusted = |variable: &str, ca_file: Option<&str>, says: &str| {
        let error = refused(variable, ca_file);
        assert!(matches!(error, DatabaseError::NotTrusted { .. }), "{says}: {error:?}");
        assert!(error.to_string().contains(says), "{error}");
    };

    assert!(!encrypted(open("AVOUCH_TEST_TCP", None).unwrap()));
    for (variable, ca_file) in [("AVOUCH_TEST_TCP", Some("ca.pem")), ("AVOUCH_TEST_FULL", None)] {
        assert!(matches!(refused(variable, ca_file), DatabaseError::NoTls { .. }), "{variable}");
    }
    for variable in ["AVOUCH_TEST_BARE", "AVOUCH_TEST_ADDRESS"] {
        assert!(matches!(refused(variable, Some("ca.pem")), DatabaseError::NotHere { .. }), "{variable}");
    }
    for file in ["missing.pem", "empty.pem"] {
        assert!(matches!(refused("AVOUCH_TEST_TCP", Some(file)), DatabaseError::Authorities { .. }), "{file}");
    }

    authority.certifies(scene, "localhost", 2100);
    assert!(encrypted(open("AVOUCH_TEST_TCP", Some("ca.pem")).unwrap()));
    assert!(encrypted(open("AVOUCH_TEST_FULL", Some("ca.pem")).unwrap()));
    assert!(!encrypted(open("AVOUCH_TEST_TCP", None).unwrap()), "nobody asked for it on this machine");
    assert!(!encrypted(open("AVOUCH_TEST_READ", Some("ca.pem")).unwrap()), "a socket");
    untrusted("AVOUCH_TEST_TCP", Some("other.pem"), "authority that is not trusted");
    untrusted("AVOUCH_TEST_FULL", None, "authority that is not trusted");
    untrusted("AVOUCH_TEST_NUMBER", Some("ca.pem"), "for another name");
    authority.certifies(scene, "elsewhere.example", 2100);
    untrusted("AVOUCH_TEST_TCP", Some("ca.pem"), "for another name");
    authority.certifies(scene, "localhost", 2020);
    untrusted("AVOUCH_TEST_TCP", Some("ca.pem"), "over its time");

    authority.certifies(scene, "localhost", 2100);
    sample.database = database("AVOUCH_TEST_FULL", Some("ca.pem"));
    let done = scene.run(&sample);
    assert!(done.trouble.is_none(), "{:?}", done.trouble);
    assert_eq!((done.run.ended, done.run.deleted, done.run.due_after), (Ended::Done, 6, 0));
}
