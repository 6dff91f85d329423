//! What is the same every time from one seed: the keys of the principals, the pepper, the people.

use std::fmt::Write as _;

use ed25519_dalek::SigningKey;
use sha2::{Digest as _, Sha256};

use crate::keys;

/// Bytes that follow from a seed and a label: SHA-256 of seed, label and a counter. For fixtures, never for the service.
pub struct Stream {
    start: Sha256,
    counter: u64,
}

impl Stream {
    /// The stream of this seed and label.
    pub fn new(seed: u64, label: &str) -> Self {
        let mut start = Sha256::new();
        start.update(b"reference-api fixture\0");
        start.update(seed.to_be_bytes());
        start.update(label.as_bytes());
        start.update([0]);
        Self { start, counter: 0 }
    }

    /// The next 32 bytes.
    pub fn block(&mut self) -> [u8; 32] {
        let mut hash = self.start.clone();
        hash.update(self.counter.to_be_bytes());
        self.counter += 1;
        hash.finalize().into()
    }

    /// So many bytes.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(count.next_multiple_of(32));
        while bytes.len() < count {
            bytes.extend(self.block());
        }
        bytes.truncate(count);
        bytes
    }

    /// A number below `bound`; 0 for a bound of 0. The bias is below one in 2^32 for the bounds used here.
    pub fn below(&mut self, bound: u64) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.block();
        u64::from_be_bytes([a, b, c, d, e, f, g, h]).checked_rem(bound).unwrap_or(0)
    }

    /// A live key.
    pub fn key(&mut self) -> String {
        let mut bytes = [0; 17];
        bytes.iter_mut().zip(self.block()).for_each(|(to, from)| *to = from);
        keys::from_random(&bytes)
    }
}

/// The organisation of principal A.
pub const ORG_A: &str = "org_alpha";
/// The organisation of principal B.
pub const ORG_B: &str = "org_beta";
/// The organisation that the burst is made for.
pub const ORG_LOAD: &str = "org_gamma";
/// Whom an event belongs to that no key could be found for.
pub const ORG_NONE: &str = "unattributed";

/// An organisation with the origins that its browser clients may come from.
pub struct Org {
    /// The id.
    pub id: &'static str,
    /// The name.
    pub name: &'static str,
    /// Its origins.
    pub allowed_origins: &'static [&'static str],
}

/// The organisations.
pub const ORGS: [Org; 3] = [
    Org { id: ORG_A, name: "Alpha", allowed_origins: &["https://app.alpha.example"] },
    Org { id: ORG_B, name: "Beta", allowed_origins: &["https://console.beta.example"] },
    Org { id: ORG_LOAD, name: "Gamma", allowed_origins: &[] },
];

/// The origins that a preflight may name: every organisation's, and the product's own.
pub const PREFLIGHT_ORIGINS: [&str; 3] =
    ["https://app.alpha.example", "https://console.beta.example", "https://dashboard.ck.example"];

/// A key with what is known of it.
pub struct FixtureKey {
    /// The environment variable that holds it, `PROBE_A`.
    pub variable: &'static str,
    /// The key.
    pub key: String,
    /// What is stored of it; none: it is known to nobody.
    pub stored: Option<Stored>,
}

/// How a fixture key is stored.
#[derive(Clone, Copy)]
pub struct Stored {
    /// Its organisation.
    pub org: &'static str,
    /// Whether it is active.
    pub active: bool,
    /// When it expires, in seconds from the seeding; none: never.
    pub expires_in: Option<i64>,
    /// Its own limit of requests in a window; none: the service's.
    pub rate_limit: Option<u32>,
}

/// The keys and the pepper of a seed.
pub struct Fixture {
    /// The pepper: 64 hexadecimal digits.
    pub pepper: String,
    /// The keys of the principals.
    pub keys: Vec<FixtureKey>,
}

impl Fixture {
    /// The fixture of this seed.
    pub fn of(seed: u64) -> Self {
        let pepper = hex::encode(Stream::new(seed, "pepper").block());
        let key = |label: &str| Stream::new(seed, label).key();
        let usual = Stored { org: ORG_A, active: true, expires_in: None, rate_limit: None };
        let stored = |variable, label: &str, stored| FixtureKey { variable, key: key(label), stored: Some(stored) };
        let a = key("a");
        // The prefix of A's key with another rest: found, and then refused.
        let rest = key("wrong");
        let split = keys::TAG.len() + keys::PREFIX;
        let wrong = a.get(..split).unwrap_or_default().to_owned() + rest.get(split..).unwrap_or_default();
        let keys = vec![
            FixtureKey { variable: "PROBE_A", key: a.clone(), stored: Some(usual) },
            stored("PROBE_B", "b", Stored { org: ORG_B, ..usual }),
            stored("PROBE_BURST", "burst", Stored { org: ORG_LOAD, ..usual }),
            stored("PROBE_QUOTA", "quota", Stored { org: ORG_LOAD, ..usual }),
            stored("PROBE_WINDOW", "window", Stored { org: ORG_LOAD, ..usual }),
            stored("PROBE_LIMITED", "limited", Stored { rate_limit: Some(0), ..usual }),
            stored("PROBE_INACTIVE", "inactive", Stored { active: false, ..usual }),
            stored("PROBE_EXPIRED", "expired", Stored { expires_in: Some(-86_400), ..usual }),
            FixtureKey { variable: "PROBE_WRONG", key: wrong, stored: None },
            FixtureKey { variable: "PROBE_UNKNOWN", key: key("unknown"), stored: None },
            FixtureKey { variable: "PROBE_MALFORMED", key: a.get(..20).unwrap_or_default().to_owned(), stored: None },
        ];
        Self { pepper, keys }
    }

    /// The key in this variable; the empty text when there is none.
    pub fn key(&self, variable: &str) -> &str {
        self.keys.iter().find(|key| key.variable == variable).map_or("", |key| &key.key)
    }

    /// Lines for a shell: `export PROBE_A='…'`, a line a secret.
    pub fn shell(&self) -> String {
        let mut text = String::new();
        let pairs = self.keys.iter().map(|key| (key.variable, key.key.as_str())).chain([("PEPPER", self.pepper.as_str())]);
        for (name, value) in pairs {
            // Keys and pepper hold letters, digits and `_` only; writing to a String cannot fail.
            let _ = writeln!(text, "export {name}='{value}'");
        }
        text
    }
}

/// The signing key of a person of this seed.
pub fn person(seed: u64, name: &str) -> SigningKey {
    SigningKey::from_bytes(&Stream::new(seed, &format!("person {name}")).block())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_always_gives_the_same_and_another_seed_something_else() {
        assert_eq!(Fixture::of(1).shell(), Fixture::of(1).shell());
        assert_ne!(Fixture::of(1).shell(), Fixture::of(2).shell());
    }

    #[test]
    fn the_wrong_key_is_well_formed_and_shares_only_the_prefix() {
        let fixture = Fixture::of(3);
        let (a, wrong) = (fixture.key("PROBE_A"), fixture.key("PROBE_WRONG"));
        assert!(keys::body(wrong).is_some());
        assert_eq!(keys::prefix(a, 8), keys::prefix(wrong, 8));
        assert_ne!(keys::prefix(a, 12), keys::prefix(wrong, 12));
        assert!(keys::body(fixture.key("PROBE_MALFORMED")).is_none());
    }
}
