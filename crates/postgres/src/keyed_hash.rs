//! Hashes under a secret that is not in the database.

use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretSlice};
use sha2::Sha256;

/// Returns the HMAC-SHA-256 of these texts under a secret. Different texts never give the same input.
#[expect(clippy::missing_panics_doc, reason = "a key may have any length")]
pub fn keyed_hash(secret: &SecretSlice<u8>, texts: &[&str]) -> [u8; 32] {
    #[expect(clippy::disallowed_methods, reason = "the key of a hash")]
    let secret = secret.expose_secret();
    let mut hash = Hmac::<Sha256>::new_from_slice(secret).expect("any key length is valid");
    for text in texts {
        hash.update(&(text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    }
    hash.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_and_the_secret_count() {
        let hash = |secret: &[u8], texts: &[&str]| keyed_hash(&secret.to_vec().into(), texts);
        let first = hash(b"secret", &["user", "alice"]);
        assert_eq!(first, hash(b"secret", &["user", "alice"]));
        for other in [["use", "ralice"], ["user", "bob"]] {
            assert_ne!(first, hash(b"secret", &other));
        }
        assert_ne!(first, hash(b"another", &["user", "alice"]));
    }
}
