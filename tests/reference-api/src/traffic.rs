//! Ordinary traffic: what leaves a log and an audit log behind before anybody looks.

use std::net::{IpAddr, Ipv4Addr};

use anyhow::{Context as _, ensure};
use tokio::task::JoinSet;

use crate::{
    client::{Ask, Client, Payload},
    keys,
};

/// The most requests from one address, well below its limit.
const PER_ADDRESS: u32 = 40;

/// Sends this many requests from addresses 127.0.9.1 onward: most succeed, some are refused.
///
/// # Errors
/// When a request gets no answer, or one that the service never gives.
pub async fn send(client: &Client, key: &str, requests: u32) -> anyhow::Result<()> {
    ensure!(keys::body(key).is_some(), "the key in PROBE_A is not one; source the env file that `seed` wrote");
    let unknown = keys::from_random(&[0; 17]);
    let mut groups = JoinSet::new();
    for group in 0..requests.div_ceil(PER_ADDRESS) {
        let source = IpAddr::V4(Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 0, 9, 1)) + group));
        let (client, key, unknown) = (client.from_address(source), key.to_owned(), unknown.clone());
        let numbers = group * PER_ADDRESS..requests.min((group + 1) * PER_ADDRESS);
        groups.spawn(async move {
            for number in numbers {
                send_one(&client, &key, &unknown, number).await?;
            }
            Ok(())
        });
    }
    groups.join_all().await.into_iter().collect()
}

async fn send_one(client: &Client, key: &str, unknown: &str, number: u32) -> anyhow::Result<()> {
    let (ask, expected) = match number % 5 {
        0 => {
            let body = Payload::declared(r#"{"channel":"chat","content":"Good morning"}"#);
            (Ask::new("POST", "/v1/interactions", Some(key)).body(body), 201)
        }
        1 => (Ask::new("GET", "/version", None), 200),
        2 => (Ask::new("GET", "/v1/interactions/none", Some(key)), 404),
        3 if number.is_multiple_of(2) => (Ask::new("GET", "/v1/interactions", Some(unknown)), 401),
        _ => (Ask::new("GET", "/v1/interactions", Some(key)), 200),
    };
    let path = format!("{} {}", ask.method, ask.path);
    let reply = client.send(ask).await.with_context(|| format!("`{path}` was not answered"))?;
    ensure!(reply.status.as_u16() == expected, "`{path}` answered {} instead of {expected}", reply.status);
    Ok(())
}
