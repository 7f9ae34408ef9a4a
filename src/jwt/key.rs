use std::fmt;

use aws_lc_rs::signature::ParsedPublicKey;
use aws_lc_rs::{digest, hmac};

use super::Algorithm;

/// One key, bound to one algorithm (RFC 8725, section 3.1).
///
/// Signatures are checked by aws-lc-rs itself: jsonwebtoken keeps the key's bytes, parses them at every
/// verification, and copies the key for it. Here a key is parsed once, when it is published, and shared by
/// all workers. It also makes room for ES512 and for the name `Ed25519`, which jsonwebtoken lacks.
pub(super) struct Key {
    kid: Option<Box<str>>,
    algorithm: Algorithm,
    material: Material,
    print: Print,
}

enum Material {
    Public(ParsedPublicKey),
    Secret(Box<hmac::Key>),
}

/// SHA-256 over what makes a key, whatever it is called and used for: the members that RFC 7638 takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Thumbprint([u8; 32]);

impl Thumbprint {
    /// Each part is hashed with its length, so that no two lists of parts are alike.
    pub(super) fn of(parts: &[&[u8]]) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        for part in parts {
            context.update(&part.len().to_be_bytes());
            context.update(part);
        }
        let mut bytes = [0; 32];
        bytes.copy_from_slice(context.finish().as_ref());
        Self(bytes)
    }
}

/// Identifies a published key: its material, its algorithm and its name. A key that is published again under
/// another name or for another algorithm is another one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Fingerprint(Thumbprint);

/// Shows nothing: for a short secret, its hash is as good as the secret.
impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint(..)")
    }
}

struct Print {
    material: Thumbprint,
    whole: Fingerprint,
}

impl Print {
    fn new(material: Thumbprint, algorithm: Algorithm, kid: Option<&str>) -> Self {
        let named: &[u8] = if kid.is_some() { b"named" } else { b"" };
        let kid = kid.unwrap_or_default().as_bytes();
        let parts = [&material.0, algorithm.as_str().as_bytes(), named, kid];
        Self { material, whole: Fingerprint(Thumbprint::of(&parts)) }
    }
}

impl Key {
    /// A public key. `material` stands for the key alone.
    pub(super) fn public(
        key: ParsedPublicKey,
        algorithm: Algorithm,
        kid: Option<&str>,
        material: Thumbprint,
    ) -> Self {
        Self {
            kid: kid.map(Into::into),
            algorithm,
            material: Material::Public(key),
            print: Print::new(material, algorithm, kid),
        }
    }

    /// A shared secret without a name. `None` when it is shorter than the algorithm's hash (RFC 7518, section
    /// 3.2) or when the algorithm is not symmetric.
    pub(super) fn secret(secret: &[u8], algorithm: Algorithm) -> Option<Self> {
        let hash = algorithm.hmac()?;
        if secret.len() < algorithm.min_secret_bytes()? {
            return None;
        }
        let key = hmac::Key::new(hash, secret);
        let material = Thumbprint::of(&[b"oct", secret]);
        Some(Self {
            kid: None,
            algorithm,
            material: Material::Secret(Box::new(key)),
            print: Print::new(material, algorithm, None),
        })
    }

    /// The name under which it is published.
    pub(super) fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The one algorithm it is for.
    pub(super) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Which published key this is.
    pub(super) fn fingerprint(&self) -> Fingerprint {
        self.print.whole
    }

    /// Which key this is, however it is published.
    pub(super) fn thumbprint(&self) -> Thumbprint {
        self.print.material
    }

    /// Whether the signature is this key's, over this message. HMACs are compared in constant time.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.material {
            Material::Public(key) => key.verify_sig(message, signature).is_ok(),
            Material::Secret(key) => hmac::verify(key, message, signature).is_ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_at_least_as_long_as_the_hash() {
        for (algorithm, length) in [(Algorithm::HS256, 32), (Algorithm::HS384, 48), (Algorithm::HS512, 64)] {
            assert!(Key::secret(&vec![1; length], algorithm).is_some());
            assert!(Key::secret(&vec![1; length - 1], algorithm).is_none());
        }
        assert!(Key::secret(&[1; 512], Algorithm::RS256).is_none());
    }

    #[test]
    fn fingerprints_differ_by_material_algorithm_and_name() {
        let (a, b) = (Thumbprint::of(&[b"a"]), Thumbprint::of(&[b"b"]));
        let prints = [
            Print::new(a, Algorithm::RS256, None),
            Print::new(a, Algorithm::RS256, Some("")),
            Print::new(a, Algorithm::RS256, Some("k")),
            Print::new(a, Algorithm::PS256, None),
            Print::new(b, Algorithm::RS256, None),
        ];
        for (i, one) in prints.iter().enumerate() {
            for (j, other) in prints.iter().enumerate() {
                assert_eq!(one.whole == other.whole, i == j);
            }
        }
        assert!(Thumbprint::of(&[b"ab", b""]) != Thumbprint::of(&[b"a", b"b"]));
    }
}
