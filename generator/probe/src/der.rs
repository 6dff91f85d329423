//! The little of DER (X.690) that is needed to read until when a certificate is valid (RFC 5280 section 4.1).

use avouch_model::Timestamp;

const INTEGER: u8 = 0x02;
const SEQUENCE: u8 = 0x30;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const VERSION: u8 = 0xa0;

/// The end of a certificate's validity; none when the bytes are no certificate.
pub(crate) fn not_after(certificate: &[u8]) -> Option<Timestamp> {
    let (tag, whole, _) = element(certificate)?;
    let (inner, to_be_signed, _) = element(whole)?;
    if tag != SEQUENCE || inner != SEQUENCE {
        return None;
    }
    let mut rest = to_be_signed;
    let (first, _, after) = element(rest)?;
    if first == VERSION {
        rest = after;
    }
    for expected in [INTEGER, SEQUENCE, SEQUENCE] {
        // Serial number, signature algorithm, issuer.
        let (tag, _, after) = element(rest)?;
        if tag != expected {
            return None;
        }
        rest = after;
    }
    let (tag, validity, _) = element(rest)?;
    let (_, _, after) = element(validity)?;
    let (kind, time, _) = element(after)?;
    if tag != SEQUENCE {
        return None;
    }
    time_of(kind, time)
}

/// Tag, content, and what follows.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let count = usize::from(first & 0x7f);
        if count == 0 || count > 4 {
            return None;
        }
        let (digits, rest) = rest.split_at_checked(count)?;
        (digits.iter().fold(0, |length, &digit| length << 8 | usize::from(digit)), rest)
    };
    let (content, after) = rest.split_at_checked(length)?;
    Some((tag, content, after))
}

/// `YYMMDDHHMMSSZ` (50 to 99 are 1950 to 1999) or `YYYYMMDDHHMMSSZ` (RFC 5280 section 4.1.2.5).
fn time_of(kind: u8, bytes: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(bytes).ok()?.strip_suffix('Z')?;
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let full = match (kind, text.len()) {
        (UTC_TIME, 12) => format!("{}{text}", if text < "50" { "20" } else { "19" }),
        (GENERALIZED_TIME, 14) => text.to_owned(),
        _ => return None,
    };
    format!("{}-{}-{}T{}:{}:{}Z", &full[..4], &full[4..6], &full[6..8], &full[8..10], &full[10..12], &full[12..]).parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_end_of_a_certificate_is_read_in_both_forms_of_time() {
        for (year, expected) in [(2031, "2031-05-06T00:00:00Z"), (2077, "2077-05-06T00:00:00Z")] {
            let mut parameters = rcgen::CertificateParams::new(vec!["h.example".to_owned()]).unwrap();
            parameters.not_after = rcgen::date_time_ymd(year, 5, 6);
            let key = rcgen::KeyPair::generate().unwrap();
            let certificate = parameters.self_signed(&key).unwrap();
            assert_eq!(not_after(certificate.der()).unwrap().to_string(), expected);
        }
    }

    #[test]
    fn a_two_digit_year_from_fifty_on_is_of_the_last_century() {
        assert_eq!(time_of(UTC_TIME, b"500101000000Z").unwrap().to_string(), "1950-01-01T00:00:00Z");
        assert_eq!(time_of(UTC_TIME, b"491231235959Z").unwrap().to_string(), "2049-12-31T23:59:59Z");
        assert!(time_of(UTC_TIME, b"20490101000000Z").is_none());
        assert!(time_of(GENERALIZED_TIME, b"20490101000000+0100").is_none());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = not_after(&bytes);
        }
    }
}
