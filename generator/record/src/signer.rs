//! The signing key: made, kept in a file that only its owner reads, and used. Its bytes leave this file as signatures only.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{Read as _, Write as _},
    path::Path,
};

use avouch_log::{
    VerifierKey, dsse,
    note::{self, ED25519},
};
use avouch_model::entry::Entry;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signer as _, SigningKey};
use zeroize::Zeroizing;

use crate::error::RecordError;

/// An Ed25519 signing key. Its text form is `PRIVATE+KEY+name+id+base64`, as Go's `note` package writes it.
pub struct Signer {
    secret: SigningKey,
    public: VerifierKey,
}

/// The two keys of a new log: one signs every day, the other lies offline until the first is lost.
#[derive(Debug)]
pub struct KeyPair {
    /// Signs entries and checkpoints.
    pub signing: Signer,
    /// Signs changes of keys only.
    pub recovery: Signer,
}

impl KeyPair {
    /// Makes both keys and writes each into a new file that only its owner reads. `name` is the log's origin.
    ///
    /// # Errors
    /// When a file exists already or cannot be written, or the name cannot be one.
    pub fn create(name: &str, signing: &Path, recovery: &Path) -> Result<Self, RecordError> {
        for path in [signing, recovery] {
            // Looked at before anything is written, so that a mistake leaves no half of a pair.
            if path.symlink_metadata().is_ok() {
                return Err(RecordError::KeyExists { path: path.to_owned() });
            }
        }
        let pair = Self { signing: Signer::generate(name)?, recovery: Signer::generate(name)? };
        pair.recovery.write(recovery)?;
        pair.signing.write(signing)?;
        Ok(pair)
    }
}

impl Signer {
    /// A new key from the system's randomness. `name` is the log's origin.
    ///
    /// # Errors
    /// When there is no randomness, or the name cannot be that of a key.
    pub fn generate(name: &str) -> Result<Self, RecordError> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(seed.as_mut()).map_err(RecordError::Random)?;
        Self::from_seed(name, &seed)
    }

    /// The key of a seed: 32 random bytes that nobody else knows.
    ///
    /// # Errors
    /// When the name cannot be that of a key.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, RecordError> {
        let secret = SigningKey::from_bytes(seed);
        let public = VerifierKey::new(name, secret.verifying_key().as_bytes()).map_err(RecordError::KeyName)?;
        Ok(Self { secret, public })
    }

    /// Reads a key from its text, as an environment variable holds it. `place` names it in an error; the text never appears.
    ///
    /// # Errors
    /// When the text is no signing key.
    pub fn from_text(text: &str, place: &str) -> Result<Self, RecordError> {
        let wrong = || RecordError::NotASigningKey { place: place.to_owned() };
        let rest = text.trim().strip_prefix("PRIVATE+KEY+").ok_or_else(wrong)?;
        let mut parts = rest.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else { return Err(wrong()) };
        let bytes = Zeroizing::new(STANDARD.decode(key).map_err(|_| wrong())?);
        let (kind, seed) = bytes.split_first().ok_or_else(wrong)?;
        let signer = Self::from_seed(name, seed.try_into().map_err(|_| wrong())?).map_err(|_| wrong())?;
        if *kind != ED25519 || hex::encode(signer.public.id()) != id {
            return Err(wrong());
        }
        Ok(signer)
    }

    /// Reads a key file that only its owner may read.
    ///
    /// # Errors
    /// When it cannot be read, others may read it, or it holds no key.
    pub fn load(path: &Path) -> Result<Self, RecordError> {
        let cause = |cause| RecordError::ReadKey { path: path.to_owned(), cause };
        let file = File::open(path).map_err(cause)?;
        refuse_if_others_read(path, &file.metadata().map_err(cause)?)?;
        let mut text = Zeroizing::new(String::with_capacity(1024));
        file.take(4096).read_to_string(&mut text).map_err(cause)?;
        Self::from_text(&text, &format!("the file `{}`", path.display()))
    }

    /// Writes the key into a new file that only its owner may read, durably.
    ///
    /// # Errors
    /// When the file exists already or cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), RecordError> {
        let cause = |cause| RecordError::WriteKey { path: path.to_owned(), cause };
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => RecordError::KeyExists { path: path.to_owned() },
            _ => cause(error),
        })?;
        file.write_all(self.text().as_bytes()).map_err(cause)?;
        file.sync_all().map_err(cause)
    }

    /// The key as text, for an environment variable or an offline store. Whoever holds it signs as this log.
    pub fn text(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new(vec![ED25519]);
        bytes.extend(self.secret.as_bytes());
        let encoded = Zeroizing::new(STANDARD.encode(&*bytes));
        let id = hex::encode(self.public.id());
        Zeroizing::new(format!("PRIVATE+KEY+{}+{id}+{}\n", self.public.name(), *encoded))
    }

    /// The public key.
    pub const fn vkey(&self) -> &VerifierKey {
        &self.public
    }

    /// The signature line of a note with this text (C2SP signed-note).
    pub fn sign_note(&self, text: &str) -> String {
        note::signature_line(&self.public, &self.secret.sign(text.as_bytes()).to_bytes())
    }

    /// The signed statement about an entry's payload: a DSSE envelope in canonical JSON.
    ///
    /// # Errors
    /// When the entry has no canonical form.
    pub fn sign_dsse(&self, entry: &Entry) -> Result<Vec<u8>, RecordError> {
        dsse::sign(entry, &self.public, |bytes| self.secret.sign(bytes).to_bytes()).map_err(RecordError::Statement)
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Signer({})", self.public.short())
    }
}

#[cfg(unix)]
fn refuse_if_others_read(path: &Path, metadata: &fs::Metadata) -> Result<(), RecordError> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(RecordError::KeyPermissions { path: path.to_owned(), mode });
    }
    Ok(())
}

#[cfg(not(unix))]
fn refuse_if_others_read(_path: &Path, _metadata: &fs::Metadata) -> Result<(), RecordError> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_from_its_file_and_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let (signing, recovery) = (folder.path().join("signing.key"), folder.path().join("recovery.key"));
        let pair = KeyPair::create("trust.example.com/7f3a", &signing, &recovery).unwrap();
        assert_ne!(pair.signing.vkey(), pair.recovery.vkey());
        assert_eq!(Signer::load(&signing).unwrap().vkey(), pair.signing.vkey());
        assert!(matches!(KeyPair::create("trust.example.com/7f3a", &signing, &recovery), Err(RecordError::KeyExists { .. })));
        assert_eq!(Signer::load(&signing).unwrap().vkey(), pair.signing.vkey());
    }

    #[cfg(unix)]
    #[test]
    fn a_key_file_that_others_may_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("signing.key");
        Signer::generate("log").unwrap().write(&path).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        for mode in [0o640, 0o604, 0o666] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = Signer::load(&path).unwrap_err();
            assert!(error.to_string().contains("chmod 600"), "{error}");
        }
    }

    #[test]
    fn the_secret_appears_in_no_debug_text_and_in_no_error() {
        let signer = Signer::from_seed("log", &[7; 32]).unwrap();
        let text = signer.text();
        let secret = text.trim().rsplit('+').next().unwrap();
        assert!(!format!("{signer:?}").contains(secret));
        let broken = text.replace("log+", "lug+");
        let error = Signer::from_text(&broken, "AVOUCH_SIGNING_KEY").unwrap_err();
        assert!(!format!("{error:?} {error}").contains(secret));
        for text in ["", "PRIVATE+KEY+", "PRIVATE+KEY+a+b+c", "log+00000000+AQ=="] {
            assert!(Signer::from_text(text, "x").is_err(), "{text}");
        }
    }
}
