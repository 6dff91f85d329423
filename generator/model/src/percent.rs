//! Percent-encoding (RFC 3986, section 2.1): the one place that writes it and undoes it.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// All but the unreserved characters (RFC 3986, section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// In package URLs the colon stays as well (ECMA-427, section 5.4).
const IN_PURL: &AsciiSet = &RESERVED.remove(b':');
/// In a path the parts stay apart.
const IN_PATH: &AsciiSet = &RESERVED.remove(b'/');
/// JavaScript's `encodeURIComponent` (ECMA-262, section 19.2.6.4).
const IN_JAVASCRIPT: &AsciiSet = &RESERVED.remove(b'!').remove(b'*').remove(b'\'').remove(b'(').remove(b')');
/// In a fragment (RFC 3986, section 3.5): sub-delimiters, `:`, `@`, `/` and `?` stay.
const IN_FRAGMENT: &AsciiSet = &IN_JAVASCRIPT
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@')
    .remove(b'/')
    .remove(b'?');

/// For a part of a path or a value of a query.
pub fn encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// For a part of a package URL.
pub fn encoded_in_purl(text: &str) -> String {
    utf8_percent_encode(text, IN_PURL).to_string()
}

/// For a path, whose `/` stay what they are.
pub fn encoded_path(text: &str) -> String {
    utf8_percent_encode(text, IN_PATH).to_string()
}

/// For the fragment of an address.
pub fn encoded_fragment(text: &str) -> String {
    utf8_percent_encode(text, IN_FRAGMENT).to_string()
}

/// As `encodeURIComponent` of JavaScript does it.
pub fn encoded_as_javascript(text: &str) -> String {
    utf8_percent_encode(text, IN_JAVASCRIPT).to_string()
}

/// A text without percent-encoding. None where a `%` is not followed by two hexadecimal digits, or what comes out is not
/// UTF-8.
pub fn decoded(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let is_escape = |at: usize| bytes.get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
    if bytes.iter().enumerate().any(|(at, byte)| *byte == b'%' && !is_escape(at)) {
        return None;
    }
    percent_decode_str(text).decode_utf8().ok().map(String::from)
}

/// The same of a text that may hold a `%` which encodes nothing: it stays, and what is not UTF-8 becomes U+FFFD.
pub fn decoded_as_far(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_escape_is_refused_or_stays() {
        for (text, strict, lenient) in [
            ("a%20b", Some("a b"), "a b"),
            ("%2525", Some("%25"), "%25"),
            ("%C3%A9%c3%a9é", Some("ééé"), "ééé"),
            ("100%", None, "100%"),
            ("%+f", None, "%+f"),
            ("%-1", None, "%-1"),
            ("%0x", None, "%0x"),
            ("%é1", None, "%é1"),
            ("%ff", None, "\u{fffd}"),
            ("", Some(""), ""),
        ] {
            assert_eq!((decoded(text).as_deref(), decoded_as_far(text).as_str()), (strict, lenient), "{text}");
        }
    }

    #[test]
    fn each_place_keeps_what_may_stand_there() {
        let all: String = (' '..='~').collect();
        let kept = |encode: fn(&str) -> String| -> String {
            all.chars().filter(|plain| !plain.is_ascii_alphanumeric() && encode(&plain.to_string()).len() == 1).collect()
        };
        assert_eq!(kept(encoded), "-._~");
        assert_eq!(kept(encoded_in_purl), "-.:_~");
        assert_eq!(kept(encoded_path), "-./_~");
        assert_eq!(kept(encoded_as_javascript), "!'()*-._~");
        assert_eq!(kept(encoded_fragment), "!$&'()*+,-./:;=?@_~");
        assert_eq!(encoded("é%"), "%C3%A9%25");
    }

    /// One byte after the other, by the letter of RFC 3986.
    fn by_hand(text: &str) -> Option<String> {
        let mut bytes = Vec::new();
        let mut rest = text.bytes();
        while let Some(byte) = rest.next() {
            if byte == b'%' {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                bytes.push(u8::try_from(digit()? * 16 + digit()?).ok()?);
            } else {
                bytes.push(byte);
            }
        }
        String::from_utf8(bytes).ok()
    }

    proptest! {
        #[test]
        fn what_is_encoded_comes_back(text: String) {
            for encode in [encoded, encoded_in_purl, encoded_path, encoded_fragment, encoded_as_javascript] {
                prop_assert_eq!(decoded(&encode(&text)), Some(text.clone()));
                prop_assert_eq!(&decoded_as_far(&encode(&text)), &text);
            }
        }

        #[test]
        fn any_text_is_decoded_as_by_hand(text in "(%[0-9a-fA-F+gé]{0,2}|[a-zé%]){0,12}") {
            prop_assert_eq!(decoded(&text), by_hand(&text));
        }
    }
}
