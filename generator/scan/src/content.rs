//! What the bytes of a file are: text that is searched, or something else that is counted.

use std::borrow::Cow;

/// How much of a file decides whether it is text: as git does it.
const LOOKED_AT: usize = 8_000;

/// What a content is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content<'a> {
    /// Text, as UTF-8 where it was UTF-16.
    Text(Cow<'a, [u8]>),
    /// No text: counted, looked at for the forms of key files, not searched.
    Binary,
}

/// Tells text from the rest by its beginning: a NUL makes it no text, unless the text is UTF-16.
pub fn content(bytes: &[u8]) -> Content<'_> {
    let beginning = bytes.get(..LOOKED_AT).unwrap_or(bytes);
    if memchr::memchr(0, beginning).is_none() && !beginning.starts_with(&[0xff, 0xfe]) && !beginning.starts_with(&[0xfe, 0xff]) {
        return Content::Text(Cow::Borrowed(bytes));
    }
    match utf16(beginning) {
        Some(order) => Content::Text(Cow::Owned(decoded(bytes, order).into_bytes())),
        None => Content::Binary,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Little,
    Big,
}

/// The order of UTF-16 text: by its mark, or because every second byte of its beginning is zero.
fn utf16(beginning: &[u8]) -> Option<Order> {
    match beginning {
        [0xff, 0xfe, rest @ ..] if !rest.starts_with(&[0, 0]) => return Some(Order::Little),
        [0xfe, 0xff, ..] => return Some(Order::Big),
        _ => {}
    }
    let pairs = beginning.chunks_exact(2);
    let count = pairs.len();
    if count < 4 {
        return None;
    }
    let zero_at =
        |place: usize| pairs.clone().filter(|pair| pair.get(place) == Some(&0) && pair.get(1 - place) != Some(&0)).count();
    // Nine in ten: text with a few characters beyond Latin is still text.
    match (zero_at(0) * 10 >= count * 9, zero_at(1) * 10 >= count * 9) {
        (_, true) => Some(Order::Little),
        (true, _) => Some(Order::Big),
        _ => None,
    }
}

fn decoded(bytes: &[u8], order: Order) -> String {
    let unit = |pair: &[u8]| match (pair, order) {
        (&[low, high], Order::Little) => u16::from_le_bytes([low, high]),
        (&[high, low], Order::Big) => u16::from_be_bytes([high, low]),
        _ => u16::from(b'?'),
    };
    char::decode_utf16(bytes.chunks_exact(2).map(unit)).map(|decoded| decoded.unwrap_or('\u{fffd}')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> Option<String> {
        match content(bytes) {
            Content::Text(text) => Some(String::from_utf8(text.into_owned()).unwrap()),
            Content::Binary => None,
        }
    }

    #[test]
    fn text_is_told_from_the_rest() {
        assert_eq!(text(b"plain").as_deref(), Some("plain"));
        assert_eq!(text(b"").as_deref(), Some(""));
        assert_eq!(text(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), None);
        assert_eq!(text(&[0; 64]), None);
        let little: Vec<u8> = "token = é".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = "token = 1".encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(text(&little).as_deref(), Some("token = é"));
        assert_eq!(text(&big).as_deref(), Some("token = 1"));
        assert_eq!(text(&[&[0xff, 0xfe][..], &little].concat()).as_deref(), Some("\u{feff}token = é"));
    }
}
