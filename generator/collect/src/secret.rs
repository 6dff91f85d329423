//! Secrets that must not be found: looked for in the spellings that programs write them in, never shown.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use regex::bytes::{Regex, RegexBuilder};
use sha2::{Digest as _, Sha256};

use crate::{Unasked, World};

/// Shorter secrets match by chance.
const BYTES_MIN: usize = 8;

/// The value of a secret's environment variable.
pub(crate) fn value(world: &World<'_>, name: &str) -> Result<String, Unasked> {
    (world.environment)(name)
        .filter(|value| !value.is_empty())
        .ok_or_else(|| Unasked(format!("the environment variable `{name}` is not set")))
}

/// What a secret that is itself an encoding must encode at least, for that to be looked for as well.
const ENCODED_MIN: usize = 16;

/// The spellings of a secret: as it is, as hexadecimal digits of either case, as base64 of either alphabet wherever in the
/// encoded bytes it begins. Of a secret that is itself written in hexadecimal digits or base64, also of what it encodes.
#[derive(Clone, Debug)]
pub(crate) struct Needle(Regex);

impl Needle {
    /// Of this secret, which was read from the variable `name`.
    pub(crate) fn of(name: &str, secret: &str) -> Result<Self, Unasked> {
        if secret.len() < BYTES_MIN {
            return Err(Unasked(format!(
                "the secret in `{name}` has fewer than {BYTES_MIN} bytes, and would be found by chance"
            )));
        }
        let mut spellings = vec![
            regex::escape(secret),
            // JSON writes quotes, backslashes and controls of a secret with a backslash.
            regex::escape(serde_json::to_string(secret).unwrap_or_default().trim_matches('"')),
        ];
        spellings.extend(encodings(secret.as_bytes()));
        for encoded in decoded(secret).filter(|bytes| bytes.len() >= ENCODED_MIN) {
            spellings.push(bytes_as_they_are(&encoded));
            spellings.extend(encodings(&encoded));
        }
        Self::matching(&spellings.join("|")).map_err(|_| Unasked(format!("the secret in `{name}` is too long to look for")))
    }

    /// Of these bytes: as they are, in hexadecimal digits, in base64.
    pub(crate) fn of_bytes(bytes: &[u8]) -> Result<Self, Unasked> {
        let mut spellings = vec![bytes_as_they_are(bytes)];
        spellings.extend(encodings(bytes));
        Self::matching(&spellings.join("|"))
    }

    /// A value that must be found, as it is: the positive control of a search.
    pub(crate) fn exactly(value: &str) -> Result<Self, Unasked> {
        Self::matching(&regex::escape(value))
    }

    /// What matches a regular expression of texts.
    pub(crate) fn matching(pattern: &str) -> Result<Self, Unasked> {
        RegexBuilder::new(pattern)
            .size_limit(16 << 20)
            .build()
            .map(Self)
            .map_err(|_| Unasked("what is looked for is too long".to_owned()))
    }

    /// Whether any spelling is in these bytes.
    pub(crate) fn is_in(&self, bytes: &[u8]) -> bool {
        self.0.is_match(bytes)
    }
}

/// How programs write bytes in texts: hexadecimal digits of either case, and base64 of either alphabet. Other
/// bytes may stand before and after them, so only the characters that are theirs alone are looked for (RFC 4648 section 4).
fn encodings(bytes: &[u8]) -> Vec<String> {
    let mut spellings = vec![format!("(?i:{})", hex::encode(bytes))];
    for before in 0..3 {
        let shifted = [&vec![0; before], bytes].concat();
        for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            let text = engine.encode(&shifted);
            let first = (before * 8).div_ceil(6);
            let last = shifted.len() * 8 / 6;
            spellings.extend(text.get(first..last).map(regex::escape));
        }
    }
    spellings
}

/// What a text encodes, where it is hexadecimal digits or base64 throughout.
fn decoded(secret: &str) -> impl Iterator<Item = Vec<u8>> {
    let unpadded = secret.trim_end_matches('=');
    let read = [hex::decode(secret).ok(), STANDARD_NO_PAD.decode(unpadded).ok(), URL_SAFE_NO_PAD.decode(unpadded).ok()];
    read.into_iter().flatten()
}

/// A regular expression of exactly these bytes.
fn bytes_as_they_are(bytes: &[u8]) -> String {
    let escaped: String = bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect();
    format!("(?-u:{escaped})")
}

/// The credential of a principal: its header's value with the environment filled in, without a scheme such as `Bearer`.
pub(crate) fn credential(world: &World<'_>, target: &str, principal: &str) -> Result<String, Unasked> {
    let described = world
        .configuration
        .targets
        .get(target)
        .and_then(|target| target.principals.get(principal))
        .ok_or_else(|| Unasked(format!("no principal is configured as `targets.{target}.principals.{principal}`")))?;
    let filled = fill(world, &described.value)?;
    let token = filled.split_once(' ').map_or(filled.as_str(), |(_, token)| token.trim());
    if token.is_empty() {
        return Err(Unasked(format!("the credential of `targets.{target}.principals.{principal}` is empty")));
    }
    Ok(token.to_owned())
}

/// The lower-case hexadecimal SHA-256 of a text.
pub(crate) fn sha256_hex(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

/// A text with every `${NAME}` replaced by the environment's value.
fn fill(world: &World<'_>, text: &str) -> Result<String, Unasked> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, tail) = after.split_once('}').ok_or_else(|| Unasked("a `${` in a principal's value has no `}`".to_owned()))?;
        filled.push_str(before);
        filled.push_str(&value(world, name)?);
        rest = tail;
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;

    #[test]
    fn a_secret_is_found_in_every_spelling_and_not_in_others() {
        let needle = Needle::of("PEPPER", "p3pp\"er-secret!!").unwrap();
        for text in [
            "x p3pp\"er-secret!! y",
            r#"{"a":"p3pp\"er-secret!!"}"#,
            "7033707022657Z 703370702265722d7365637265742121",
            "703370702265722D7365637265742121",
            "cDNwcCJlci1zZWNyZXQhIQ==",
        ] {
            assert!(needle.is_in(text.as_bytes()), "{text}");
        }
        assert!(!needle.is_in(b"p3pp\"er-secret!"));
        assert!(Needle::of("PEPPER", "short").is_err());
    }

    #[test]
    fn base64_is_found_wherever_in_the_encoded_bytes_the_secret_begins() {
        let needle = Needle::of("CANARY", "correct-horse-battery").unwrap();
        for (before, after) in [("", ""), ("{", "}"), ("{\"", "\"}"), ("abc", "d"), ("abcd", "ef")] {
            let text = format!("{before}correct-horse-battery{after}");
            assert!(needle.is_in(STANDARD_NO_PAD.encode(&text).as_bytes()), "{text}");
        }
        assert!(!needle.is_in(STANDARD_NO_PAD.encode("correct-house-battery").as_bytes()));
    }

    #[test]
    fn what_an_encoded_secret_stands_for_is_looked_for_as_well() {
        let key: Vec<u8> = (100..132).collect();
        for secret in [hex::encode(&key), STANDARD_NO_PAD.encode(&key), format!("{}=", STANDARD_NO_PAD.encode(&key))] {
            let needle = Needle::of("KEY", &secret).unwrap();
            assert!(needle.is_in(&[&[0xff], key.as_slice(), &[0xfe]].concat()), "{secret}");
            assert!(needle.is_in(hex::encode(&key).as_bytes()) && needle.is_in(URL_SAFE_NO_PAD.encode(&key).as_bytes()));
            assert!(!needle.is_in(&(99..131).collect::<Vec<u8>>()));
        }
    }

    #[test]
    fn what_is_not_set_is_named_and_what_is_set_is_not_shown() {
        let mut scene = Scene::default();
        scene.environment.insert("A".into(), "s3cret".into());
        scene.with(|world| {
            assert_eq!(fill(world, "Bearer ${A}.${A}").unwrap(), "Bearer s3cret.s3cret");
            let error = fill(world, "Bearer ${A} ${B}").unwrap_err().to_string();
            assert!(error.contains("`B`") && !error.contains("s3cret"), "{error}");
            assert!(fill(world, "${A").is_err());
        });
    }
}
