//! SSH signatures, as `ssh-keygen -Y sign` makes them (OpenSSH, `PROTOCOL.sshsig`), and public keys in OpenSSH's form.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signer as _, SigningKey};
use sha2::{Digest as _, Sha512};

const MAGIC: &[u8] = b"SSHSIG";
const ALGORITHM: &[u8] = b"ssh-ed25519";
const HASH: &[u8] = b"sha512";
/// What `ssh-keygen` breaks its lines at.
const LINE: usize = 70;

/// The armored signature of a message, for one namespace.
pub(super) fn sign(key: &SigningKey, namespace: &str, message: &[u8]) -> String {
    let mut signed = MAGIC.to_vec();
    push(&mut signed, namespace.as_bytes());
    push(&mut signed, b"");
    push(&mut signed, HASH);
    push(&mut signed, &Sha512::digest(message));
    let mut signature = Vec::new();
    push(&mut signature, ALGORITHM);
    push(&mut signature, &key.sign(&signed).to_bytes());

    let mut blob = MAGIC.to_vec();
    blob.extend_from_slice(&1_u32.to_be_bytes());
    push(&mut blob, &public_blob(key));
    push(&mut blob, namespace.as_bytes());
    push(&mut blob, b"");
    push(&mut blob, HASH);
    push(&mut blob, &signature);
    let mut text = "-----BEGIN SSH SIGNATURE-----\n".to_owned();
    let mut rest = STANDARD.encode(blob);
    while !rest.is_empty() {
        let next = rest.split_off(rest.len().min(LINE));
        text.push_str(&rest);
        text.push('\n');
        rest = next;
    }
    text + "-----END SSH SIGNATURE-----\n"
}

/// The public key, `ssh-ed25519 AAAA…`.
pub(crate) fn public_key(key: &SigningKey) -> String {
    format!("ssh-ed25519 {}", STANDARD.encode(public_blob(key)))
}

fn public_blob(key: &SigningKey) -> Vec<u8> {
    let mut blob = Vec::new();
    push(&mut blob, ALGORITHM);
    push(&mut blob, key.verifying_key().as_bytes());
    blob
}

/// A string of the SSH protocol: its length, then its bytes (RFC 4251, section 5).
fn push(blob: &mut Vec<u8>, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    blob.extend_from_slice(&length.to_be_bytes());
    blob.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_and_a_signature_have_the_form_of_openssh() {
        let key = SigningKey::from_bytes(&[7; 32]);
        assert!(public_key(&key).starts_with("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI"));
        let text = sign(&key, "avouch-decision", b"decided");
        let lines: Vec<_> = text.lines().collect();
        assert_eq!((lines[0], *lines.last().unwrap()), ("-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"));
        let blob = STANDARD.decode(lines[1..lines.len() - 1].concat()).unwrap();
        assert!(blob.starts_with(b"SSHSIG\0\0\0\x01"));
        assert_eq!(sign(&key, "avouch-decision", b"decided"), text, "Ed25519 signs the same the same way");
        assert_ne!(sign(&key, "git", b"decided"), text);
    }
}
