//! What a checkpoint vouches for, as the text that is signed, and the keys that sign it and check it. The writer and
//! `verify` have it from here alone.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, ParsedPublicKey};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::line::LineHash;
use super::record::Checkpoint;

/// What every Ed25519 key has before its 32 bytes as a `SubjectPublicKeyInfo` (RFC 8410, section 4).
const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// A key cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointKeyError {
    /// What is needed to sign is something else.
    #[error(
        "holds no Ed25519 private key in PKCS #8 PEM; make one with `openssl genpkey -algorithm ed25519 -out FILE`"
    )]
    NotPrivate,
    /// What is needed to check is something else.
    #[error(
        "holds no Ed25519 public key in PEM; take it out of the private key with `openssl pkey -in KEY -pubout`"
    )]
    NotPublic,
}

/// The key that signs checkpoints, if there is one. Clones have the same, also after it was replaced.
#[derive(Clone, Debug, Default)]
pub struct Signer(Arc<ArcSwapOption<SigningKey>>);

impl Signer {
    /// With this key.
    pub fn new(key: Option<Arc<SigningKey>>) -> Self {
        Self(Arc::new(ArcSwapOption::new(key)))
    }

    /// The key as it is now.
    pub fn key(&self) -> Option<Arc<SigningKey>> {
        self.0.load_full()
    }

    /// Has the key of another from the next checkpoint on.
    pub fn take_over(&self, other: &Self) {
        self.0.store(other.key());
    }
}

/// What a checkpoint says of the trail. This, and nothing else, is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The trail's own id.
    pub trail: Uuid,
    /// The first line that is still kept.
    pub first: u64,
    /// The last line that is vouched for.
    pub sequence: u64,
    /// That line's hash.
    pub hash: LineHash,
    /// When; its microseconds count.
    pub time: Timestamp,
}

impl Statement {
    /// The signed text, which anybody can put together from a checkpoint's members:
    ///
    /// ```text
    /// confgate audit checkpoint v1
    /// trail 0199c0de-0000-7000-8000-000000000000
    /// first 1
    /// sequence 4710
    /// hash 5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03
    /// time 2026-11-23T02:47:04.123456Z
    /// ```
    ///
    /// Each line ends with a newline, the last one too.
    pub fn signed_text(&self) -> String {
        let Self { trail, first, sequence, hash, time } = self;
        format!(
            "confgate audit checkpoint v1\ntrail {trail}\nfirst {first}\nsequence {sequence}\nhash {hash}\n\
             time {time:.6}\n"
        )
    }
}

impl From<&Checkpoint> for Statement {
    fn from(checkpoint: &Checkpoint) -> Self {
        let Checkpoint { trail, first, sequence, hash, time, .. } = *checkpoint;
        Self { trail, first, sequence, hash, time }
    }
}

impl Checkpoint {
    /// The same, signed; as it is without a key.
    #[must_use]
    pub fn signed_by(self, key: Option<&SigningKey>) -> Self {
        let Some(key) = key else { return self };
        let signature = key.sign(&Statement::from(&self));
        Self { key: Some(Arc::clone(key.id())), signature: Some(signature), ..self }
    }
}

/// The Ed25519 key that signs checkpoints. It does not print.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    id: Arc<str>,
}

impl SigningKey {
    /// Reads PEM with PKCS #8 in it, as `openssl genpkey -algorithm ed25519` writes it. Text around it is passed over.
    pub fn from_pem(pem: &[u8]) -> Result<Self, CheckpointKeyError> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem).map_err(|_| CheckpointKeyError::NotPrivate)?;
        let der = Zeroizing::new(der);
        let pair =
            Ed25519KeyPair::from_pkcs8(der.secret_pkcs8_der()).map_err(|_| CheckpointKeyError::NotPrivate)?;
        let id = key_id(pair.public_key().as_ref());
        Ok(Self { pair, id })
    }

    /// How checkpoints name it: the first 16 hexadecimal digits of the SHA-256 of the public key's 32 bytes.
    pub fn id(&self) -> &Arc<str> {
        &self.id
    }

    /// The signature in base64, padded.
    pub fn sign(&self, statement: &Statement) -> Box<str> {
        BASE64_STANDARD.encode(self.pair.sign(statement.signed_text().as_bytes())).into()
    }

    /// The other half.
    pub fn public_key(&self) -> Result<PublicKey, CheckpointKeyError> {
        PublicKey::from_bytes(self.pair.public_key().as_ref())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The key that tells whose checkpoints they are.
#[derive(Clone, Debug)]
pub struct PublicKey {
    key: ParsedPublicKey,
    id: Arc<str>,
}

impl PublicKey {
    /// Reads every `SubjectPublicKeyInfo` in a PEM, as `openssl pkey -pubout` writes it; there has to be one at least.
    /// Text around them is passed over.
    pub fn all_from_pem(pem: &[u8]) -> Result<Vec<Self>, CheckpointKeyError> {
        let each = SubjectPublicKeyInfoDer::pem_slice_iter(pem).map(|der| {
            let der = der.map_err(|_| CheckpointKeyError::NotPublic)?;
            Self::from_bytes(der.strip_prefix(&SPKI_PREFIX[..]).ok_or(CheckpointKeyError::NotPublic)?)
        });
        let keys: Vec<_> = each.collect::<Result<_, _>>()?;
        if keys.is_empty() { Err(CheckpointKeyError::NotPublic) } else { Ok(keys) }
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, CheckpointKeyError> {
        let key = ParsedPublicKey::new(&ED25519, bytes).map_err(|_| CheckpointKeyError::NotPublic)?;
        Ok(Self { key, id: key_id(bytes) })
    }

    /// How checkpoints name it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether `signature`, in base64, is this key's over the statement.
    pub fn verifies(&self, statement: &Statement, signature: &str) -> bool {
        let signature = BASE64_STANDARD.decode(signature);
        signature.is_ok_and(|bytes| self.key.verify_sig(statement.signed_text().as_bytes(), &bytes).is_ok())
    }
}

fn key_id(public: &[u8]) -> Arc<str> {
    let mut id = LineHash::of(public).to_string();
    id.truncate(16);
    id.into()
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Command;

    use super::*;

    fn statement() -> Statement {
        Statement {
            trail: "0199c0de-0000-7000-8000-000000000000".parse().unwrap(),
            first: 1,
            sequence: 4710,
            hash: LineHash::of(b"hello\n"),
            time: "2026-11-23T02:47:04.1234567Z".parse().unwrap(),
        }
    }

    fn openssl(directory: &Path, arguments: &[&str]) {
        let output = Command::new("openssl").args(arguments).current_dir(directory).output();
        let output = output.expect("this test needs the program openssl");
        assert!(output.status.success(), "{output:?}");
    }

    /// Another program makes the keys, and agrees with the signature and with the key's name.
    #[test]
    fn openssl_and_sha256sum_agree() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        openssl(directory.path(), &["genpkey", "-algorithm", "ed25519", "-out", "key"]);
        openssl(directory.path(), &["pkey", "-in", "key", "-pubout", "-out", "public"]);
        openssl(directory.path(), &["pkey", "-in", "key", "-pubout", "-outform", "DER", "-out", "der"]);
        let key = SigningKey::from_pem(&std::fs::read(path("key")).unwrap()).unwrap();
        let public = PublicKey::all_from_pem(&std::fs::read(path("public")).unwrap()).unwrap().remove(0);
        let raw = std::fs::read(path("der")).unwrap().split_off(12);
        assert_eq!(**key.id(), crate::trail::tests::sha256sum(&raw)[..16]);
        assert_eq!(key.id().as_ref(), public.id());

        let signature = key.sign(&statement());
        assert!(public.verifies(&statement(), &signature));
        std::fs::write(path("text"), statement().signed_text()).unwrap();
        std::fs::write(path("signature"), BASE64_STANDARD.decode(signature.as_bytes()).unwrap()).unwrap();
        let check = ["pkeyutl", "-verify", "-pubin", "-inkey", "public", "-rawin", "-in", "text", "-sigfile"];
        openssl(directory.path(), &[&check[..], &["signature"]].concat());
    }

    #[test]
    fn the_signed_text_is_what_the_documentation_shows() {
        let documented =
            include_str!("checkpoint.rs").lines().filter_map(|line| line.strip_prefix("    /// "));
        let documented: Vec<&str> =
            documented.skip_while(|line| *line != "```text").skip(1).take(6).collect();
        assert_eq!(statement().signed_text(), documented.join("\n") + "\n");
    }

    #[test]
    fn a_signature_is_of_one_statement_and_one_key() {
        let key = SigningKey::from_pem(&crate::trail::tests::key_pem()).unwrap();
        let public = key.public_key().unwrap();
        let good = key.sign(&statement());
        assert!(public.verifies(&statement(), &good));
        for other in [
            Statement { trail: Uuid::nil(), ..statement() },
            Statement { first: 2, ..statement() },
            Statement { sequence: 4711, ..statement() },
            Statement { hash: LineHash::ZERO, ..statement() },
            Statement { time: Timestamp::UNIX_EPOCH, ..statement() },
        ] {
            assert!(!public.verifies(&other, &good), "{other:?}");
        }
        for bad in ["", "=", "AAAA", &good[1..]] {
            assert!(!public.verifies(&statement(), bad), "{bad}");
        }
        let other = SigningKey::from_pem(&crate::trail::tests::key_pem()).unwrap();
        assert!(!other.public_key().unwrap().verifies(&statement(), &good));
        assert!(!format!("{key:?}").contains("pair"));
    }

    #[test]
    fn what_is_no_key_says_how_to_make_one() {
        let private = String::from_utf8(crate::trail::tests::key_pem()).unwrap();
        let ecdsa = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        for pem in
            ["", "key", "-----BEGIN PRIVATE KEY-----\n", &ecdsa.serialize_pem(), &ecdsa.public_key_pem()]
        {
            let error = SigningKey::from_pem(pem.as_bytes()).unwrap_err();
            assert!(error.to_string().contains("openssl genpkey"), "{error}");
            let error = PublicKey::all_from_pem(pem.as_bytes()).unwrap_err();
            assert!(error.to_string().contains("openssl pkey"), "{error}");
        }
        assert!(PublicKey::all_from_pem(private.as_bytes()).is_err());
        let commented = format!("the audit key\n{private}");
        assert!(SigningKey::from_pem(commented.as_bytes()).is_ok());
    }
}
