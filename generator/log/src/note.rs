//! Signed notes and verifier keys (C2SP signed-note), with Ed25519 signatures (type 0x01).

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest as _, Sha256};

/// The signature type of Ed25519 (C2SP signed-note, "Signature types").
pub const ED25519: u8 = 0x01;

/// The most signature lines that a note may have; the specification asks for at least 16.
pub const SIGNATURES_MAX: usize = 64;

/// A public key with the name of its holder: `name+id+base64`.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    id: [u8; 4],
    key: VerifyingKey,
}

/// The text is not a verifier key.
#[derive(Debug, thiserror::Error)]
pub enum NotAKey {
    /// It has not the three parts of a verifier key, or one of them is misspelt.
    #[error("`{0}` is not a verifier key (expected `name+8 hexadecimal digits+base64`, C2SP signed-note)")]
    Shape(String),
    /// The name is empty or holds white space or a plus sign.
    #[error("`{0}` cannot be the name of a key: it is empty or holds white space or `+`")]
    Name(String),
    /// The key is of another type than Ed25519.
    #[error("the verifier key `{0}` is not an Ed25519 key (type 0x01)")]
    Type(String),
    /// The id is not that of this name and key.
    #[error("the verifier key `{0}` does not match its id: it was copied incompletely or changed")]
    Id(String),
    /// The bytes are no usable point of the curve.
    #[error("the verifier key `{0}` is no usable Ed25519 public key")]
    Point(String),
}

impl VerifierKey {
    /// A key from a name and the 32 bytes of an Ed25519 public key.
    ///
    /// # Errors
    /// When the name cannot be one, or the bytes are no point of the curve or a weak one.
    pub fn new(name: &str, public: &[u8; 32]) -> Result<Self, NotAKey> {
        if !is_name(name) {
            return Err(NotAKey::Name(name.to_owned()));
        }
        let key = VerifyingKey::from_bytes(public).ok().filter(|key| !key.is_weak());
        let key = key.ok_or_else(|| NotAKey::Point(name.to_owned()))?;
        Ok(Self { name: name.to_owned(), id: key_id(name, public), key })
    }

    /// The name of the holder; of a log's key, the log's origin.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The id: the first four bytes of SHA-256 over name, newline, type and public key.
    pub const fn id(&self) -> [u8; 4] {
        self.id
    }

    /// Name and id, `name+1a2b3c4d`: what a DSSE envelope names its key by.
    pub fn short(&self) -> String {
        format!("{}+{}", self.name, hex::encode(self.id))
    }

    /// The 32 bytes of the public key.
    pub fn public(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// Whether this is a signature of these bytes, by the strict rules: no second spelling, no weak key.
    pub fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.key.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![ED25519];
        bytes.extend(self.key.as_bytes());
        write!(formatter, "{}+{}+{}", self.name, hex::encode(self.id), STANDARD.encode(bytes))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for VerifierKey {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let shape = || NotAKey::Shape(text.to_owned());
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else { return Err(shape()) };
        let bytes = STANDARD.decode(key).map_err(|_| shape())?;
        let (kind, public) = bytes.split_first().ok_or_else(shape)?;
        if *kind != ED25519 {
            return Err(NotAKey::Type(text.to_owned()));
        }
        let read = Self::new(name, public.try_into().map_err(|_| shape())?)?;
        if id.len() != 8 || id.bytes().any(|byte| byte.is_ascii_uppercase()) || hex::decode(id).is_err() {
            return Err(shape());
        }
        if id != hex::encode(read.id) {
            return Err(NotAKey::Id(text.to_owned()));
        }
        Ok(read)
    }
}

/// Whether a text can be the name of a key: not empty, no white space, no plus sign, no control character.
pub fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(|character| character.is_whitespace() || character.is_control() || character == '+')
}

fn key_id(name: &str, public: &[u8; 32]) -> [u8; 4] {
    let mut hash = Sha256::new();
    hash.update(name.as_bytes());
    hash.update([b'\n', ED25519]);
    hash.update(public);
    let [first, second, third, fourth, ..] = <[u8; 32]>::from(hash.finalize());
    [first, second, third, fourth]
}

/// Why bytes are not a signed note that can be believed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NoteError {
    /// Not UTF-8, or a control character other than the newline.
    #[error("a signed note is UTF-8 without control characters other than the newline")]
    Characters,
    /// No text, no blank line, or no signature after it.
    #[error("a signed note is a text, a blank line and signature lines")]
    Shape,
    /// A line after the blank line is not `— name base64`.
    #[error("signature line {0} is not `— name base64`")]
    SignatureLine(usize),
    /// More signature lines than are looked at.
    #[error("there are more than {SIGNATURES_MAX} signature lines")]
    TooMany,
    /// The signature of a key that is known does not match the text.
    #[error("the signature by `{0}` does not match the text")]
    Wrong(String),
    /// None of the signatures is by a key that is known.
    #[error("no signature is by a key that is known")]
    Unknown,
}

/// A note that was taken apart; nothing is believed yet.
#[derive(Debug)]
pub struct Note<'a> {
    text: &'a str,
    signatures: Vec<(&'a str, Vec<u8>)>,
}

impl<'a> Note<'a> {
    /// Takes a note apart.
    ///
    /// # Errors
    /// When the bytes break the format.
    pub fn read(bytes: &'a [u8]) -> Result<Self, NoteError> {
        let whole = str::from_utf8(bytes).map_err(|_| NoteError::Characters)?;
        if whole.chars().any(|character| character.is_control() && character != '\n') {
            return Err(NoteError::Characters);
        }
        let blank = whole.rfind("\n\n").ok_or(NoteError::Shape)?;
        let (text, rest) = whole.split_at_checked(blank + 1).ok_or(NoteError::Shape)?;
        let lines = rest.strip_prefix('\n').and_then(|rest| rest.strip_suffix('\n')).ok_or(NoteError::Shape)?;
        if text == "\n" {
            return Err(NoteError::Shape);
        }
        let mut signatures = Vec::new();
        for (line, number) in lines.split('\n').zip(1..) {
            if number > SIGNATURES_MAX {
                return Err(NoteError::TooMany);
            }
            signatures.push(read_signature(line).ok_or(NoteError::SignatureLine(number))?);
        }
        Ok(Self { text, signatures })
    }

    /// The text, with its last newline: what is signed.
    pub const fn text(&self) -> &'a str {
        self.text
    }

    /// The known keys that signed the text. Signatures by others are ignored.
    ///
    /// # Errors
    /// When a known key's signature is wrong, or no known key signed.
    pub fn verify<'k>(&self, known: impl IntoIterator<Item = &'k VerifierKey>) -> Result<Vec<&'k VerifierKey>, NoteError> {
        let mut signers = Vec::new();
        for key in known {
            let theirs = |(name, bytes): &&(&str, Vec<u8>)| *name == key.name && bytes.starts_with(&key.id);
            let Some((_, bytes)) = self.signatures.iter().find(theirs) else { continue };
            let signature = bytes.get(4..).and_then(|bytes| <&[u8; 64]>::try_from(bytes).ok());
            if !signature.is_some_and(|signature| key.verifies(self.text.as_bytes(), signature)) {
                return Err(NoteError::Wrong(key.short()));
            }
            if !signers.contains(&key) {
                signers.push(key);
            }
        }
        if signers.is_empty() { Err(NoteError::Unknown) } else { Ok(signers) }
    }
}

fn read_signature(line: &str) -> Option<(&str, Vec<u8>)> {
    let (name, signature) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
    let bytes = STANDARD.decode(signature).ok()?;
    (is_name(name) && bytes.len() > 4).then_some((name, bytes))
}

/// The line that carries a signature, `— name base64` and a newline.
pub fn signature_line(key: &VerifierKey, signature: &[u8; 64]) -> String {
    let mut bytes = key.id.to_vec();
    bytes.extend(signature);
    format!("\u{2014} {} {}\n", key.name, STANDARD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signer as _, SigningKey};
    use proptest::prelude::*;

    use super::*;

    fn key(seed: u8, name: &str) -> (SigningKey, VerifierKey) {
        let secret = SigningKey::from_bytes(&[seed; 32]);
        let public = VerifierKey::new(name, secret.verifying_key().as_bytes()).unwrap();
        (secret, public)
    }

    fn signed(text: &str, keys: &[(SigningKey, VerifierKey)]) -> String {
        let lines = keys.iter().map(|(secret, public)| signature_line(public, &secret.sign(text.as_bytes()).to_bytes()));
        format!("{text}\n{}", lines.collect::<String>())
    }

    #[test]
    fn the_published_key_of_the_go_checksum_database_is_read() {
        let text = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";
        assert_eq!(text.parse::<VerifierKey>().unwrap().to_string(), text);
    }

    #[test]
    fn a_key_that_was_changed_is_refused() {
        let (_, good) = key(1, "trust.example.com/7f3a");
        let text = good.to_string();
        for place in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[place] ^= 1;
            let Ok(other) = String::from_utf8(bytes) else { continue };
            assert!(other.parse::<VerifierKey>().is_err(), "{other}");
        }
        for text in ["", "+", "a+b", "a+00000000+", "a b+00000000+AQ==", "++"] {
            assert!(text.parse::<VerifierKey>().is_err(), "{text}");
        }
        assert!(VerifierKey::new("weak", &[0; 32]).is_err());
    }

    #[test]
    fn one_known_signature_suffices_and_unknown_ones_are_ignored() {
        let keys: Vec<_> = (1..=20).map(|seed| key(seed, "log")).collect();
        let text = signed("log\n7\nhello\n", &keys);
        let note = Note::read(text.as_bytes()).unwrap();
        assert_eq!(note.text(), "log\n7\nhello\n");
        assert_eq!(note.verify([&keys[19].1]).unwrap(), [&keys[19].1]);
        assert_eq!(note.verify([&key(30, "log").1]), Err(NoteError::Unknown));
        assert_eq!(note.verify([&key(20, "other").1]), Err(NoteError::Unknown));
        assert_eq!(note.verify([]), Err(NoteError::Unknown));
    }

    #[test]
    fn a_wrong_signature_of_a_known_key_is_never_overlooked() {
        let keys = [key(1, "log"), key(2, "log")];
        let text = signed("hello\n", &keys).replace("hello", "hullo");
        assert!(matches!(Note::read(text.as_bytes()).unwrap().verify([&keys[0].1]), Err(NoteError::Wrong(_))));
    }

    #[test]
    fn the_format_is_held_exactly() {
        let good = signed("hello\n", &[key(1, "log")]);
        assert!(Note::read(good.as_bytes()).is_ok());
        let many = format!("hello\n\n{}", "\u{2014} a AAAAAAA=\n".repeat(SIGNATURES_MAX + 1));
        let broken = [
            good.replace('\n', "\r\n"),
            format!("\u{feff}\0{good}"),
            good.trim_end().to_owned(),
            format!("{good}\n"),
            good.replace("\u{2014} ", "- "),
            good.replace("\u{2014} log", "\u{2014}  log"),
            good.replace("\n\n", "\n"),
            "\n\n\u{2014} log AAAAAAA=\n".to_owned(),
            "hello\n\n".to_owned(),
            String::new(),
            many,
            good.replace("hello", "hel\u{85}lo"),
        ];
        for text in broken {
            assert!(Note::read(text.as_bytes()).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_note_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "(\\PC|\n|\u{2014} ){0,60}") {
            let (_, public) = key(1, "log");
            for bytes in [bytes.as_slice(), text.as_bytes()] {
                if let Ok(note) = Note::read(bytes) {
                    prop_assert!(note.verify([&public]).is_err());
                }
            }
            let _ = text.parse::<VerifierKey>();
        }
    }
}
