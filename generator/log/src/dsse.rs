//! Signed statements about payloads: in-toto Statement v1 in a DSSE envelope (DSSE protocol v1), one signature each.

use std::collections::BTreeMap;

use avouch_model::{
    canonical::{self, CanonicalError},
    entry::Entry,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

use crate::note::VerifierKey;

/// The payload type of an envelope around an in-toto statement.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
/// The type of an in-toto Statement v1.
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// What our statements say of their subject: that it was recorded, by this first entry.
pub const PREDICATE_TYPE: &str = "urn:avouch:predicate:recorded:v1";

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<EnvelopeSignature>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EnvelopeSignature {
    keyid: String,
    sig: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Statement<'a> {
    #[serde(rename = "_type")]
    kind: &'static str,
    subject: [Subject<'a>; 1],
    predicate_type: &'static str,
    predicate: &'a Entry,
}

#[derive(Debug, Serialize)]
struct Subject<'a> {
    name: &'a str,
    digest: BTreeMap<&'static str, String>,
}

/// Why an envelope does not vouch for an entry.
#[derive(Debug, thiserror::Error)]
pub enum DsseError {
    /// The entry has no canonical form.
    #[error("the entry cannot be stated")]
    State(#[source] CanonicalError),
    /// The bytes are not the canonical JSON of an envelope.
    #[error("not a DSSE envelope in canonical JSON")]
    Envelope(#[source] CanonicalError),
    /// The envelope is about something else than an in-toto statement.
    #[error("the payload type is `{0}`, not `{PAYLOAD_TYPE}`")]
    PayloadType(String),
    /// Other than one signature.
    #[error("there are {0} signatures, not one")]
    Signatures(usize),
    /// The payload or the signature is not base64.
    #[error("the envelope holds text that is not base64")]
    Base64,
    /// The statement is not the one about this entry.
    #[error("the statement is not the one about this entry")]
    OtherStatement,
    /// The key that the envelope names may not sign here.
    #[error("it is signed by `{0}`, which is no signing key of the log at this entry")]
    UnknownKey(String),
    /// The signature is wrong.
    #[error("the signature by `{0}` does not match the statement")]
    WrongSignature(String),
}

/// The pre-authentication encoding: what an envelope's signature is over (DSSE protocol v1, "PAE").
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    bytes.extend(payload);
    bytes
}

/// The statement about an entry's payload: its digest, and the entry that first recorded it, in canonical JSON.
///
/// # Errors
/// When the entry has no canonical form.
pub fn statement(entry: &Entry) -> Result<Vec<u8>, DsseError> {
    canonical::to_bytes(&Statement {
        kind: STATEMENT_TYPE,
        subject: [Subject { name: &entry.subject, digest: BTreeMap::from([("sha256", entry.digest.hex())]) }],
        predicate_type: PREDICATE_TYPE,
        predicate: entry,
    })
    .map_err(DsseError::State)
}

/// The signed statement about an entry's payload, in canonical JSON. `sign` signs bytes with the key that is named.
///
/// # Errors
/// When the entry has no canonical form.
pub fn sign(entry: &Entry, key: &VerifierKey, sign: impl FnOnce(&[u8]) -> [u8; 64]) -> Result<Vec<u8>, DsseError> {
    let statement = statement(entry)?;
    let signature = sign(&pae(PAYLOAD_TYPE, &statement));
    canonical::to_bytes(&Envelope {
        payload: STANDARD.encode(&statement),
        payload_type: PAYLOAD_TYPE.to_owned(),
        signatures: vec![EnvelopeSignature { keyid: key.short(), sig: STANDARD.encode(signature) }],
    })
    .map_err(DsseError::State)
}

/// Checks that an envelope is the statement about this entry, and gives the key among these that signed it.
///
/// # Errors
/// When the envelope has another spelling, says something else, or is not signed by one of the keys.
pub fn verify<'k>(
    envelope: &[u8],
    entry: &Entry,
    keys: impl IntoIterator<Item = &'k VerifierKey>,
) -> Result<&'k VerifierKey, DsseError> {
    let bytes = envelope;
    let envelope: Envelope = serde_json::from_slice(bytes).map_err(|cause| DsseError::Envelope(cause.into()))?;
    // Whatever was read leniently must be written as it was.
    if canonical::to_bytes(&envelope).map_err(DsseError::Envelope)? != bytes {
        return Err(DsseError::Envelope(CanonicalError::Spelling));
    }
    if envelope.payload_type != PAYLOAD_TYPE {
        return Err(DsseError::PayloadType(envelope.payload_type));
    }
    let [signature] = envelope.signatures.as_slice() else {
        return Err(DsseError::Signatures(envelope.signatures.len()));
    };
    let payload = STANDARD.decode(&envelope.payload).map_err(|_| DsseError::Base64)?;
    if payload != statement(entry)? {
        return Err(DsseError::OtherStatement);
    }
    let bytes = STANDARD.decode(&signature.sig).ok().and_then(|bytes| <[u8; 64]>::try_from(bytes).ok());
    let bytes = bytes.ok_or(DsseError::Base64)?;
    let key = keys.into_iter().find(|key| key.short() == signature.keyid);
    let key = key.ok_or_else(|| DsseError::UnknownKey(signature.keyid.clone()))?;
    if !key.verifies(&pae(PAYLOAD_TYPE, &payload), &bytes) {
        return Err(DsseError::WrongSignature(signature.keyid.clone()));
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use avouch_model::{
        Digest, Timestamp,
        entry::{EntryKind, Visibility},
    };
    use ed25519_dalek::{Signer as _, SigningKey};

    use super::*;

    fn entry() -> Entry {
        Entry {
            v: 1,
            kind: EntryKind::Sbom,
            at: Timestamp::from_unix(1_790_000_000),
            subject: "1.4.2/bom.json".into(),
            visibility: Visibility::Public,
            media_type: Entry::CYCLONEDX.into(),
            digest: Digest::of(b"bom"),
            size: 3,
        }
    }

    fn key(seed: u8) -> (SigningKey, VerifierKey) {
        let secret = SigningKey::from_bytes(&[seed; 32]);
        let public = VerifierKey::new("log", secret.verifying_key().as_bytes()).unwrap();
        (secret, public)
    }

    #[test]
    fn the_encoding_is_that_of_the_protocol() {
        assert_eq!(
            pae("http://example.com/HelloWorld", b"hello world"),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }

    #[test]
    fn an_envelope_vouches_for_its_entry_only() {
        let (secret, public) = key(1);
        let envelope = sign(&entry(), &public, |bytes| secret.sign(bytes).to_bytes()).unwrap();
        assert_eq!(verify(&envelope, &entry(), [&key(2).1, &public]).unwrap(), &public);
        assert!(matches!(verify(&envelope, &entry(), [&key(2).1]), Err(DsseError::UnknownKey(_))));
        let other = Entry { size: 4, ..entry() };
        assert!(matches!(verify(&envelope, &other, [&public]), Err(DsseError::OtherStatement)));
    }

    #[test]
    fn every_changed_bit_of_an_envelope_is_noticed() {
        let (secret, public) = key(1);
        let envelope = sign(&entry(), &public, |bytes| secret.sign(bytes).to_bytes()).unwrap();
        for place in 0..envelope.len() {
            for bit in [1, 0x20, 0x80] {
                let mut broken = envelope.clone();
                broken[place] ^= bit;
                assert!(verify(&broken, &entry(), [&public]).is_err(), "byte {place}");
            }
            assert!(verify(&envelope[..place], &entry(), [&public]).is_err());
        }
    }

    #[test]
    fn a_second_signature_is_refused() {
        let (secret, public) = key(1);
        let envelope = sign(&entry(), &public, |bytes| secret.sign(bytes).to_bytes()).unwrap();
        let mut read: Envelope = canonical::from_bytes(&envelope).unwrap();
        read.signatures.push(EnvelopeSignature { keyid: "x".into(), sig: String::new() });
        let twice = canonical::to_bytes(&read).unwrap();
        assert!(matches!(verify(&twice, &entry(), [&public]), Err(DsseError::Signatures(2))));
    }
}
