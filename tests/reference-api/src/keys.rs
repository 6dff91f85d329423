//! API keys: `ck_live_` and 26 characters of Crockford base32, kept only as a peppered SHA-256.

use sha2::{Digest as _, Sha256};

/// What every live key begins with; it tells keys of the product from other text and identifies no key.
pub const TAG: &str = "ck_live_";

/// Crockford's base32: no I, L, O, U (<https://www.crockford.com/base32.html>).
pub const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The characters after the tag: 26 × 5 bits = 130 bits.
pub const CHARACTERS: usize = 26;

/// How many of them are stored in clear, to find the key and to count its requests.
pub const PREFIX: usize = 8;

/// The key of these random bytes; 130 of the 136 bits are used, none twice.
pub fn from_random(bytes: &[u8; 17]) -> String {
    format!("{TAG}{}", base32(bytes, CHARACTERS))
}

/// The key with the symbols of an alphabet that leaves out I, L and O, and ends with Y.
pub fn with_u(key: &str) -> String {
    let Some(body) = key.strip_prefix(TAG) else { return key.to_owned() };
    let shifted = |symbol: char| match symbol {
        'V' => 'U',
        'W' => 'V',
        'X' => 'W',
        'Y' => 'X',
        'Z' => 'Y',
        other => other,
    };
    format!("{TAG}{}", body.chars().map(shifted).collect::<String>())
}

/// The first `characters` × 5 bits of these bytes in Crockford base32, as far as they reach.
pub fn base32(bytes: &[u8], characters: usize) -> String {
    let mut text = String::with_capacity(characters);
    let (mut held, mut bits) = (0_u32, 0_u32);
    for byte in bytes {
        if text.len() >= characters {
            break;
        }
        held = (held << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 && text.len() < characters {
            bits -= 5;
            text.push(symbol((held >> bits) & 31));
        }
        held &= (1 << bits) - 1;
    }
    text
}

/// The symbol of a value from 0 to 31.
fn symbol(value: u32) -> char {
    ALPHABET.get(value as usize).map_or('0', |byte| char::from(*byte))
}

/// The characters after the tag, when the text has the form of a live key.
pub fn body(key: &str) -> Option<&str> {
    key.strip_prefix(TAG).filter(|body| body.len() == CHARACTERS && body.bytes().all(|byte| ALPHABET.contains(&byte)))
}

/// The first `length` characters after the tag: what is stored in clear.
pub fn prefix(key: &str, length: usize) -> Option<&str> {
    key.strip_prefix(TAG)?.get(..length)
}

/// SHA-256 over the pepper and then the key, in hexadecimal: what is stored of a key.
pub fn peppered_hash(pepper: &str, key: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(pepper.as_bytes());
    hash.update(key.as_bytes());
    hex::encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_26_characters_of_the_alphabet() {
        for byte in [0, 1, 0x5a, 0xff] {
            let key = from_random(&[byte; 17]);
            assert_eq!(body(&key).map(str::len), Some(26), "{key}");
        }
        assert_eq!(from_random(&[0xff; 17]), "ck_live_ZZZZZZZZZZZZZZZZZZZZZZZZZZ");
    }

    #[test]
    fn every_bit_of_the_130_counts() {
        let mut seen = std::collections::BTreeSet::new();
        for bit in 0..136 {
            let mut bytes = [0_u8; 17];
            bytes[bit / 8] |= 0x80 >> (bit % 8);
            seen.insert(from_random(&bytes));
        }
        assert_eq!(base32(&[0xff; 17], 3), "ZZZ");
        // 130 single bits give 130 keys, and the six bits left over all give the key of zeros.
        assert_eq!(seen.len(), 131);
    }

    #[test]
    fn what_is_not_a_key_is_told_from_one() {
        assert_eq!(body("ck_live_0123456789ABCDEFGHJKMNPQR"), None);
        assert_eq!(body("ck_live_I123456789ABCDEFGHJKMNPQRS"), None);
        assert_eq!(body("ck_test_0123456789ABCDEFGHJKMNPQRS"), None);
        assert!(body("ck_live_0123456789ABCDEFGHJKMNPQRS").is_some());
    }

    #[test]
    fn the_pepper_changes_the_hash() {
        let key = from_random(&[7; 17]);
        assert_ne!(peppered_hash("one", &key), peppered_hash("two", &key));
        assert_ne!(peppered_hash("one", &key), peppered_hash("", &key));
    }
}
