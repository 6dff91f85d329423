//! Digests under a key: the same secret is recognised again, and nobody without the key can guess it from its digest.

use std::{fmt, str::FromStr};

use avouch_model::Digest;

/// The block of SHA-256, in bytes.
const BLOCK: usize = 64;
/// A text from the environment has at least this many bytes, so that it cannot be guessed.
const TEXT_BYTES_MIN: usize = 16;

/// The key of the digests. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; 32]);

/// The text cannot be a key.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key has at least {TEXT_BYTES_MIN} bytes; 64 random hexadecimal digits are a good one")]
pub struct NotAKey;

impl Key {
    /// A key of these random bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The key that a text stands for, white space at its ends aside.
    ///
    /// # Errors
    /// When it has fewer than 16 bytes.
    pub fn from_text(text: &str) -> Result<Self, NotAKey> {
        let text = text.trim();
        if text.len() < TEXT_BYTES_MIN {
            return Err(NotAKey);
        }
        Ok(Self(*Digest::of_parts(&[b"avouch scan key v1\n", text.as_bytes()]).as_bytes()))
    }

    /// The digest of these bytes under this key: HMAC-SHA256 (RFC 2104, section 2).
    pub fn digest(&self, message: &[u8]) -> KeyedDigest {
        let (mut inner, mut outer) = ([0x36_u8; BLOCK], [0x5c_u8; BLOCK]);
        for (at, byte) in self.0.iter().enumerate() {
            if let (Some(inner), Some(outer)) = (inner.get_mut(at), outer.get_mut(at)) {
                *inner ^= byte;
                *outer ^= byte;
            }
        }
        let within = Digest::of_parts(&[&inner, message]);
        KeyedDigest(*Digest::of_parts(&[&outer, within.as_bytes()]).as_bytes())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Key(…)")
    }
}

/// HMAC-SHA256 of a secret, written `hmac-sha256:` and 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyedDigest([u8; 32]);

impl fmt::Display for KeyedDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "hmac-sha256:{}", hex::encode(self.0))
    }
}

impl fmt::Debug for KeyedDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for KeyedDigest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("`{text}` is not a keyed digest (expected `hmac-sha256:` and 64 lower-case hexadecimal digits)");
        let digits = text.strip_prefix("hmac-sha256:").ok_or_else(wrong)?;
        Digest::from_hex(digits).map(|digest| Self(*digest.as_bytes())).map_err(|_| wrong())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_hmac_sha256() {
        // RFC 4231, section 4.2: the key is twenty bytes 0x0b, which HMAC fills up with zeros.
        let mut bytes = [0; 32];
        bytes[..20].fill(0x0b);
        let digest = Key(bytes).digest(b"Hi There").to_string();
        assert_eq!(digest, "hmac-sha256:b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
        assert_eq!(digest.parse::<KeyedDigest>().unwrap().to_string(), digest);
    }

    #[test]
    fn a_short_key_is_none_and_no_key_is_shown() {
        assert_eq!(Key::from_text("  short  "), Err(NotAKey));
        let key = Key::from_text("0123456789abcdef0123").unwrap();
        assert_eq!(key, Key::from_text("0123456789abcdef0123\n").unwrap());
        assert_eq!(format!("{key:?}"), "Key(…)");
        assert!("sha256:00".parse::<KeyedDigest>().is_err());
    }
}
