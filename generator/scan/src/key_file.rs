//! Key files by their content: what no pattern of text can match, because it is no text.

/// A form of binary key file, with the id of the rule that it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Form {
    /// The id of the rule.
    pub(crate) id: &'static str,
    /// What it is, in a sentence.
    pub(crate) description: &'static str,
}

/// Every form.
pub(crate) const FORMS: [Form; 3] = [
    Form { id: "pkcs12-file", description: "A PKCS #12 file, which holds private keys." },
    Form { id: "private-key-der", description: "A private key in DER." },
    Form { id: "java-keystore", description: "A Java keystore." },
];

/// The form of a binary content by its beginning; none when it is no key file.
///
/// PKCS #12: a PFX is version 3 and a ContentInfo of type `data` or `signedData` (RFC 7292, section 4). Private keys: PKCS #8
/// begins with version 0 and an algorithm (RFC 5958, section 2), PKCS #1 with version 0 and a modulus of at least 128 bytes
/// (RFC 8017, appendix A.1.2), SEC 1 with version 1 and 20 to 66 bytes of key (RFC 5915, section 3). JKS and JCEKS begin with
/// their magic numbers.
pub(crate) fn form(bytes: &[u8]) -> Option<Form> {
    let [pkcs12, der, java] = FORMS;
    if bytes.starts_with(&[0xfe, 0xed, 0xfe, 0xed, 0, 0, 0]) || bytes.starts_with(&[0xce, 0xce, 0xce, 0xce, 0, 0, 0]) {
        return Some(java);
    }
    let (0x30, inner, _) = element(bytes)? else { return None };
    let (0x02, version, rest) = element(inner)? else { return None };
    let (tag, value, after) = element(rest)?;
    match (version, tag) {
        ([3], 0x30) => {
            // 1.2.840.113549.1.7.1 and .2
            const PKCS7: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07];
            let (0x06, kind, _) = element(value)? else { return None };
            kind.strip_prefix(PKCS7).filter(|last| matches!(last, [1 | 2])).map(|_| pkcs12)
        }
        ([0 | 1], 0x30) => {
            let (0x06, ..) = element(value)? else { return None };
            let (0x04, ..) = element(after)? else { return None };
            Some(der)
        }
        ([0], 0x02) if value.len() >= 128 => {
            let (0x02, ..) = element(after)? else { return None };
            Some(der)
        }
        ([1], 0x04) if (20..=66).contains(&value.len()) => Some(der),
        _ => None,
    }
}

/// The first element of DER: its tag, its content as far as it is there, and what follows. Indefinite lengths (BER, as some
/// PKCS #12 files have them) stand for everything that is left.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0x80 => (rest.len(), rest),
        0x00..=0x7f => (usize::from(first), rest),
        _ => {
            let count = usize::from(first & 0x7f);
            let (digits, rest) = rest.split_at_checked(count).filter(|_| count <= 4)?;
            (digits.iter().fold(0_usize, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
    };
    Some(rest.split_at_checked(length).map_or((tag, rest, &[][..]), |(content, after)| (tag, content, after)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn der(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[tag, 0x82], &length[..], content].concat()
    }

    #[test]
    fn key_files_are_told_by_their_structure() {
        let id = |bytes: &[u8]| form(bytes).map(|form| form.id);
        let algorithm = der(0x30, &der(0x06, &[0x2b, 0x65, 0x70]));
        let pkcs8 = der(0x30, &[der(0x02, &[0]), algorithm, der(0x04, &[7; 34])].concat());
        assert_eq!(id(&pkcs8), Some("private-key-der"));
        assert_eq!(
            id(&der(0x30, &[der(0x02, &[0]), der(0x02, &[9; 257]), der(0x02, &[1, 0, 1])].concat())),
            Some("private-key-der")
        );
        assert_eq!(id(&der(0x30, &[der(0x02, &[1]), der(0x04, &[5; 32])].concat())), Some("private-key-der"));
        let data = der(0x06, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01]);
        assert_eq!(id(&der(0x30, &[der(0x02, &[3]), der(0x30, &data)].concat())), Some("pkcs12-file"));
        assert_eq!(id(&[0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2]), Some("java-keystore"));
        // A public key, a certificate, an image, nothing.
        assert_eq!(id(&der(0x30, &[der(0x30, &[1]), der(0x03, &[0; 33])].concat())), None);
        assert_eq!(id(b"\x89PNG\r\n\x1a\n"), None);
        assert_eq!(id(&[]), None);
        for end in 0..pkcs8.len() {
            let _ = form(&pkcs8[..end]);
        }
    }
}
