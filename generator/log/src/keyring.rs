//! Which keys may sign a log at which entry: the genesis names the first, `key` entries add, retire and revoke.

use avouch_model::{
    entry::EntryKind,
    payload::{Genesis, KeyAction, KeyEvent},
};

use crate::note::{NotAKey, VerifierKey};

/// The signing keys of a log at a place in it.
///
/// A `key` entry is signed by a key that signs already, or by the offline recovery key. A key that was retired or revoked
/// never returns. Trust travels: a key that a trusted key added is trusted.
#[derive(Clone, Debug)]
pub struct Keyring {
    keys: Vec<Held>,
    recovery: VerifierKey,
    recovery_trusted: bool,
    given: Vec<VerifierKey>,
}

#[derive(Clone, Debug)]
struct Held {
    key: VerifierKey,
    active: bool,
    trusted: bool,
}

/// Why the keys of a log cannot be told, or a key event cannot be.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// A key cannot be read.
    #[error("the {which} key cannot be read")]
    Key {
        /// `signing`, `recovery` or `named`.
        which: &'static str,
        /// What is wrong with it.
        #[source]
        cause: NotAKey,
    },
    /// A key carries another name than the log.
    #[error("the key `{0}` does not carry the log's origin as its name")]
    Name(String),
    /// A key that is or was in use, or is the recovery key, was to be added.
    #[error("the key `{0}` is or was in use already; make a new one")]
    Used(String),
    /// A key that does not sign was to be retired or revoked.
    #[error("the key `{0}` does not sign this log")]
    NotActive(String),
    /// The last key was to be retired, after which nobody could sign.
    #[error("`{0}` is the only signing key; add another before retiring it")]
    Last(String),
}

impl Keyring {
    /// The keys after the genesis. `given` are the keys that the auditor trusts.
    ///
    /// # Errors
    /// When a key cannot be read or carries another name than the log.
    pub fn begin(genesis: &Genesis, given: &[VerifierKey]) -> Result<Self, KeyringError> {
        let read = |which, text: &str| {
            let key: VerifierKey = text.parse().map_err(|cause| KeyringError::Key { which, cause })?;
            if key.name() == genesis.origin { Ok(key) } else { Err(KeyringError::Name(key.short())) }
        };
        let signing = read("signing", &genesis.signing_key)?;
        let recovery = read("recovery", &genesis.recovery_key)?;
        if recovery == signing {
            return Err(KeyringError::Used(recovery.short()));
        }
        let trusted = given.contains(&signing);
        Ok(Self {
            // The signing key signed the genesis, which names the recovery key.
            recovery_trusted: trusted || given.contains(&recovery),
            keys: vec![Held { key: signing, active: true, trusted }],
            recovery,
            given: given.to_vec(),
        })
    }

    /// The keys that may sign a checkpoint and the statement of an ordinary entry here.
    pub fn active(&self) -> impl Iterator<Item = &VerifierKey> {
        self.keys.iter().filter(|held| held.active).map(|held| &held.key)
    }

    /// The keys that may sign the statement of an entry of this kind here.
    pub fn signers(&self, kind: EntryKind) -> impl Iterator<Item = &VerifierKey> {
        let recovery = (kind == EntryKind::Key).then_some(&self.recovery);
        self.active().chain(recovery)
    }

    /// The keys that sign here and are given, or were added by a key that is.
    pub fn trusted(&self) -> impl Iterator<Item = &VerifierKey> {
        self.keys.iter().filter(|held| held.active && held.trusted).map(|held| &held.key)
    }

    /// The offline recovery key.
    pub const fn recovery(&self) -> &VerifierKey {
        &self.recovery
    }

    /// Applies a key event; `signer` signed its statement, none when that is not known.
    ///
    /// # Errors
    /// When the event cannot be: an unknown key, one that returns, or the last one to be retired.
    pub fn apply(&mut self, event: &KeyEvent, signer: Option<&VerifierKey>) -> Result<(), KeyringError> {
        let key: VerifierKey = event.key.parse().map_err(|cause| KeyringError::Key { which: "named", cause })?;
        if key.name() != self.recovery.name() {
            return Err(KeyringError::Name(key.short()));
        }
        let active = self.active().count();
        let held = self.keys.iter_mut().find(|held| held.key == key);
        match (event.action, held) {
            (KeyAction::Add, None) if key != self.recovery => {
                let by = |signer: &VerifierKey| {
                    let trusted = self.keys.iter().any(|held| held.trusted && held.key == *signer);
                    trusted || (self.recovery_trusted && self.recovery == *signer)
                };
                let trusted = self.given.contains(&key) || signer.is_some_and(by);
                self.keys.push(Held { key, active: true, trusted });
            }
            (KeyAction::Add, _) => return Err(KeyringError::Used(key.short())),
            (KeyAction::Retire, Some(held)) if held.active => {
                if active == 1 {
                    return Err(KeyringError::Last(key.short()));
                }
                held.active = false;
            }
            // The last key may be revoked: it was lost, and the recovery key adds another.
            (KeyAction::Revoke, Some(held)) if held.active => held.active = false,
            (KeyAction::Retire | KeyAction::Revoke, _) => return Err(KeyringError::NotActive(key.short())),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;

    use super::*;

    fn key(seed: u8) -> VerifierKey {
        VerifierKey::new("log", SigningKey::from_bytes(&[seed; 32]).verifying_key().as_bytes()).unwrap()
    }

    fn genesis() -> Genesis {
        Genesis {
            v: 1,
            origin: "log".into(),
            product: "CK".into(),
            signing_key: key(1).to_string(),
            recovery_key: key(9).to_string(),
        }
    }

    fn event(action: KeyAction, seed: u8) -> KeyEvent {
        KeyEvent { v: 1, action, key: key(seed).to_string() }
    }

    #[test]
    fn trust_travels_from_key_to_key() {
        let mut ring = Keyring::begin(&genesis(), &[key(1)]).unwrap();
        ring.apply(&event(KeyAction::Add, 2), Some(&key(1))).unwrap();
        ring.apply(&event(KeyAction::Retire, 1), Some(&key(2))).unwrap();
        assert_eq!(ring.trusted().collect::<Vec<_>>(), [&key(2)]);
        let mut ring = Keyring::begin(&genesis(), &[]).unwrap();
        ring.apply(&event(KeyAction::Add, 2), Some(&key(1))).unwrap();
        assert_eq!((ring.active().count(), ring.trusted().count()), (2, 0));
    }

    #[test]
    fn the_recovery_key_signs_key_events_only() {
        let mut ring = Keyring::begin(&genesis(), &[key(1)]).unwrap();
        assert!(ring.signers(EntryKind::Key).any(|found| *found == key(9)));
        assert!(!ring.signers(EntryKind::Run).any(|found| *found == key(9)));
        ring.apply(&event(KeyAction::Revoke, 1), Some(&key(9))).unwrap();
        assert_eq!(ring.active().count(), 0);
        ring.apply(&event(KeyAction::Add, 2), Some(&key(9))).unwrap();
        assert_eq!(ring.trusted().collect::<Vec<_>>(), [&key(2)]);
    }

    #[test]
    fn keys_never_return_and_the_last_is_not_retired() {
        let mut ring = Keyring::begin(&genesis(), &[]).unwrap();
        assert!(matches!(ring.apply(&event(KeyAction::Retire, 1), None), Err(KeyringError::Last(_))));
        assert!(matches!(ring.apply(&event(KeyAction::Retire, 2), None), Err(KeyringError::NotActive(_))));
        assert!(matches!(ring.apply(&event(KeyAction::Add, 1), None), Err(KeyringError::Used(_))));
        assert!(matches!(ring.apply(&event(KeyAction::Add, 9), None), Err(KeyringError::Used(_))));
        ring.apply(&event(KeyAction::Add, 2), None).unwrap();
        ring.apply(&event(KeyAction::Revoke, 1), None).unwrap();
        assert!(matches!(ring.apply(&event(KeyAction::Add, 1), None), Err(KeyringError::Used(_))));
    }
}
