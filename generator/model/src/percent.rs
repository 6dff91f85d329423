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

/// An address as RFC 3986 writes one, whatever stands there: what is sound stays, escapes too, and the rest is encoded. For
/// what is not known to be an address and has to stand where only one may.
pub fn encoded_address(text: &str) -> String {
    let is_scheme = |scheme: &str| {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        scheme.starts_with(|first: char| first.is_ascii_alphabetic()) && scheme.bytes().all(known)
    };
    let (scheme, rest) = match text.split_once(':').filter(|(scheme, _)| is_scheme(scheme)) {
        Some((scheme, rest)) => (format!("{scheme}:"), rest),
        None => (String::new(), text),
    };
    let part = |text: &str| text.find(['/', '?', '#']).unwrap_or(text.len());
    let (head, tail) = match rest.strip_prefix("//") {
        Some(rest) => {
            let (authority, tail) = rest.split_at_checked(part(rest)).unwrap_or((rest, ""));
            (format!("//{}", encoded_authority(authority)), tail)
        }
        None => {
            let (first, tail) = rest.split_at_checked(part(rest)).unwrap_or((rest, ""));
            let first = escaped(first);
            // A reference without a scheme has no colon before its first slash (section 4.2).
            (if scheme.is_empty() { first.replace(':', "%3A") } else { first }, tail)
        }
    };
    let (path, fragment) = tail.split_once('#').map_or((tail, None), |(path, fragment)| (path, Some(fragment)));
    let fragment = fragment.map(|fragment| format!("#{}", escaped(fragment))).unwrap_or_default();
    format!("{scheme}{head}{}{fragment}", escaped(path))
}

/// User, host and port (section 3.2).
fn encoded_authority(authority: &str) -> String {
    let (user, rest) = authority.rsplit_once('@').map_or((None, authority), |(user, rest)| (Some(user), rest));
    let user = user.map(|user| escaped(user).replace('@', "%40") + "@").unwrap_or_default();
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (host, format!(":{port}")),
        _ => (rest, String::new()),
    };
    let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_literal = literal.is_some_and(|host| host.parse::<std::net::Ipv6Addr>().is_ok());
    let host = if is_literal { host.to_owned() } else { escaped(host).replace(':', "%3A").replace('@', "%40") };
    format!("{user}{host}{port}")
}

/// A text with everything encoded that no part of an address holds; escapes stay.
fn escaped(text: &str) -> String {
    let mut parts = text.split('%');
    let mut out = utf8_percent_encode(parts.next().unwrap_or_default(), IN_FRAGMENT).to_string();
    for part in parts {
        let is_escape = part.as_bytes().get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        out.push_str(if is_escape { "%" } else { "%25" });
        out.extend(utf8_percent_encode(part, IN_FRAGMENT));
    }
    out
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

    #[test]
    fn an_address_stays_what_it_is_and_the_rest_becomes_one() {
        for same in [
            "https://host.example:8443/a/b@1.0.0.tgz?x=%20(y)&z=*",
            "ssh://git@host/a",
            "https://[2001:db8::1]:80/a",
            "pkg:npm/%40a/b@1.0.0?vcs_url=git%2Bhttps:%2F%2Fx#sub/path",
            "../a/b:c",
            "file:///a",
            "",
        ] {
            assert_eq!(encoded_address(same), same);
        }
        for (text, address) in [
            ("https://host/a b/\u{fc}.tgz", "https://host/a%20b/%C3%BC.tgz"),
            ("https://host/100%/%zz<\"{|}\\^`>", "https://host/100%25/%25zz%3C%22%7B%7C%7D%5C%5E%60%3E"),
            ("https://a b:x/[1]", "https://a%20b%3Ax/%5B1%5D"),
            ("https://[::x]:1/", "https://%5B%3A%3Ax%5D:1/"),
            ("a@b@c://d", "a@b@c%3A//d"),
            ("//u@v@host#a#b", "//u%40v@host#a%23b"),
            ("1x:y/z:w", "1x%3Ay/z:w"),
        ] {
            assert_eq!(encoded_address(text), address);
        }
    }
}
