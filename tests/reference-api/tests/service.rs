//! The service as its clients meet it: over real sockets on loopback, with the numbers of the security page.

#![expect(clippy::unwrap_used, reason = "its helpers are outside any test function")]

mod common;

use std::{net::Ipv4Addr, time::Duration};

use common::{Api, start, start_with};
use reference_api::{
    client::{Ask, Client, Payload},
    defect::Defect,
    service::Limits,
};
use serde_json::json;
use tokio_rustls::rustls::version::{TLS12, TLS13};

const INTERACTION: &str = r#"{"channel":"chat","content":"Good morning"}"#;

async fn make(api: &Api, variable: &str) -> String {
    let ask = Ask::new("POST", "/v1/interactions", Some(api.key(variable))).body(Payload::declared(INTERACTION));
    let reply = api.client.send(ask).await.unwrap();
    assert_eq!(reply.status, 201);
    reply.json()["id"].as_str().unwrap().to_owned()
}

async fn status(api: &Api, method: &str, path: &str, variable: Option<&str>) -> u16 {
    let key = variable.map(|variable| api.key(variable));
    api.client.send(Ask::new(method, path, key)).await.unwrap().status.as_u16()
}

#[tokio::test]
async fn it_names_its_commit_and_its_contact_over_tls_1_3_only() {
    let api = start(None).await;
    let version = api.client.send(Ask::new("GET", "/version", None)).await.unwrap();
    assert_eq!(version.json(), json!({ "commit": common::COMMIT, "version": env!("CARGO_PKG_VERSION") }));
    assert!(version.header("strict-transport-security").starts_with("max-age=31536000"));
    let contact = api.client.send(Ask::new("GET", "/.well-known/security.txt", None)).await.unwrap();
    assert!(String::from_utf8_lossy(&contact.body).starts_with("Contact: mailto:"));
    for (defect, shown) in [(None, true), (Some(Defect::TrustPageCut), false)] {
        let api = start(defect).await;
        let page = api.client.send(Ask::new("GET", "/security", None)).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&page.body).contains("<h2>Threat model</h2>"), shown);
    }
    let older = Client::https_with(api.https, &api.authority, &[&TLS12]).unwrap();
    assert!(older.send(Ask::new("GET", "/version", None)).await.is_err());
    let plain = Client::plain(api.http).send(Ask::new("GET", "/version?x=1", None)).await.unwrap();
    assert_eq!(plain.status, 308);
    assert_eq!(plain.header("location"), format!("https://{}/version?x=1", api.https));
    api.running.stop().await;
}

#[tokio::test]
async fn defects_of_the_connection_are_real() {
    let api = start(Some(Defect::Tls12)).await;
    let with = |version| Client::https_with(api.https, &api.authority, &[version]).unwrap();
    assert!(with(&TLS13).send(Ask::new("GET", "/version", None)).await.is_err());
    assert_eq!(with(&TLS12).send(Ask::new("GET", "/version", None)).await.unwrap().status, 200);
    let api = start(Some(Defect::Tls12Allowed)).await;
    for version in [&TLS12, &TLS13] {
        let client = Client::https_with(api.https, &api.authority, &[version]).unwrap();
        assert_eq!(client.send(Ask::new("GET", "/version", None)).await.unwrap().status, 200);
    }
    let api = start(Some(Defect::NoHsts)).await;
    let reply = api.client.send(Ask::new("GET", "/version", None)).await.unwrap();
    assert_eq!(reply.header("strict-transport-security"), "");
    let api = start(Some(Defect::PlainHttpServed)).await;
    assert_eq!(Client::plain(api.http).send(Ask::new("GET", "/version", None)).await.unwrap().status, 200);
}

/// The causes of a refusal, each with the variable of a key that meets it, and what `audit_log` says.
const CAUSES: [(Option<&str>, &str); 6] = [
    (None, "missing_credential"),
    (Some("PROBE_MALFORMED"), "malformed_credential"),
    (Some("PROBE_UNKNOWN"), "unknown_prefix"),
    (Some("PROBE_WRONG"), "wrong_hash"),
    (Some("PROBE_INACTIVE"), "inactive_key"),
    (Some("PROBE_EXPIRED"), "expired_key"),
];

#[tokio::test]
async fn every_refusal_looks_the_same_takes_the_same_and_is_audited() {
    let api = start(None).await;
    let mut looks = Vec::new();
    for (variable, reason) in CAUSES {
        let key = variable.map(|variable| api.key(variable));
        let reply = api.client.send(Ask::new("GET", "/v1/interactions", key)).await.unwrap();
        assert_eq!(reply.status, 401, "{reason}");
        assert!(reply.took >= Duration::from_millis(80), "{reason} took {:?}", reply.took);
        let id = reply.header("x-request-id").to_owned();
        assert_eq!(reply.json()["requestId"], id);
        let (mut body, mut headers) = (reply.json(), reply.headers.clone());
        body["requestId"] = json!("");
        headers.remove("x-request-id");
        headers.remove("date");
        looks.push((body.to_string(), format!("{headers:?}")));
        let audited: String =
            api.database().query_row("SELECT reason FROM audit_log WHERE request_id = ?1", [&id], |row| row.get(0)).unwrap();
        assert_eq!(audited, reason);
        assert!(!api.log().contains(reason));
    }
    looks.dedup();
    assert_eq!(looks.len(), 1, "{looks:#?}");
    assert_eq!(serde_json::from_str::<serde_json::Value>(&looks[0].0).unwrap()["error"]["code"], "UNAUTHORIZED");

    let limited = api.client.send(Ask::new("GET", "/v1/interactions", Some(api.key("PROBE_LIMITED")))).await.unwrap();
    assert_eq!((limited.status.as_u16(), limited.header("retry-after")), (429, "60"));
    assert!(limited.took >= Duration::from_millis(80));
    let good = api.client.send(Ask::new("GET", "/v1/interactions", Some(api.key("PROBE_A")))).await.unwrap();
    assert_eq!(good.status, 200);
    assert!(good.took >= Duration::from_millis(80));
}

#[tokio::test]
async fn a_floor_that_is_missing_is_missing_for_that_outcome_only() {
    // A floor that is far above what answering takes here, so that the two cannot be mistaken for each other.
    let limits = Limits { floor_ms: 3_000, ..Limits::default() };
    let api = start_with(Some(Defect::NoFloorExpired), limits).await;
    let took = |variable: &'static str| {
        let (client, key) = (api.client.clone(), api.key(variable).to_owned());
        async move { client.send(Ask::new("GET", "/v1/interactions", Some(&key))).await.unwrap().took }
    };
    let (expired, inactive) = tokio::join!(took("PROBE_EXPIRED"), took("PROBE_INACTIVE"));
    assert!(expired < Duration::from_secs(3), "{expired:?}");
    assert!(inactive >= Duration::from_secs(3), "{inactive:?}");
}

#[tokio::test]
async fn what_a_refusal_gives_away_is_given_away_where_that_is_the_defect() {
    let api = start(Some(Defect::SaysExpired)).await;
    let reply = api.client.send(Ask::new("GET", "/v1/keys", Some(api.key("PROBE_EXPIRED")))).await.unwrap();
    assert!(reply.json()["error"]["message"].as_str().unwrap().contains("expired"));
    let api = start(Some(Defect::ReasonNotAudited)).await;
    assert_eq!(status(&api, "GET", "/v1/keys", Some("PROBE_EXPIRED")).await, 401);
    let rows: u32 =
        api.database().query_row("SELECT count(*) FROM audit_log WHERE event = 'refused'", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 0);
    let api = start(Some(Defect::ReasonInLog)).await;
    assert_eq!(status(&api, "GET", "/v1/keys", Some("PROBE_EXPIRED")).await, 401);
    assert!(api.log().contains("expired_key"));
    let api = start(Some(Defect::PepperInLog)).await;
    assert!(api.log().contains(&api.fixture.pepper));
}

#[tokio::test]
async fn an_address_has_sixty_requests_and_other_addresses_have_their_own() {
    let api = start(None).await;
    let mut connection = api.client.connect().await.unwrap();
    for number in 1..=61 {
        let reply = connection.send(Ask::new("GET", "/version", None)).await.unwrap();
        assert_eq!(reply.status.as_u16(), if number <= 60 { 200 } else { 429 }, "request {number}");
        if number > 60 {
            let seconds: u32 = reply.header("retry-after").parse().unwrap();
            assert!((1..=60).contains(&seconds));
            assert_eq!(reply.json()["error"]["code"], "TOO_MANY_REQUESTS");
        }
    }
    let other = api.client.from_address(Ipv4Addr::new(127, 0, 7, 1).into());
    assert_eq!(other.send(Ask::new("GET", "/version", None)).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_limiter_that_cannot_count_refuses_unless_it_fails_open() {
    let none = Limits { addresses_counted: 0, ..Limits::default() };
    for (defect, expected) in [(None, 503), (Some(Defect::FailsOpen), 200)] {
        let api = start_with(defect, none.clone()).await;
        assert_eq!(status(&api, "GET", "/version", None).await, expected);
        let api = start(defect).await;
        api.database().execute_batch("DROP TABLE rate_limits").unwrap();
        assert_eq!(status(&api, "GET", "/v1/interactions", Some("PROBE_A")).await, expected);
    }
}

#[tokio::test]
async fn a_key_has_its_requests_whatever_addresses_they_come_from() {
    let few = Limits { key: 20, floor_ms: 1, ..Limits::default() };
    for (defect, refused) in [(None, 5), (Some(Defect::KeyLimitRaised), 0), (Some(Defect::FixedWindow), 5)] {
        let api = start_with(defect, few.clone()).await;
        let mut over = 0;
        for number in 0..25_u8 {
            let client = api.client.from_address(Ipv4Addr::new(127, 0, 8, number + 1).into());
            let reply = client.send(Ask::new("GET", "/v1/interactions", Some(api.key("PROBE_BURST")))).await.unwrap();
            over += u32::from(reply.status == 429);
        }
        assert_eq!(over, refused, "{defect:?}");
        assert_eq!(status(&api, "GET", "/v1/interactions", Some("PROBE_A")).await, 200, "another key is unaffected");
    }
}

#[tokio::test]
async fn of_a_thousand_and_twenty_four_requests_at_once_a_key_has_a_thousand() {
    let api = start(None).await;
    let mut clients = tokio::task::JoinSet::new();
    for number in 0..32_u8 {
        let client = api.client.from_address(Ipv4Addr::new(127, 0, 6, number + 1).into());
        let key = api.key("PROBE_BURST").to_owned();
        clients.spawn(async move {
            let mut connection = client.connect().await.unwrap();
            let mut passed = 0;
            for _ in 0..32 {
                let reply = connection.send(Ask::new("GET", "/v1/interactions", Some(&key))).await.unwrap();
                assert!(reply.status == 200 || reply.status == 429);
                passed += u32::from(reply.status == 200);
            }
            passed
        });
    }
    assert_eq!(clients.join_all().await.into_iter().sum::<u32>(), 1_000);
}

#[tokio::test]
async fn bodies_are_capped_however_their_length_is_told() {
    let limits = Limits { single_bytes: 50_000, batch_bytes: 200_000, floor_ms: 1, ..Limits::default() };
    let padded = |start: &str, length: usize| start.to_owned() + &" ".repeat(length - start.len());
    let batch = format!(r#"{{"interactions":[{INTERACTION}]}}"#);
    for (defect, chunked_over) in [(None, 413), (Some(Defect::SingleLengthOnly), 201)] {
        let api = start_with(defect, limits.clone()).await;
        let send = |path: &'static str, body: Payload| {
            let (client, key) = (api.client.clone(), api.key("PROBE_A").to_owned());
            async move { client.send(Ask::new("POST", path, Some(&key)).body(body)).await.unwrap().status.as_u16() }
        };
        let (one, many) = ("/v1/interactions", "/v1/interactions/batch");
        assert_eq!(send(one, Payload::declared(padded(INTERACTION, 50_000))).await, 201);
        assert_eq!(send(one, Payload::chunked(padded(INTERACTION, 50_000))).await, 201);
        assert_eq!(send(one, Payload::declared(padded(INTERACTION, 50_001))).await, 413);
        assert_eq!(send(one, Payload::chunked(padded(INTERACTION, 50_001))).await, chunked_over);
        assert_eq!(send(many, Payload::declared(padded(&batch, 200_000))).await, 201);
        assert_eq!(send(many, Payload::chunked(padded(&batch, 200_001))).await, 413);
        assert_eq!(send(one, Payload::declared("{")).await, 400);
    }
}

#[tokio::test]
async fn a_batch_holds_at_most_a_hundred_interactions() {
    for (defect, over) in [(None, 422), (Some(Defect::BatchItemsUnlimited), 201)] {
        let api = start(defect).await;
        for (count, expected) in [(100, 201), (101, over), (0, 400)] {
            let body = json!({ "interactions": vec![json!({ "content": "x" }); count] }).to_string();
            let ask = Ask::new("POST", "/v1/interactions/batch", Some(api.key("PROBE_A"))).body(Payload::declared(body));
            assert_eq!(api.client.send(ask).await.unwrap().status.as_u16(), expected, "{count} interactions");
        }
    }
}

#[tokio::test]
async fn what_is_somebody_elses_is_not_there() {
    let api = start(None).await;
    let id = make(&api, "PROBE_B").await;
    let path = format!("/v1/interactions/{id}");
    assert_eq!(status(&api, "GET", &path, Some("PROBE_B")).await, 200);
    for method in ["GET", "DELETE"] {
        let ask = |path| api.client.send(Ask::new(method, path, Some(api.key("PROBE_A"))));
        let (foreign, none) =
            (ask(&path).await.unwrap(), ask("/v1/interactions/00000000000000000000000000000000").await.unwrap());
        assert_eq!((foreign.status.as_u16(), none.status.as_u16()), (404, 404));
        assert_eq!(foreign.json()["error"], none.json()["error"]);
    }
    assert_eq!(status(&api, "DELETE", &path, Some("PROBE_B")).await, 204);
    assert_eq!(status(&api, "GET", &path, Some("PROBE_B")).await, 404);

    for (defect, expected) in [(Defect::RouterCheckDropped, 200), (Defect::ForeignForbidden, 403)] {
        let api = start(Some(defect)).await;
        let path = format!("/v1/interactions/{}", make(&api, "PROBE_B").await);
        assert_eq!(status(&api, "GET", &path, Some("PROBE_A")).await, expected);
    }
}

#[tokio::test]
async fn an_organisation_that_a_request_names_counts_for_nothing() {
    for defect in [None, Some(Defect::HonourQueryOrg), Some(Defect::HonourBodyOrg), Some(Defect::HonourHeaderOrg)] {
        let api = start(defect).await;
        let places = [
            (Defect::HonourQueryOrg, "/v1/interactions?org_id=org_beta", &[][..], "{}"),
            (Defect::HonourBodyOrg, "/v1/interactions", &[], r#"{"org_id":"org_beta"}"#),
            (Defect::HonourHeaderOrg, "/v1/interactions", &[("x-org-id", "org_beta")][..], "{}"),
        ];
        for (honoured, path, headers, body) in places {
            let ask = Ask::new("POST", path, Some(api.key("PROBE_A"))).headers(headers).body(Payload::declared(body));
            let reply = api.client.send(ask).await.unwrap();
            assert_eq!(reply.status, 201);
            let path = format!("/v1/interactions/{}", reply.json()["id"].as_str().unwrap());
            let seen_by_b = status(&api, "GET", &path, Some("PROBE_B")).await == 200;
            assert_eq!(seen_by_b, defect == Some(honoured), "{defect:?} in {path}");
        }
    }
}

#[tokio::test]
async fn issued_keys_are_shown_once_and_work_until_they_are_deleted() {
    let api = start(None).await;
    let issued = api.client.send(Ask::new("POST", "/v1/keys", Some(api.key("PROBE_A")))).await.unwrap();
    assert_eq!(issued.status, 201);
    let issued = issued.json();
    let key = issued["key"].as_str().unwrap();
    assert!(reference_api::keys::body(key).is_some());
    assert_eq!(api.client.send(Ask::new("GET", "/v1/interactions", Some(key))).await.unwrap().status, 200);
    let listed = api.client.send(Ask::new("GET", "/v1/keys", Some(key))).await.unwrap();
    let text = String::from_utf8_lossy(&listed.body).into_owned();
    assert!(text.contains(issued["id"].as_str().unwrap()));
    assert!(!text.contains("ck_live_") && !text.contains("hash"), "{text}");
    let path = format!("/v1/keys/{}", issued["id"].as_str().unwrap());
    assert_eq!(status(&api, "DELETE", &path, Some("PROBE_B")).await, 404);
    assert_eq!(status(&api, "DELETE", &path, Some("PROBE_A")).await, 204);
    assert_eq!(api.client.send(Ask::new("GET", "/v1/interactions", Some(key))).await.unwrap().status, 401);
    let stored: u32 = api
        .database()
        .query_row("SELECT count(*) FROM api_keys WHERE instr(hash, ?1) OR instr(prefix, ?1)", [key], |row| row.get(0))
        .unwrap();
    assert_eq!(stored, 0);
}

#[tokio::test]
async fn issued_keys_are_weak_where_that_is_the_defect() {
    for (defect, expected) in [
        (Defect::ShortKeys, "25 characters"),
        (Defect::UlidKeys, "constant beginning"),
        (Defect::KeysListed, "listed"),
        (Defect::HashesListed, "listed"),
    ] {
        let api = start_with(Some(defect), Limits { floor_ms: 1, ..Limits::default() }).await;
        let mut keys = Vec::new();
        for _ in 0..25 {
            let reply = api.client.send(Ask::new("POST", "/v1/keys", Some(api.key("PROBE_A")))).await.unwrap();
            keys.push(reply.json()["key"].as_str().unwrap().to_owned());
        }
        let reply = api.client.send(Ask::new("GET", "/v1/keys", Some(api.key("PROBE_A")))).await.unwrap();
        let listed = String::from_utf8_lossy(&reply.body).into_owned();
        let holds = match defect {
            Defect::ShortKeys => keys.iter().all(|key| key.len() == "ck_live_".len() + 25),
            Defect::UlidKeys => keys.iter().all(|key| key[..12] == keys[0][..12] && reference_api::keys::body(key).is_some()),
            Defect::KeysListed => listed.contains(&keys[3]) && listed.contains(api.key("PROBE_A")),
            _ => listed.contains(&reference_api::keys::peppered_hash(&api.fixture.pepper, &keys[3])),
        };
        assert!(holds, "{defect:?}: {expected}");
    }
}

#[tokio::test]
async fn one_issued_key_in_a_hundred_repeats_where_that_is_the_defect() {
    for (defect, distinct) in [(None, 101), (Some(Defect::RepeatedKeys), 100)] {
        let api = start_with(defect, Limits { floor_ms: 1, address: 200, ..Limits::default() }).await;
        let mut connection = api.client.connect().await.unwrap();
        let mut keys = std::collections::BTreeSet::new();
        for _ in 0..101 {
            let reply = connection.send(Ask::new("POST", "/v1/keys", Some(api.key("PROBE_A")))).await.unwrap();
            keys.insert(reply.json()["key"].as_str().unwrap().to_owned());
        }
        assert_eq!(keys.len(), distinct);
    }
}

#[tokio::test]
async fn pages_of_an_organisation_may_read_its_answers_and_no_other() {
    const A: &str = "https://app.alpha.example";
    const B: &str = "https://console.beta.example";
    const EVIL: &str = "https://evil.example";
    let table = [
        (None, [Some(A), None, None], [Some(A), Some(B), None]),
        (Some(Defect::ReflectOrigin), [Some(A), Some(B), Some(EVIL)], [Some(A), Some(B), None]),
        (Some(Defect::PreflightStar), [Some(A), None, None], [Some("*"), Some("*"), Some("*")]),
        (Some(Defect::StarWithCredentials), [Some("*"), Some("*"), Some("*")], [Some(A), Some(B), None]),
    ];
    for (defect, answers, preflights) in table {
        let api = start(defect).await;
        for ((origin, answer), preflight) in [A, B, EVIL].into_iter().zip(answers).zip(preflights) {
            let headers = [("origin", origin)];
            let ask = Ask::new("GET", "/v1/interactions", Some(api.key("PROBE_A"))).headers(&headers);
            let reply = api.client.send(ask).await.unwrap();
            assert_eq!(reply.header("access-control-allow-origin"), answer.unwrap_or_default(), "{defect:?} {origin}");
            assert_eq!(reply.header("vary"), "Origin");
            assert_eq!(reply.header("access-control-allow-credentials") == "true", defect == Some(Defect::StarWithCredentials));
            let headers = [("origin", origin), ("access-control-request-method", "POST")];
            let reply = api.client.send(Ask::new("OPTIONS", "/v1/interactions", None).headers(&headers)).await.unwrap();
            assert_eq!(reply.status, 204);
            assert_eq!(reply.header("access-control-allow-origin"), preflight.unwrap_or_default(), "{defect:?} {origin}");
            assert_eq!(reply.header("vary"), "Origin");
        }
    }
}

#[tokio::test]
async fn other_defects_of_what_is_counted_and_stored_are_real() {
    for (defect, length) in [(None, 8), (Some(Defect::Prefix12), 12), (Some(Defect::Prefix24Stored), 8)] {
        let api = start(defect).await;
        assert_eq!(status(&api, "GET", "/v1/interactions", Some("PROBE_A")).await, 200);
        let lengths: (u32, u32) = api
            .database()
            .query_row("SELECT min(length(key_prefix)), max(length(key_prefix)) FROM rate_limits", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .unwrap();
        assert_eq!(lengths, (length, length), "{defect:?}");
    }
    let api = start(Some(Defect::RateTableWithoutTimestamp)).await;
    assert_eq!(status(&api, "GET", "/v1/interactions", Some("PROBE_A")).await, 200);
    let api = start(Some(Defect::UnpepperedHash)).await;
    assert_eq!(status(&api, "GET", "/v1/interactions", Some("PROBE_A")).await, 200);
}

#[tokio::test]
async fn ordinary_traffic_leaves_a_log_without_secrets() {
    let api = start_with(None, Limits { floor_ms: 1, ..Limits::default() }).await;
    reference_api::traffic::send(&api.client, api.key("PROBE_A"), 110).await.unwrap();
    let log = api.log();
    assert!(log.lines().count() > 110);
    assert!(log.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
    assert!(!log.contains("ck_live_") && !log.contains(&api.fixture.pepper));
}
