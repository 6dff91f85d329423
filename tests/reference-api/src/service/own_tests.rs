//! The product's own tests, as the pipeline of a release runs them: against the code that serves, with the defect that is in it.

use std::{net::IpAddr, sync::Arc, time::Instant};

use rusqlite::Connection;

use super::{
    Limits,
    answer::{Refusal, TOO_MANY_REQUESTS, UNAUTHORIZED, UNAVAILABLE},
    authentication::{Counting, count},
    limits::{AddressLimiter, Admission},
};
use crate::{database, defect::Chosen, keys};

/// A test, and what it expected in vain.
pub(crate) type Ran = (&'static str, Result<(), String>);

/// A test by its name, before it is run.
type Test<'a> = (&'static str, Box<dyn Fn() -> anyhow::Result<Result<(), String>> + 'a>);

/// Runs those whose names hold a text; without one all of them.
///
/// # Errors
/// When there is no database to run them on.
pub(crate) fn run(chosen: Chosen, named: Option<&str>) -> anyhow::Result<Vec<Ran>> {
    let limits = Limits::default().with(chosen);
    let tests: [Test<'_>; 7] = [
        ("a key has 26 characters of the alphabet", Box::new(|| Ok(key_characters()))),
        ("the prefix is taken after the tag", Box::new(|| Ok(prefix_after_tag()))),
        ("a refusal tells no cause", Box::new(|| Ok(refusals_tell_no_cause()))),
        ("rate limiter error is refused (fails closed)", Box::new(|| fails_closed(chosen, &limits))),
        (
            "an address without room to count it is refused (fails closed)",
            Box::new(|| full_limiter_fails_closed(chosen, &limits)),
        ),
        ("a key may send 1,000 requests in 60 seconds and no more", Box::new(|| key_limit(chosen, &limits))),
        ("sliding window refuses a double burst", Box::new(|| double_burst(chosen, &limits))),
    ];
    let chosen = tests.iter().filter(|(name, _)| named.is_none_or(|named| name.contains(named)));
    chosen.map(|(name, test)| Ok((*name, test()?))).collect()
}

fn expect<T: PartialEq + std::fmt::Debug>(got: &T, expected: &T) -> Result<(), String> {
    if got == expected { Ok(()) } else { Err(format!("expected {expected:?}, got {got:?}")) }
}

fn key_characters() -> Result<(), String> {
    let key = keys::from_random(&[0x5a; 17]);
    expect(&keys::body(&key).map(str::len), &Some(keys::CHARACTERS))
}

fn prefix_after_tag() -> Result<(), String> {
    expect(&keys::prefix("ck_live_0123456789ABCDEFGHJKMNPQRS", keys::PREFIX), &Some("01234567"))
}

fn refusals_tell_no_cause() -> Result<(), String> {
    let told = |refusal: &Refusal| {
        ["expired", "inactive", "revoked", "hash", "prefix"].iter().any(|word| refusal.message.contains(word))
    };
    expect(&[UNAUTHORIZED, TOO_MANY_REQUESTS, UNAVAILABLE].iter().any(told), &false)
}

/// A table of counters that is not there is a limiter that cannot count.
fn fails_closed(chosen: Chosen, limits: &Limits) -> anyhow::Result<Result<(), String>> {
    let without = Connection::open_in_memory()?;
    let admitted = admitted(&without, chosen, limits, [0]);
    Ok(expect(&admitted.is_ok(), &false))
}

/// A limiter that counts as many addresses as it may cannot count another.
fn full_limiter_fails_closed(chosen: Chosen, limits: &Limits) -> anyhow::Result<Result<(), String>> {
    let limiter = AddressLimiter::of(&Limits { addresses_counted: 1, ..limits.clone() }, chosen);
    let now = Instant::now();
    let admitted = [1, 2].map(|last| limiter.admit(IpAddr::from([127, 0, 0, last]), now) == Ok(Admission::Admitted));
    Ok(expect(&admitted, &[true, false]))
}

fn key_limit(chosen: Chosen, limits: &Limits) -> anyhow::Result<Result<(), String>> {
    let admitted = admitted(&tables(chosen)?, chosen, limits, (0..1_100).map(|number| number * 50))?;
    Ok(expect(&admitted, &1_000))
}

/// As many requests as are allowed at the end of a minute, and again at the beginning of the next.
fn double_burst(chosen: Chosen, limits: &Limits) -> anyhow::Result<Result<(), String>> {
    let limits = Limits { key: 50, ..limits.clone() };
    let bursts = std::iter::once(0).chain(std::iter::repeat_n(59_000, 49)).chain(std::iter::repeat_n(61_000, 50));
    // The request at the beginning has left the window by then, and no other.
    Ok(expect(&admitted(&tables(chosen)?, chosen, &limits, bursts)?, &51))
}

fn tables(chosen: Chosen) -> anyhow::Result<Connection> {
    let connection = Connection::open_in_memory()?;
    database::create_tables(&connection, chosen)?;
    Ok(connection)
}

/// How many requests of one key are admitted that come at these milliseconds.
fn admitted(
    connection: &Connection,
    chosen: Chosen,
    limits: &Limits,
    times: impl IntoIterator<Item = i64>,
) -> rusqlite::Result<usize> {
    let (windows, key) = (Arc::default(), keys::from_random(&[7; 17]));
    let mut admitted = 0;
    for now_ms in times {
        let counting = Counting::new(chosen, &windows, limits.key_window, now_ms);
        let admission = count(connection, &counting, "tested", limits.key, &key)?;
        admitted += usize::from(admission == Admission::Admitted);
    }
    Ok(admitted)
}
