//! What the bytes of a file are: text that is searched, or something else that is counted.

use std::{
    borrow::Cow,
    io::{self, Read},
};

/// How much of a file decides whether it is text: as git does it.
const LOOKED_AT: usize = 8_000;
/// How much of UTF-16 is decoded at a time, in bytes.
const AT_ONCE: u64 = 64 << 10;

/// What a content is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content<'a> {
    /// Text, as UTF-8 where it was UTF-16.
    Text(Cow<'a, [u8]>),
    /// No text: counted, looked at for the forms of key files, not searched.
    Binary,
}

/// UTF-16 that is read as UTF-8, however long it is.
pub(crate) struct Utf8<R> {
    from: R,
    order: Order,
    /// Bytes that are no whole character yet.
    left: Vec<u8>,
    ready: io::Cursor<Vec<u8>>,
}

impl<R: Read> Utf8<R> {
    pub(crate) fn of(from: R, order: Order) -> Self {
        Self { from, order, left: Vec::new(), ready: io::Cursor::new(Vec::new()) }
    }

    /// Decodes what comes next; nothing at the end.
    fn refill(&mut self) -> io::Result<()> {
        let mut bytes = std::mem::take(&mut self.left);
        let before = bytes.len();
        Read::take(&mut self.from, AT_ONCE).read_to_end(&mut bytes)?;
        if bytes.len() > before {
            let mut whole = bytes.len() & !1;
            // The first half of a pair waits for the second.
            if let Some(&[first, second]) = bytes.get(whole.saturating_sub(2)..whole)
                && matches!(self.order.unit(first, second), 0xd800..=0xdbff)
            {
                whole -= 2;
            }
            self.left = bytes.split_off(whole);
        }
        self.ready = io::Cursor::new(decoded(&bytes, self.order).into_bytes());
        Ok(())
    }
}

impl<R: Read> Read for Utf8<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.ready.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            let waiting = self.left.len();
            self.refill()?;
            if self.ready.get_ref().is_empty() && self.left.len() <= waiting {
                return Ok(0);
            }
        }
    }
}

/// Tells text from the rest by its beginning: a NUL makes it no text, unless the text is UTF-16.
pub fn content(bytes: &[u8]) -> Content<'_> {
    let beginning = beginning(bytes);
    if memchr::memchr(0, beginning).is_none() && !beginning.starts_with(&[0xff, 0xfe]) && !beginning.starts_with(&[0xfe, 0xff]) {
        return Content::Text(Cow::Borrowed(bytes));
    }
    match order(bytes) {
        Some(order) => Content::Text(Cow::Owned(decoded(bytes, order).into_bytes())),
        None => Content::Binary,
    }
}

/// The order of the bytes of UTF-16.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Little,
    Big,
}

fn beginning(bytes: &[u8]) -> &[u8] {
    bytes.get(..LOOKED_AT).unwrap_or(bytes)
}

/// The order of UTF-16, for bytes that are no plain text.
pub(crate) fn order(bytes: &[u8]) -> Option<Order> {
    utf16(beginning(bytes))
}

impl Order {
    const fn unit(self, first: u8, second: u8) -> u16 {
        match self {
            Self::Little => u16::from_le_bytes([first, second]),
            Self::Big => u16::from_be_bytes([first, second]),
        }
    }
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
    let unit = |pair: &[u8]| match *pair {
        [first, second] => order.unit(first, second),
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

    /// Gives so many bytes at a time.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(buffer.len());
            (&mut self.0).take(count as u64).read(buffer)
        }
    }

    #[test]
    fn utf16_is_decoded_to_its_end_whatever_pieces_it_comes_in() {
        let text: String = "kéy = 𝕏; ".chars().cycle().take(100_000).collect();
        let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for at_a_time in [1, 7, 1 << 20] {
            let mut read = String::new();
            Utf8::of(Slow(&bytes, at_a_time), Order::Big).read_to_string(&mut read).unwrap();
            assert!(read == text, "{at_a_time}");
        }
        // Half a pair and half a character at the end are lost, and nothing else.
        let mut read = String::new();
        Utf8::of(&[0, b'a', 0xd8, 0x35, 0][..], Order::Big).read_to_string(&mut read).unwrap();
        assert!(read.starts_with('a') && read.chars().count() <= 2, "{read:?}");
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
