//! SSH signatures over files: OpenSSH's `ssh-keygen -Y sign`, read and verified.
//!
//! Format: OpenSSH `PROTOCOL.sshsig`; keys: RFC 8709 (`ssh-ed25519`) and OpenSSH `PROTOCOL.u2f`
//! (`sk-ssh-ed25519@openssh.com`, a key on a hardware token). Other algorithms are refused. A signature counts only for the
//! namespace that it was made for, so that one for e-mail or git is none for a decision.

use base64::{Engine, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest, Sha256, Sha512};

const MAGIC: &[u8] = b"SSHSIG";
const VERSION: u32 = 1;
const BEGIN: &str = "-----BEGIN SSH SIGNATURE-----";
const END: &str = "-----END SSH SIGNATURE-----";
const ED25519: &str = "ssh-ed25519";
const SK_ED25519: &str = "sk-ssh-ed25519@openssh.com";
/// The flag of a hardware key that says that somebody touched it (`PROTOCOL.u2f`, user presence).
const USER_PRESENT: u8 = 1;

/// Why a text is no key or no signature, or a signature does not hold.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SshsigError {
    /// The text is not an OpenSSH public key.
    #[error("this is not an OpenSSH public key: expected `ssh-ed25519 AAAA…`")]
    NotAKey,
    /// The key is of another algorithm.
    #[error("keys of the type `{0}` are not accepted: use ssh-ed25519 or sk-ssh-ed25519@openssh.com")]
    OtherAlgorithm(String),
    /// The text is not an armored SSH signature.
    #[error("this is not an SSH signature as `ssh-keygen -Y sign` writes it")]
    NotASignature,
    /// The signature is for something else.
    #[error("the signature was made for the namespace `{0}`")]
    OtherNamespace(String),
    /// The signature is of another key.
    #[error("the signature was made with another key")]
    OtherKey,
    /// The hardware key was not touched.
    #[error("the hardware key signed without being touched")]
    NotTouched,
    /// The signature does not hold: the file is not the one that was signed.
    #[error("the signature does not fit the file")]
    DoesNotHold,
}

/// The hash that a signature is made over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// SHA-256.
    Sha256,
    /// SHA-512, what `ssh-keygen` takes unless told otherwise.
    Sha512,
}

impl Hash {
    const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    fn of(self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(message).to_vec(),
            Self::Sha512 => Sha512::digest(message).to_vec(),
        }
    }
}

/// An OpenSSH public key of an accepted algorithm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    key: VerifyingKey,
    /// For hardware keys: what the key was made for, `ssh:`.
    application: Option<Vec<u8>>,
}

impl PublicKey {
    /// Reads the line of a `.pub` file: algorithm, base64, perhaps a comment.
    ///
    /// # Errors
    /// When it is not an OpenSSH public key, or of another algorithm than Ed25519.
    pub fn parse(line: &str) -> Result<Self, SshsigError> {
        let mut words = line.split_whitespace();
        let (algorithm, data) = words.next().zip(words.next()).ok_or(SshsigError::NotAKey)?;
        let blob = STANDARD.decode(data).map_err(|_| SshsigError::NotAKey)?;
        let key = Self::from_blob(&blob)?;
        if key.algorithm() == algorithm { Ok(key) } else { Err(SshsigError::NotAKey) }
    }

    /// The key of these 32 bytes, as an ordinary key (not on a hardware token); none when they are no key.
    pub fn from_bytes(bytes: &[u8; 32]) -> Option<Self> {
        let key = VerifyingKey::from_bytes(bytes).ok()?;
        Some(Self { key, application: None })
    }

    /// The wire form: the algorithm's name and its fields.
    fn blob(&self) -> Vec<u8> {
        let mut blob = Vec::new();
        put(&mut blob, self.algorithm().as_bytes());
        put(&mut blob, self.key.as_bytes());
        if let Some(application) = &self.application {
            put(&mut blob, application);
        }
        blob
    }

    const fn algorithm(&self) -> &'static str {
        if self.application.is_some() { SK_ED25519 } else { ED25519 }
    }

    fn from_blob(blob: &[u8]) -> Result<Self, SshsigError> {
        let mut rest = Bytes(blob);
        let algorithm = rest.text().ok_or(SshsigError::NotAKey)?;
        let hardware = match algorithm {
            ED25519 => false,
            SK_ED25519 => true,
            other => return Err(SshsigError::OtherAlgorithm(other.chars().take(64).collect())),
        };
        let mut read = || {
            let key = VerifyingKey::from_bytes(rest.string()?.try_into().ok()?).ok()?;
            let application = if hardware { Some(rest.string()?.to_vec()) } else { None };
            (rest.0.is_empty() && !key.is_weak()).then_some(Self { key, application })
        };
        read().ok_or(SshsigError::NotAKey)
    }
}

/// A signature, read and not yet verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sshsig {
    key: PublicKey,
    namespace: String,
    hash: Hash,
    signature: [u8; 64],
    /// For hardware keys: the flags and the counter of the token.
    token: Option<(u8, u32)>,
}

impl Sshsig {
    /// Reads an armored signature.
    ///
    /// # Errors
    /// When it is not in the form of `PROTOCOL.sshsig`, to the last byte, or its key is of another algorithm.
    pub fn parse(armored: &str) -> Result<Self, SshsigError> {
        let body = armored.trim().strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(END));
        let base64: String = body.ok_or(SshsigError::NotASignature)?.split_ascii_whitespace().collect();
        let blob = STANDARD.decode(base64).map_err(|_| SshsigError::NotASignature)?;
        let mut rest = Bytes(&blob);
        let key = Self::key_blob(&mut rest).ok_or(SshsigError::NotASignature)?;
        let key = PublicKey::from_blob(key)?;
        Self::rest(&mut rest, key).ok_or(SshsigError::NotASignature)
    }

    /// Whether this key signed this message for this namespace.
    ///
    /// # Errors
    /// [`SshsigError::OtherKey`], [`SshsigError::OtherNamespace`], [`SshsigError::NotTouched`] or
    /// [`SshsigError::DoesNotHold`].
    pub fn verify(&self, key: &PublicKey, namespace: &str, message: &[u8]) -> Result<(), SshsigError> {
        if self.key != *key {
            return Err(SshsigError::OtherKey);
        }
        if self.namespace != namespace {
            return Err(SshsigError::OtherNamespace(self.namespace.clone()));
        }
        let mut signed = signed_data(&self.namespace, self.hash, message);
        if let (Some((flags, counter)), Some(application)) = (self.token, &self.key.application) {
            if flags & USER_PRESENT == 0 {
                return Err(SshsigError::NotTouched);
            }
            let message = Sha256::digest(&signed);
            signed = Sha256::digest(application).to_vec();
            signed.push(flags);
            signed.extend(counter.to_be_bytes());
            signed.extend(message);
        }
        let signature = Signature::from_bytes(&self.signature);
        let held = self.key.key.verify_strict(&signed, &signature);
        held.map_err(|_| SshsigError::DoesNotHold)
    }

    fn key_blob<'a>(rest: &mut Bytes<'a>) -> Option<&'a [u8]> {
        let begins = rest.take(MAGIC.len())? == MAGIC && rest.number()? == VERSION;
        if begins { rest.string() } else { None }
    }

    fn rest(rest: &mut Bytes<'_>, key: PublicKey) -> Option<Self> {
        let namespace = rest.text().filter(|namespace| !namespace.is_empty())?.to_owned();
        let _reserved = rest.string()?;
        let hash = match rest.text()? {
            "sha256" => Hash::Sha256,
            "sha512" => Hash::Sha512,
            _ => return None,
        };
        let mut inner = Bytes(rest.string()?);
        if inner.text()? != key.algorithm() {
            return None;
        }
        let signature = inner.string()?.try_into().ok()?;
        let token = match key.application {
            Some(_) => Some((*inner.take(1)?.first()?, inner.number()?)),
            None => None,
        };
        (rest.0.is_empty() && inner.0.is_empty()).then_some(Self { key, namespace, hash, signature, token })
    }
}

/// What a key signs for a message (`PROTOCOL.sshsig`, section 3).
pub fn signed_data(namespace: &str, hash: Hash, message: &[u8]) -> Vec<u8> {
    let mut data = MAGIC.to_vec();
    put(&mut data, namespace.as_bytes());
    put(&mut data, b"");
    put(&mut data, hash.name().as_bytes());
    put(&mut data, &hash.of(message));
    data
}

/// The armored signature of an ordinary key: `signature` is over [`signed_data`] of the same namespace and hash.
pub fn armored(key: &PublicKey, namespace: &str, hash: Hash, signature: &[u8; 64]) -> String {
    let mut inner = Vec::new();
    put(&mut inner, key.algorithm().as_bytes());
    put(&mut inner, signature);
    let mut blob = MAGIC.to_vec();
    blob.extend(VERSION.to_be_bytes());
    put(&mut blob, &key.blob());
    put(&mut blob, namespace.as_bytes());
    put(&mut blob, b"");
    put(&mut blob, hash.name().as_bytes());
    put(&mut blob, &inner);
    enclose(&blob)
}

fn enclose(blob: &[u8]) -> String {
    let mut text = format!("{BEGIN}\n");
    for (place, letter) in STANDARD.encode(blob).chars().enumerate() {
        if place > 0 && place % 70 == 0 {
            text.push('\n');
        }
        text.push(letter);
    }
    text + "\n" + END + "\n"
}

/// An SSH `string`: its length, then its bytes (RFC 4251 section 5).
fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    // Everything that is put is shorter than a few kilobytes.
    out.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend(bytes);
}

struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    fn string(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        self.take(length)
    }

    fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.string()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signer, SigningKey};
    use proptest::prelude::*;

    use super::*;

    // Made with `ssh-keygen -Y sign -n avouch-decision` of OpenSSH 9.2; the private keys were thrown away.
    const MESSAGE: &[u8] = include_bytes!("decisions/testdata/waiver.toml");
    const ALICE: &str = include_str!("decisions/testdata/alice.pub");
    const BOB: &str = include_str!("decisions/testdata/bob.pub");
    const BY_BOB: &str = include_str!("decisions/testdata/waiver.toml.bob.sig");
    const BY_BOB_SHA256: &str = include_str!("decisions/testdata/waiver.toml.bob-sha256.sig");
    const BY_BOB_FOR_GIT: &str = include_str!("decisions/testdata/waiver.toml.bob-git.sig");
    const BY_RSA: &str = include_str!("decisions/testdata/waiver.toml.rsa.sig");
    const RSA: &str = include_str!("decisions/testdata/rsa.pub");
    // Made with OpenSSL from the seed [7; 32], and accepted by `ssh-keygen -Y verify`.
    const BY_TOKEN: &str = include_str!("decisions/testdata/waiver.toml.token.sig");
    const TOKEN: &str = include_str!("decisions/testdata/token.pub");

    #[test]
    fn what_ssh_keygen_signed_holds_with_both_hashes() {
        let bob = PublicKey::parse(BOB).unwrap();
        for (armored, hash) in [(BY_BOB, Hash::Sha512), (BY_BOB_SHA256, Hash::Sha256)] {
            let signature = Sshsig::parse(armored).unwrap();
            assert_eq!(signature.hash, hash);
            assert_eq!(signature.verify(&bob, "avouch-decision", MESSAGE), Ok(()));
        }
    }

    #[test]
    fn another_file_key_or_namespace_does_not_hold() {
        let (alice, bob) = (PublicKey::parse(ALICE).unwrap(), PublicKey::parse(BOB).unwrap());
        let signature = Sshsig::parse(BY_BOB).unwrap();
        let refused = |key, namespace, message: &[u8]| signature.verify(key, namespace, message).unwrap_err();
        assert_eq!(refused(&bob, "avouch-decision", b"another"), SshsigError::DoesNotHold);
        assert_eq!(refused(&alice, "avouch-decision", MESSAGE), SshsigError::OtherKey);
        let for_git = Sshsig::parse(BY_BOB_FOR_GIT).unwrap();
        let other = for_git.verify(&bob, "avouch-decision", MESSAGE);
        assert_eq!(other, Err(SshsigError::OtherNamespace("git".into())));
        assert_eq!(for_git.verify(&bob, "git", MESSAGE), Ok(()));
    }

    #[test]
    fn other_algorithms_are_refused_by_name() {
        assert_eq!(PublicKey::parse(RSA), Err(SshsigError::OtherAlgorithm("ssh-rsa".into())));
        assert_eq!(Sshsig::parse(BY_RSA), Err(SshsigError::OtherAlgorithm("ssh-rsa".into())));
    }

    #[test]
    fn what_is_assembled_reads_back_and_is_what_ssh_keygen_writes() {
        let signing = SigningKey::from_bytes(&[7; 32]);
        let key = PublicKey::from_bytes(signing.verifying_key().as_bytes()).unwrap();
        let signature = signing.sign(&signed_data("avouch-decision", Hash::Sha512, MESSAGE)).to_bytes();
        let text = armored(&key, "avouch-decision", Hash::Sha512, &signature);
        assert_eq!(Sshsig::parse(&text).unwrap().verify(&key, "avouch-decision", MESSAGE), Ok(()));
        let theirs = Sshsig::parse(BY_BOB).unwrap();
        assert_eq!(armored(&theirs.key, &theirs.namespace, theirs.hash, &theirs.signature), BY_BOB);
    }

    /// A signature as a hardware token makes it: its own data around the digest of what is signed.
    fn by_token(flags: u8) -> (PublicKey, String) {
        let signing = SigningKey::from_bytes(&[7; 32]);
        let application = b"ssh:".to_vec();
        let key = PublicKey { key: signing.verifying_key(), application: Some(application.clone()) };
        let mut signed = Sha256::digest(&application).to_vec();
        signed.push(flags);
        signed.extend(9_u32.to_be_bytes());
        signed.extend(Sha256::digest(signed_data("avouch-decision", Hash::Sha512, MESSAGE)));
        let mut inner = Vec::new();
        put(&mut inner, SK_ED25519.as_bytes());
        put(&mut inner, &signing.sign(&signed).to_bytes());
        inner.push(flags);
        inner.extend(9_u32.to_be_bytes());
        let mut blob = MAGIC.to_vec();
        blob.extend(VERSION.to_be_bytes());
        put(&mut blob, &key.blob());
        for field in ["avouch-decision", "", "sha512"] {
            put(&mut blob, field.as_bytes());
        }
        put(&mut blob, &inner);
        (key, enclose(&blob))
    }

    #[test]
    fn a_hardware_key_must_be_touched() {
        let (key, text) = by_token(USER_PRESENT);
        assert_eq!(PublicKey::parse(TOKEN).unwrap(), key);
        assert_eq!(text, BY_TOKEN);
        assert_eq!(Sshsig::parse(BY_TOKEN).unwrap().verify(&key, "avouch-decision", MESSAGE), Ok(()));
        let (key, text) = by_token(0);
        let refused = Sshsig::parse(&text).unwrap().verify(&key, "avouch-decision", MESSAGE);
        assert_eq!(refused, Err(SshsigError::NotTouched));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for line in ["", "ssh-ed25519", "ssh-ed25519 !!!!", "ssh-ed25519 AAAA", "AAAA ssh-ed25519"] {
            assert_eq!(PublicKey::parse(line), Err(SshsigError::NotAKey), "{line}");
        }
        // The key of order one would "verify" signatures of nobody.
        let mut blob = Vec::new();
        put(&mut blob, ED25519.as_bytes());
        let mut identity = [0; 32];
        identity[0] = 1;
        put(&mut blob, &identity);
        assert_eq!(PublicKey::from_blob(&blob), Err(SshsigError::NotAKey));
    }

    proptest! {
        #[test]
        fn no_change_of_a_single_byte_goes_unnoticed(place in 0_usize..300, flip in 1_u8..) {
            let body: String = BY_BOB.lines().filter(|line| !line.starts_with('-')).collect();
            let mut blob = STANDARD.decode(body).unwrap();
            let place = place % blob.len();
            blob[place] ^= flip;
            let held = Sshsig::parse(&enclose(&blob))
                .and_then(|signature| signature.verify(&PublicKey::parse(BOB).unwrap(), "avouch-decision", MESSAGE));
            prop_assert!(held.is_err());
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut blob = MAGIC.to_vec();
            blob.extend(VERSION.to_be_bytes());
            blob.extend(bytes);
            let _ = Sshsig::parse(&enclose(&blob));
        }
    }
}
