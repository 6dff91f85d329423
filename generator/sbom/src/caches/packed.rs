//! MessagePack with the records of `msgpackr`, as pnpm packs the index of its store: a value whose keys were written once is
//! written as the number of these keys and its values.
//!
//! MessagePack: <https://github.com/msgpack/msgpack/blob/master/spec.md>. Records: `msgpackr`'s readme, "Record / Object
//! Structures": the extension 0x72 of one byte gives the number, the array after it the keys, and what follows are values.

use std::{collections::HashMap, rc::Rc};

/// How deep values may be nested.
const DEPTH_MAX: usize = 32;
/// The type of the extension that begins a record.
const RECORD: u8 = 0x72;

/// A value. What nobody asks for is none.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Packed {
    Text(String),
    Table(Vec<(Rc<str>, Packed)>),
    Other,
}

impl Packed {
    /// The value of a key.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|(name, _)| **name == *key).map(|(_, value)| value)
    }

    pub(super) fn entries(&self) -> &[(Rc<str>, Self)] {
        if let Self::Table(entries) = self { entries } else { &[] }
    }

    pub(super) fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }
}

/// Reads one value; none where the bytes hold no whole one, or one of a sort that pnpm does not write.
pub(super) fn unpack(bytes: &[u8]) -> Option<Packed> {
    Reader { rest: bytes, records: HashMap::new() }.value(0)
}

struct Reader<'a> {
    rest: &'a [u8],
    /// The keys of records, by their number.
    records: HashMap<u8, Rc<[Rc<str>]>>,
}

impl<'a> Reader<'a> {
    fn value(&mut self, depth: usize) -> Option<Packed> {
        if depth > DEPTH_MAX {
            return None;
        }
        let first = self.byte()?;
        Some(match first {
            0x40..=0x7f if self.records.contains_key(&first) => return self.record(first, depth),
            0x00..=0x7f | 0xe0..=0xff | 0xc0 | 0xc2 | 0xc3 => Packed::Other,
            0x80..=0x8f => return self.table(usize::from(first & 0x0f), depth),
            0xde => return self.length(2).and_then(|count| self.table(count, depth)),
            0xdf => return self.length(4).and_then(|count| self.table(count, depth)),
            0x90..=0x9f => return self.list(usize::from(first & 0x0f), depth).map(|_| Packed::Other),
            0xdc => return self.length(2).and_then(|count| self.list(count, depth)).map(|_| Packed::Other),
            0xdd => return self.length(4).and_then(|count| self.list(count, depth)).map(|_| Packed::Other),
            0xa0..=0xbf => return self.text(usize::from(first & 0x1f)),
            0xd9..=0xdb => return self.length(1 << (first - 0xd9)).and_then(|length| self.text(length)),
            0xc4..=0xc6 => return self.length(1 << (first - 0xc4)).and_then(|length| self.skip(length)),
            0xc7..=0xc9 => return self.length(1 << (first - 0xc7)).and_then(|length| self.skip(length.checked_add(1)?)),
            0xca | 0xce | 0xd2 => return self.skip(4),
            0xcb | 0xcf | 0xd3 => return self.skip(8),
            0xcc | 0xd0 => return self.skip(1),
            0xcd | 0xd1 => return self.skip(2),
            0xd4 => return self.extension(depth),
            0xd5..=0xd8 => return self.skip((2 << (first - 0xd5)) + 1),
            0xc1 => return None,
        })
    }

    /// An extension of one byte: the keys of a record, and its first values.
    fn extension(&mut self, depth: usize) -> Option<Packed> {
        let (kind, number) = (self.byte()?, self.byte()?);
        if kind != RECORD {
            return Some(Packed::Other);
        }
        let count = match self.byte()? {
            short @ 0x90..=0x9f => usize::from(short & 0x0f),
            0xdc => self.length(2)?,
            _ => return None,
        };
        let keys = self.list(count, depth)?;
        let keys = keys.iter().map(|key| key.as_text().map(Rc::from)).collect::<Option<Rc<[Rc<str>]>>>()?;
        self.records.insert(number, keys);
        self.record(number, depth)
    }

    fn record(&mut self, number: u8, depth: usize) -> Option<Packed> {
        let keys = self.records.get(&number)?.clone();
        let values = keys.iter().map(|key| Some((key.clone(), self.value(depth + 1)?)));
        values.collect::<Option<Vec<_>>>().map(Packed::Table)
    }

    fn table(&mut self, count: usize, depth: usize) -> Option<Packed> {
        let mut entries = Vec::new();
        for _ in 0..count {
            let key = self.value(depth + 1)?;
            let value = self.value(depth + 1)?;
            entries.extend(key.as_text().map(|key| (Rc::from(key), value)));
        }
        Some(Packed::Table(entries))
    }

    fn list(&mut self, count: usize, depth: usize) -> Option<Vec<Packed>> {
        let mut list = Vec::new();
        for _ in 0..count {
            list.push(self.value(depth + 1)?);
        }
        Some(list)
    }

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    /// A length of so many bytes, the highest first.
    fn length(&mut self, bytes: usize) -> Option<usize> {
        self.take(bytes).map(|bytes| bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)))
    }

    fn text(&mut self, length: usize) -> Option<Packed> {
        let text = std::str::from_utf8(self.take(length)?).ok()?;
        Some(Packed::Text(text.to_owned()))
    }

    fn skip(&mut self, length: usize) -> Option<Packed> {
        self.take(length).map(|_| Packed::Other)
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn records_are_read_by_the_keys_that_were_written_once() {
        // As pnpm 12 packs it: a record within a record, and the same keys a second time.
        let bytes = b"\xd4r@\x92\xa4algo\xa5files\xa6sha512\x82\xa1a\xd4rA\x92\xa6digest\xa4size\xa2aa\xcc\x8d\xa1bA\xa2bb\x07";
        let value = unpack(bytes).unwrap();
        assert_eq!(value.get("algo").unwrap().as_text(), Some("sha512"));
        let files: Vec<_> = value.get("files").unwrap().entries().iter().map(|(name, file)| (&**name, file)).collect();
        assert_eq!(files.len(), 2);
        assert_eq!(files[1].1.get("digest").unwrap().as_text(), Some("bb"));
        for end in 0..bytes.len() {
            assert_eq!(unpack(&bytes[..end]), None, "cut off at {end}");
        }
    }

    #[test]
    fn every_sort_of_value_is_passed_over_whole() {
        let mut bytes = b"\xdc\x00\x14".to_vec();
        for value in [
            &b"\xc0"[..],
            b"\xc2",
            b"\x7f",
            b"\xff",
            b"\xcc1",
            b"\xcd12",
            b"\xce1234",
            b"\xcf12345678",
            b"\xd0-",
            b"\xca1234",
            b"\xcb12345678",
            b"\xc4\x01x",
            b"\xc5\x00\x01x",
            b"\xd9\x01x",
            b"\xda\x00\x01x",
            b"\xc7\x01tx",
            b"\xd4t1",
            b"\xd5t12",
            b"\x81\x01\x02",
            b"\xdd\x00\x00\x00\x01\x90",
        ] {
            bytes.extend(value);
        }
        assert_eq!(unpack(&bytes), Some(Packed::Other));
        bytes.pop();
        assert_eq!(unpack(&bytes), None);
        assert_eq!(unpack(&b"\x91".repeat(100_000)), None, "nested too deep");
        assert_eq!(unpack(b"\xdd\xff\xff\xff\xff\x90"), None, "more than there is");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_not(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = unpack(&bytes);
        }
    }
}
