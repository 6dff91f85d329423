//! The bytes of a document, and a serial number that follows from them.

use std::io;

use avouch_model::Digest;
use serde::Serialize;

/// What stands for the serial number while the document's digest is taken.
pub(crate) const PLACEHOLDER: &str = "urn:uuid:00000000-0000-0000-0000-000000000000";

/// Writes a document whose serial number is the placeholder, then puts one in its place that is made of the digest of
/// these bytes (a UUID of version 8, RFC 9562 section 5.8). The same content has the same serial number.
pub(crate) fn write(document: &impl Serialize) -> Result<Vec<u8>, serde_json::Error> {
    let mut bounded = Bounded(Vec::new());
    serde_json::to_writer_pretty(&mut bounded, document)?;
    let Bounded(mut bytes) = bounded;
    bytes.push(b'\n');
    let serial = serial_number(&Digest::of(&bytes));
    let place = bytes.windows(PLACEHOLDER.len()).position(|window| window == PLACEHOLDER.as_bytes());
    if let Some(target) = place.and_then(|at| bytes.get_mut(at..at + PLACEHOLDER.len())) {
        target.copy_from_slice(serial.as_bytes());
    }
    Ok(bytes)
}

/// How large a document may become, in bytes. One of 50,000 packages has 60 to 100 million.
const BYTES_MAX: usize = 128 << 20;

/// What is written, as long as it is a document that somebody could want: what a lockfile lists is written several times, so a
/// hostile one could become many times as large as it is.
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > BYTES_MAX {
            let message = format!("it would have more than {BYTES_MAX} bytes; no product has so many packages");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn serial_number(digest: &Digest) -> String {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..] = *digest.as_bytes();
    let number = u128::from_be_bytes([a, b, c, d, e, f, (g & 0x0f) | 0x80, h, (i & 0x3f) | 0x80, j, k, l, m, n, o, p]);
    let hex = format!("{number:032x}");
    let part = |range: std::ops::Range<usize>| hex.get(range).unwrap_or_default().to_owned();
    format!("urn:uuid:{}-{}-{}-{}-{}", part(0..8), part(8..12), part(12..16), part(16..20), part(20..32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_that_nobody_could_want_is_refused() {
        struct Endless;
        impl Serialize for Endless {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_seq(std::iter::repeat_n("x".repeat(1 << 20), 200))
            }
        }
        assert!(write(&Endless).unwrap_err().to_string().contains("more than 134217728 bytes"));
    }

    #[test]
    fn a_serial_number_is_a_uuid_of_version_8() {
        let serial = serial_number(&Digest::of(b"abc"));
        assert_eq!(serial, "urn:uuid:ba7816bf-8f01-8fea-8141-40de5dae2223");
        assert_eq!(serial.len(), PLACEHOLDER.len());
    }
}
