//! Keys to sign tokens with: made once for the process, as making them is slow.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256,
    RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// The algorithms of public keys that the gateway accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Alg {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    EdDsa,
}

impl Alg {
    pub(crate) const ALL: [Self; 9] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::EdDsa,
    ];

    /// The name in a token's header (RFC 7518, section 3.1; RFC 8037).
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }

    fn rsa(self) -> &'static dyn RsaEncoding {
        match self {
            Self::Rs256 => &RSA_PKCS1_SHA256,
            Self::Rs384 => &RSA_PKCS1_SHA384,
            Self::Rs512 => &RSA_PKCS1_SHA512,
            Self::Ps256 => &RSA_PSS_SHA256,
            Self::Ps384 => &RSA_PSS_SHA384,
            Self::Ps512 => &RSA_PSS_SHA512,
            Self::Es256 | Self::Es384 | Self::EdDsa => panic!("{self:?} is not of RSA"),
        }
    }
}

enum Pair {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

/// A key pair with the name and the one algorithm that it is published for.
#[derive(Clone)]
pub(crate) struct Key {
    pub(crate) kid: String,
    pub(crate) alg: Alg,
    pair: Arc<Pair>,
}

static PUBLISHED: LazyLock<HashMap<Alg, Key>> = LazyLock::new(|| family("key"));
static STRANGE: LazyLock<HashMap<Alg, Key>> = LazyLock::new(|| family("strange"));

/// The key that an issuer publishes for `alg`.
pub(crate) fn published(alg: Alg) -> &'static Key {
    &PUBLISHED[&alg]
}

/// A key for `alg` that no issuer publishes unless it is told to.
pub(crate) fn strange(alg: Alg) -> &'static Key {
    &STRANGE[&alg]
}

/// A key for each algorithm. Those of RSA share a pair, which is slow to make.
fn family(prefix: &str) -> HashMap<Alg, Key> {
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).expect("an RSA key");
    let rsa = Arc::new(Pair::Rsa(rsa));
    let key = |alg: Alg| {
        let pair = match alg {
            Alg::Es256 => ec(&ECDSA_P256_SHA256_FIXED_SIGNING),
            Alg::Es384 => ec(&ECDSA_P384_SHA384_FIXED_SIGNING),
            Alg::EdDsa => Arc::new(Pair::Ed(Ed25519KeyPair::generate().expect("an Ed25519 key"))),
            _ => Arc::clone(&rsa),
        };
        let kid = format!("{prefix}-{}", alg.name());
        (alg, Key { kid, alg, pair })
    };
    Alg::ALL.into_iter().map(key).collect()
}

fn ec(algorithm: &'static EcdsaSigningAlgorithm) -> Arc<Pair> {
    Arc::new(Pair::Ec(EcdsaKeyPair::generate(algorithm).expect("an EC key")))
}

impl Key {
    /// The same key by another name.
    pub(crate) fn named(&self, kid: &str) -> Self {
        let kid = kid.to_owned();
        Self { kid, ..self.clone() }
    }

    /// The public half, as a member of a JWKS (RFC 7517).
    pub(crate) fn jwk(&self) -> Value {
        let mut jwk = match &*self.pair {
            Pair::Rsa(pair) => json!({"kty": "RSA", "n": base64(modulus(pair)), "e": "AQAB"}),
            Pair::Ec(pair) => {
                let point = pair.public_key().as_ref();
                let (x, y) = point[1..].split_at(point.len() / 2);
                let curve = if self.alg == Alg::Es256 { "P-256" } else { "P-384" };
                json!({"kty": "EC", "crv": curve, "x": base64(x), "y": base64(y)})
            }
            Pair::Ed(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": base64(pair.public_key().as_ref())})
            }
        };
        jwk["kid"] = json!(self.kid);
        jwk["alg"] = json!(self.alg.name());
        jwk["use"] = json!("sig");
        jwk
    }

    /// The signature of `message` in the form of RFC 7518.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &*self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                let signed = pair.sign(self.alg.rsa(), &random, message, &mut signature);
                signed.expect("an RSA signature");
                signature
            }
            Pair::Ec(pair) => pair.sign(&random, message).expect("an EC signature").as_ref().to_vec(),
            Pair::Ed(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }
}

/// Cut out of the DER of an `RSAPublicKey` (RFC 8017, appendix A.1.1), whose layout is fixed for 2048 bits and the
/// exponent 65537.
fn modulus(pair: &RsaKeyPair) -> &[u8] {
    let der = pair.public_key().as_ref();
    assert!(der.len() == 270 && der.ends_with(&[2, 3, 1, 0, 1]), "another form of key: {der:x?}");
    &der[9..265]
}

pub(crate) fn base64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
