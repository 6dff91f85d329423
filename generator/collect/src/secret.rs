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

/// The spellings of a secret: as it is, as hexadecimal digits of either case, as base64 of either alphabet.
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
        let bytes = secret.as_bytes();
        let hex = hex::encode(bytes);
        let spellings = [
            regex::escape(secret),
            // JSON writes quotes, backslashes and controls of a secret with a backslash.
            regex::escape(serde_json::to_string(secret).unwrap_or_default().trim_matches('"')),
            format!("(?i:{hex})"),
            regex::escape(&STANDARD_NO_PAD.encode(bytes)),
            regex::escape(&URL_SAFE_NO_PAD.encode(bytes)),
        ];
        Self::matching(&spellings.join("|")).map_err(|_| Unasked(format!("the secret in `{name}` is too long to look for")))
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
