//! The prober against small servers on the loopback network.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use avouch_model::product::{ProbeClass, Target};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{self, ServerConfig, crypto::ring},
};

use crate::{
    Body, Credential, Offered, ProbeError, Prober, Request, Source, Version,
    testing::{Caps, json, serve, target},
};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

fn prober(target: &Target) -> Prober {
    Prober::new(target, "run-1", 7, &|_| None, None).unwrap()
}

fn get(path: &str) -> Request {
    Request::new(ProbeClass::Active, "GET", path)
}

/// A server that answers one connection with these bytes, after it has read `read` bytes.
fn once(read: usize, answer: &'static [u8], linger: Duration) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut seen = vec![0; read];
        let _ = stream.read_exact(&mut seen);
        let _ = stream.write_all(answer);
        std::thread::sleep(linger);
    });
    at
}

#[test]
fn a_request_carries_its_credential_our_name_and_the_run() {
    let at = serve(Caps::NONE, |got| {
        json(
            200,
            format!("{}|{}|{}|{}", got.header("authorization"), got.header("user-agent"), got.header("x-avouch-run"), got.peer),
        )
    });
    let target = target(at);
    let response = prober(&target).send(&get("/").credential(Credential::Principal("a".into()))).unwrap();
    let text = response.text().into_owned();
    assert!(text.starts_with("Bearer ck_live_AAAAAAAAAAAAAAAA0123456789|avouch/"), "{text}");
    let ours = target.source_addresses.iter().any(|address| text.ends_with(&format!("|run-1|{address}")));
    assert!(ours, "sent from a configured address: {text}");
    assert!(response.took > Duration::ZERO);
}

#[test]
fn a_class_that_is_not_allowed_is_refused_and_names_the_key() {
    let at = serve(Caps::NONE, |_| json(200, "{}"));
    let mut target = target(at);
    target.allow = [ProbeClass::Active].into();
    let prober = prober(&target);
    assert!(prober.send(&Request::new(ProbeClass::Passive, "GET", "/")).is_ok());
    let error = prober.send(&Request::new(ProbeClass::Intrusive, "GET", "/")).unwrap_err();
    assert!(error.to_string().contains("add \"intrusive\" to `allow` in `[targets.api]`"), "{error}");
    target.allow = [].into();
    let refused = self::prober(&target).send(&Request::new(ProbeClass::Passive, "GET", "/"));
    assert!(matches!(refused, Err(ProbeError::NotAllowed { .. })));
}

#[test]
fn a_redirect_is_an_answer_and_is_not_followed() {
    let at = serve(Caps::NONE, |_| (302, vec![("Location", "http://127.0.0.1:9/".to_owned())], String::new()));
    assert_eq!(prober(&target(at)).send(&get("/")).unwrap().status, 302);
}

#[test]
fn a_run_sends_no_more_requests_than_it_may() {
    let at = serve(Caps::NONE, |_| json(200, "{}"));
    let mut target = target(at);
    target.requests_max = 3;
    let prober = prober(&target);
    let burst = prober.burst(&get("/"), 5, 2, Source::Common).unwrap();
    assert_eq!(burst.answers.iter().filter(|answer| answer.is_ok()).count(), 3);
    assert!(matches!(prober.send(&get("/")), Err(ProbeError::RequestsSpent { max: 3, .. })));
}

#[test]
fn a_burst_of_a_thousand_and_one_is_answered_over_kept_connections() {
    let peers = Arc::new(Mutex::new(std::collections::BTreeMap::<String, u32>::new()));
    let seen = Arc::clone(&peers);
    let at = serve(Caps::NONE, move |got| {
        *seen.lock().unwrap().entry(got.peer.clone()).or_default() += 1;
        json(200, "{}")
    });
    let mut target = target(at);
    target.requests_per_address = 150;
    let prober = prober(&target);
    let burst = prober.burst(&get("/"), 1001, 32, Source::Common).unwrap();
    assert_eq!(burst.answers.iter().filter(|answer| answer.is_ok()).count(), 1001);
    let at: Vec<_> = burst.answers.iter().flatten().map(|answer| answer.at).collect();
    assert!(at.is_sorted());
    let peers = peers.lock().unwrap();
    assert_eq!(peers.len(), 7);
    assert!(peers.values().all(|&count| count <= 150));
    let error = prober.burst(&get("/"), 1201, 32, Source::Common).unwrap_err();
    assert!(matches!(error, ProbeError::NotEnoughAddresses { needed: 9, have: 8, .. }), "{error}");
}

#[test]
fn a_lent_address_is_the_one_that_is_sent_from() {
    let at = serve(Caps::NONE, |got| json(200, got.peer.clone()));
    let prober = prober(&target(at));
    let lease = prober.lend_address(Duration::from_secs(1)).unwrap();
    let other = prober.lend_address(Duration::from_secs(1)).unwrap();
    assert_ne!(lease.address(), other.address());
    let mut conversation = prober.conversation(Source::Lent(&lease));
    for _ in 0..2 {
        assert_eq!(conversation.send(&get("/")).unwrap().text(), lease.address().to_string());
    }
}

#[test]
fn without_source_addresses_none_is_lent_and_the_key_is_named() {
    let at = serve(Caps::NONE, |_| json(200, "{}"));
    let mut target = target(at);
    target.source_addresses.clear();
    let error = prober(&target).lend_address(Duration::ZERO).unwrap_err();
    assert!(error.to_string().contains("`source_addresses` in `[targets.api]`"), "{error}");
}

#[test]
fn a_body_goes_out_whole_in_each_way() {
    let at = serve(Caps::NONE, |got| json(200, format!("{} {}", got.body.len(), got.header("content-length"))));
    let prober = prober(&target(at));
    let bytes: Arc<[u8]> = vec![b'x'; 100_000].into();
    for (body, expected) in [
        (Body::Declared(bytes.clone()), "100000 100000"),
        (Body::Chunked(bytes.clone()), "100000 "),
        (Body::ChunkedBesideLength(bytes.clone(), 5), "100000 5"),
        (Body::Expecting(bytes.clone()), "100000 100000"),
    ] {
        let request = Request::new(ProbeClass::Intrusive, "POST", "/").body(body);
        assert_eq!(prober.send(&request).unwrap().text(), expected);
    }
}

#[test]
fn an_answer_that_comes_before_the_body_was_read_is_seen() {
    let caps = Caps { declared: 1_000, chunked: 20_000 };
    let at = serve(caps, |_| json(200, "{}"));
    let prober = prober(&target(at));
    let bytes: Arc<[u8]> = vec![b'x'; 8 << 20].into();
    for body in [Body::Declared(bytes.clone()), Body::Chunked(bytes.clone()), Body::Expecting(bytes.clone())] {
        let response = prober.send(&Request::new(ProbeClass::Intrusive, "POST", "/").body(body)).unwrap();
        assert_eq!(response.status, 413);
    }
}

#[test]
fn each_way_not_to_be_answered_has_its_own_error() {
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let error = |at| {
        let mut target = target(at);
        target.source_addresses.clear();
        prober(&target).send(&get("/").timeout(Duration::from_millis(300))).unwrap_err()
    };
    assert!(matches!(error(closed), ProbeError::Refused { .. }));
    assert!(matches!(error(once(1, b"", Duration::from_secs(2))), ProbeError::TimedOut { .. }));
    assert!(matches!(error(once(16, b"", Duration::ZERO)), ProbeError::Reset { .. }));
    assert!(matches!(error(once(16, b"SSH-2.0-x\r\n", Duration::ZERO)), ProbeError::NotHttp { .. }));
}

#[test]
fn a_release_is_a_full_commit_id_that_the_target_names() {
    let named = serve(Caps::NONE, |_| json(200, format!("{{\"commit\":\"{COMMIT}\"}}")));
    let prober = prober(&target(named));
    assert_eq!(prober.release().unwrap().as_deref(), Some(COMMIT));
    assert_eq!(prober.release().unwrap().as_deref(), Some(COMMIT));
    assert_eq!(prober.spent(), 1);
    for answer in [json(200, "{\"commit\":\"0123456\"}"), json(200, "{}"), json(404, "{}"), json(200, "no")] {
        let at = serve(Caps::NONE, move |_| answer.clone());
        assert!(matches!(self::prober(&target(at)).release(), Err(ProbeError::NoRelease { .. })));
    }
    let mut silent = target(named);
    silent.release_from = None;
    assert_eq!(self::prober(&silent).release().unwrap(), None);
}

#[test]
fn no_error_and_no_debug_shows_a_credential() {
    let at = serve(Caps::NONE, |_| json(200, "{}"));
    let mut target = target(at);
    target.principals.get_mut("a").unwrap().value = "Bearer s3cret-\u{7}".into();
    let prober = prober(&target);
    let request = get("/").credential(Credential::Principal("a".into())).header("X-K", "s3cret");
    let error = prober.send(&request).unwrap_err();
    for text in [error.chain(), format!("{error:?}"), format!("{prober:?}"), format!("{request:?}")] {
        assert!(!text.contains("s3cret"), "{text}");
    }
}

#[test]
fn a_measurement_is_made_once_and_a_failed_one_anew() {
    let prober = prober(&target(SocketAddr::from(([127, 0, 0, 1], 9))));
    let unfit = |error: serde_json::Error| error.to_string();
    assert!(prober.remember::<u8, _>("k", unfit, || Err("no".to_owned())).is_err());
    assert_eq!(prober.remember("k", unfit, || Ok(1)), Ok(1));
    assert_eq!(prober.remember("k", unfit, || Ok(2)), Ok(1));
    assert_eq!(prober.remember("other", unfit, || Ok(2)), Ok(2));
}

#[test]
fn a_principal_is_held_by_one_check_at_a_time() {
    let prober = Arc::new(prober(&target(SocketAddr::from(([127, 0, 0, 1], 9)))));
    let held = prober.hold_principal("a", Duration::ZERO);
    let (tell, told) = mpsc::channel();
    let other = Arc::clone(&prober);
    let waiting = std::thread::spawn(move || {
        let _held = other.hold_principal("a", Duration::ZERO);
        tell.send(()).unwrap();
    });
    assert!(told.recv_timeout(Duration::from_millis(50)).is_err());
    drop(held);
    told.recv().unwrap();
    waiting.join().unwrap();
}

/// A TLS server of these versions; its address and its certificate in PEM.
fn tls_server(versions: &[&'static rustls::SupportedProtocolVersion], year: i32) -> (SocketAddr, String) {
    let mut parameters = rcgen::CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    parameters.not_after = rcgen::date_time_ymd(year, 1, 1);
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = parameters.self_signed(&key).unwrap();
    let pem = certificate.pem();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            rustls_pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    listener.set_nonblocking(true).unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let acceptor = TlsAcceptor::from(Arc::new(config));
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    use tokio::io::{AsyncReadExt, AsyncWriteExt};
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    let mut seen = [0; 4096];
                    if stream.read(&mut seen).await.is_ok_and(|count| count > 0) {
                        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
                        let _ = stream.write_all(answer).await;
                        let _ = stream.shutdown().await;
                    }
                });
            }
        });
    });
    (at, pem)
}

fn tls_prober(at: SocketAddr, pem: Option<&str>) -> Prober {
    let mut target = target(at);
    target.url = format!("https://localhost:{}", at.port());
    target.source_addresses.clear();
    Prober::new(&target, "run-1", 7, &|_| None, pem.map(str::as_bytes)).unwrap()
}

#[test]
fn a_server_of_tls_1_3_alone_refuses_every_older_version() {
    let (at, pem) = tls_server(&[&rustls::version::TLS13], 2099);
    let prober = tls_prober(at, Some(&pem));
    assert_eq!(prober.tls_offer(Version::Tls13).unwrap(), Offered::Accepted(Version::Tls13));
    for version in [Version::Tls10, Version::Tls11, Version::Tls12] {
        assert!(matches!(prober.tls_offer(version).unwrap(), Offered::Refused(_)), "{version}");
    }
    assert_eq!(prober.send(&get("/")).unwrap().text(), "ok");
    let certificate = prober.certificate(Version::Tls13).unwrap();
    assert_eq!(certificate.not_after.to_string(), "2099-01-01T00:00:00Z");
    assert!(matches!(prober.certificate(Version::Tls12), Err(ProbeError::Tls { .. })));
}

#[test]
fn a_server_that_still_speaks_tls_1_2_is_seen_to() {
    let (at, pem) = tls_server(&[&rustls::version::TLS13, &rustls::version::TLS12], 2099);
    let prober = tls_prober(at, Some(&pem));
    assert_eq!(prober.tls_offer(Version::Tls12).unwrap(), Offered::Accepted(Version::Tls12));
    assert!(matches!(prober.tls_offer(Version::Tls11).unwrap(), Offered::Refused(_)));
}

#[test]
fn an_expired_or_foreign_certificate_is_a_tls_error() {
    let (at, pem) = tls_server(&[&rustls::version::TLS13], 2020);
    assert!(matches!(tls_prober(at, Some(&pem)).send(&get("/")), Err(ProbeError::Tls { .. })));
    let (at, _) = tls_server(&[&rustls::version::TLS13], 2099);
    assert!(matches!(tls_prober(at, None).send(&get("/")), Err(ProbeError::Tls { .. })));
}

#[test]
fn a_close_without_an_alert_is_inconclusive() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 16]);
        }
    });
    assert!(matches!(tls_prober(at, None).tls_offer(Version::Tls10).unwrap(), Offered::Inconclusive(_)));
}

#[test]
fn what_is_held_back_is_answered_later_by_that_much() {
    let at = serve(Caps::NONE, |got| json(200, String::from_utf8(got.body.clone()).unwrap()));
    let prober = prober(&target(at));
    let held = Duration::from_millis(30);
    for request in [get("/"), Request::new(ProbeClass::Active, "POST", "/").json(b"{}".to_vec())] {
        let answer = prober.send(&request.held(held)).unwrap();
        assert!(answer.status == 200 && answer.took >= held, "{answer:?}");
    }
}

#[test]
fn a_rehearsal_sends_nothing_and_notes_everything() {
    // Nobody listens there.
    let mut target = target(once(0, b"", Duration::ZERO));
    target.url = "http://127.0.0.1:1".to_owned();
    let (name, mut made) = crate::testing::route("make", "POST /v1/items", 201);
    made.id = Some("/item/id".to_owned());
    target.routes = [(name, made)].into();
    let prober = Prober::rehearsing(&target, 7).unwrap();
    let post = Request::new(ProbeClass::Intrusive, "POST", "/v1/items").json(b"{}".to_vec());
    let post = post.credential(Credential::Altered("a".into()));
    let answer = prober.send(&post).unwrap();
    assert_eq!((answer.status, answer.json().unwrap().pointer("/item/id").cloned()), (201, Some("rehearsal".into())));
    assert_eq!(prober.burst(&get("/x"), 3, 2, Source::Common).unwrap().answers.len(), 3);
    prober.send(&get("/x").header("Origin", "https://evil.example")).unwrap();
    let shown: Vec<String> = prober.rehearsed().iter().map(ToString::to_string).collect();
    let expected = [
        "intrusive POST /v1/items with an altered key of a, Content-Type: application/json, 2 bytes",
        "active GET /x as nobody (3 times)",
        "active GET /x as nobody, Origin: https://evil.example",
    ];
    assert_eq!(shown, expected);
    assert_eq!(prober.spent(), 0);
    target.allow = [ProbeClass::Active].into();
    assert!(matches!(Prober::rehearsing(&target, 7).unwrap().send(&post), Err(ProbeError::NotAllowed { .. })));
}

#[test]
fn a_target_that_fails_whatever_it_is_asked_is_left_alone() {
    let at = serve(Caps::NONE, |got| json(if got.path == "/x" { 500 } else { 503 }, "{}"));
    let prober = prober(&target(at));
    let (fifty, one) = (|path: &str| prober.burst(&get(path), 50, 1, Source::Common).unwrap(), || prober.send(&get("/")));
    assert!(fifty("/limited").answers.iter().all(Result::is_ok) && one().is_ok());
    fifty("/x");
    assert!(matches!(one(), Err(ProbeError::Failing { .. })));
}
