//! Canonical JSON: RFC 8785 (JCS), restricted to values without floats.
//!
//! Two readers of the same value write the same bytes, so a digest of them identifies the value.

use serde::{Serialize, de::DeserializeOwned};

use crate::{Digest, Json};

/// Why bytes are not canonical JSON of the expected type, or a value has no canonical form.
#[derive(Debug, thiserror::Error)]
pub enum CanonicalError {
    /// The bytes are not JSON, hold a float, a too large integer or a duplicate key, or lack the type's shape.
    #[error("not the JSON that was expected")]
    Shape(#[from] serde_json::Error),
    /// The bytes are the right JSON in another spelling.
    #[error("the JSON is not in its canonical form (RFC 8785)")]
    Spelling,
}

/// The canonical bytes of a value (RFC 8785 section 3.2): keys sorted by UTF-16 code units, no white space.
///
/// # Errors
/// When the value holds a float, an integer beyond ±(2^53 − 1) or a map key that is not a string.
pub fn to_bytes<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, CanonicalError> {
    let json = Json::from_value(value)?;
    let mut bytes = Vec::with_capacity(256);
    write(&json, &mut bytes);
    Ok(bytes)
}

/// The digest of a value's canonical bytes.
///
/// # Errors
/// As [`to_bytes`].
pub fn digest<T: Serialize + ?Sized>(value: &T) -> Result<Digest, CanonicalError> {
    Ok(Digest::of(&to_bytes(value)?))
}

/// Reads canonical bytes strictly: other spellings of the same value are refused.
///
/// # Errors
/// When the bytes are not JSON of that type, or not in canonical form.
pub fn from_bytes<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CanonicalError> {
    let json: Json = serde_json::from_slice(bytes)?;
    let mut again = Vec::with_capacity(bytes.len());
    write(&json, &mut again);
    if again != bytes {
        return Err(CanonicalError::Spelling);
    }
    Ok(json.to()?)
}

fn write(json: &Json, out: &mut Vec<u8>) {
    match json {
        Json::Null => out.extend(b"null"),
        Json::Bool(true) => out.extend(b"true"),
        Json::Bool(false) => out.extend(b"false"),
        Json::Integer(number) => out.extend(number.to_string().as_bytes()),
        Json::Text(text) => write_text(text, out),
        Json::List(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write(item, out);
            }
            out.push(b']');
        }
        Json::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            // UTF-8 order and UTF-16 order differ only beyond U+FFFF, but they do differ.
            sorted.sort_by(|(left, _), (right, _)| left.encode_utf16().cmp(right.encode_utf16()));
            out.push(b'{');
            for (index, (key, value)) in sorted.into_iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_text(key, out);
                out.push(b':');
                write(value, out);
            }
            out.push(b'}');
        }
    }
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for character in text.chars() {
        match character {
            '"' => out.extend(b"\\\""),
            '\\' => out.extend(b"\\\\"),
            '\u{8}' => out.extend(b"\\b"),
            '\t' => out.extend(b"\\t"),
            '\n' => out.extend(b"\\n"),
            '\u{c}' => out.extend(b"\\f"),
            '\r' => out.extend(b"\\r"),
            control if control < ' ' => out.extend(format!("\\u{:04x}", u32::from(control)).as_bytes()),
            other => out.extend(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<Json, CanonicalError> {
        Ok(serde_json::from_str(text)?)
    }

    #[test]
    fn keys_are_sorted_by_utf16_code_units() {
        let json = parse(r#"{"\ufb33":1,"\ud83d\ude00":2,"a":3,"\r":4}"#).unwrap();
        assert_eq!(String::from_utf8(to_bytes(&json).unwrap()).unwrap(), "{\"\\r\":4,\"a\":3,\"😀\":2,\"\u{fb33}\":1}");
    }

    #[test]
    fn a_duplicate_key_is_refused() {
        assert!(parse(r#"{"a":1,"a":1}"#).unwrap_err().to_string().contains("not the JSON"));
        assert!(parse(r#"{"a":{"b":1,"\u0062":2}}"#).is_err());
    }

    #[test]
    fn floats_and_large_integers_are_refused() {
        for text in ["1.0", "1e3", "9007199254740992", "-9007199254740992", "18446744073709551615", "-0.0"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse("9007199254740991").is_ok());
        assert!(to_bytes(&u64::MAX).is_err());
        assert!(to_bytes(&0.5f64).is_err());
    }

    #[test]
    fn another_spelling_is_not_canonical() {
        assert!(from_bytes::<Json>(b"{\"a\":1}").is_ok());
        for text in ["{ \"a\":1}", "{\"b\":1,\"a\":2}", "{\"a\":\"\\u0061\"}", "[1,]", "-0", "\u{feff}1"] {
            assert!(from_bytes::<Json>(text.as_bytes()).is_err(), "{text}");
        }
    }

    fn any_json() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::Bool),
            (-crate::json::INTEGER_MAX..=crate::json::INTEGER_MAX).prop_map(Json::Integer),
            any::<String>().prop_map(Json::Text),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Json::List),
                prop::collection::btree_map(any::<String>(), inner, 0..6).prop_map(Json::Object),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_and_agrees_with_the_reference_writer(json in any_json()) {
            let bytes = to_bytes(&json).unwrap();
            prop_assert_eq!(&from_bytes::<Json>(&bytes).unwrap(), &json);
            let oracle = serde_json_canonicalizer::to_vec(&json).unwrap();
            prop_assert_eq!(bytes, oracle);
        }
    }
}
