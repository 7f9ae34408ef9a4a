//! An issuer for development: a key, the tokens that it signs, and a server that publishes it. It stands in for the
//! company's own in `confgate demo` and `confgate token`, and has no place in production.

mod claims;
mod key;
mod server;

use std::fmt;
use std::path::Path;

use serde_json::{Value, json};

pub use self::claims::Claims;
pub use self::key::{Algorithm, KeyError};
pub use self::server::JwksServer;

use self::key::Key;

/// A token could not be signed.
#[derive(Debug, thiserror::Error)]
#[error("the token cannot be signed")]
pub struct MintError(#[from] jsonwebtoken::errors::Error);

/// An issuer with one key, of which nothing secret is printed.
pub struct DevIssuer {
    issuer: String,
    key: Key,
}

impl DevIssuer {
    /// An issuer with a new key. `issuer` becomes `iss`.
    pub fn generate(issuer: impl Into<String>, algorithm: Algorithm) -> Result<Self, KeyError> {
        Ok(Self { issuer: issuer.into(), key: Key::generate(algorithm)? })
    }

    /// The issuer that [`DevIssuer::save`] wrote, or any private key in PKCS #8 PEM: RSA, P-256 or Ed25519. `issuer`
    /// overrides the one that the file names, and is needed where it names none.
    pub fn open(path: &Path, issuer: Option<&str>) -> Result<Self, KeyError> {
        let (named, key) = Key::read(path)?;
        let issuer = issuer.map(str::to_owned).or(named);
        Ok(Self { issuer: issuer.ok_or_else(|| KeyError::IssuerUnknown(path.into()))?, key })
    }

    /// Writes key and issuer to a file that its owner alone may read, in place of any before.
    pub fn save(&self, path: &Path) -> Result<(), KeyError> {
        self.key.write(path, &self.issuer)
    }

    /// The issuer's name: `iss`.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// What it signs with.
    pub fn algorithm(&self) -> Algorithm {
        self.key.algorithm()
    }

    /// The public key as a JWK (RFC 7517).
    pub fn jwk(&self) -> Value {
        self.key.public()
    }

    /// The public key as a JWK set of one.
    pub fn jwks(&self) -> Value {
        json!({ "keys": [self.jwk()] })
    }

    /// A signed token with the claims, issued now.
    pub fn mint(&self, claims: &Claims) -> Result<String, MintError> {
        let claims = claims.to_json(&self.issuer, jiff::Timestamp::now());
        Ok(self.key.sign(&claims)?)
    }
}

impl fmt::Debug for DevIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DevIssuer")
            .field("issuer", &self.issuer)
            .field("algorithm", &self.key.algorithm())
            .field("key_id", &self.key.id())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use jiff::SignedDuration;
    use jsonwebtoken::errors::ErrorKind;
    use jsonwebtoken::jwk::Jwk;
    use jsonwebtoken::{DecodingKey, TokenData, Validation, decode, decode_header};

    use super::*;

    const ISSUER: &str = "http://127.0.0.1:9400";

    fn verify(token: &str, jwk: Value) -> jsonwebtoken::errors::Result<TokenData<Value>> {
        let jwk: Jwk = serde_json::from_value(jwk).unwrap();
        let mut validation = Validation::new(decode_header(token)?.alg);
        validation.set_audience(&["confgate"]);
        validation.set_issuer(&[ISSUER]);
        validation.validate_nbf = true;
        validation.leeway = 0;
        decode(token, &DecodingKey::from_jwk(&jwk)?, &validation)
    }

    #[test]
    fn a_token_of_each_algorithm_verifies_with_the_published_key_and_no_other() {
        for algorithm in Algorithm::ALL {
            let issuer = DevIssuer::generate(ISSUER, algorithm).unwrap();
            let claims =
                Claims::new("crm", "huangcl", "confgate").scopes(["conference:create", "conference:get"]);
            let token = issuer.mint(&claims).unwrap();

            let header = decode_header(&token).unwrap();
            assert_eq!(header.kid.as_deref(), Some(issuer.key.id()));
            let jwks = issuer.jwks();
            let jwk = &jwks["keys"][0];
            assert_eq!((&jwk["alg"], &jwk["use"]), (&json!(algorithm.as_str()), &json!("sig")));
            assert!(jwk.get("d").is_none() && jwk.get("p").is_none(), "{jwk}");
            let token_data = verify(&token, jwk.clone()).unwrap();
            assert_eq!(token_data.claims["tenant"], "crm");
            assert_eq!(token_data.claims["scope"], "conference:create conference:get");

            let other = DevIssuer::generate(ISSUER, algorithm).unwrap();
            assert_ne!(other.key.id(), issuer.key.id());
            assert_eq!(verify(&token, other.jwk()).unwrap_err().kind(), &ErrorKind::InvalidSignature);
        }
    }

    #[test]
    fn tokens_can_be_minted_expired() {
        let issuer = DevIssuer::generate(ISSUER, Algorithm::EdDsa).unwrap();
        let claims = Claims::new("crm", "huangcl", "confgate").lifetime(SignedDuration::from_mins(-5));
        let token = issuer.mint(&claims).unwrap();
        assert_eq!(verify(&token, issuer.jwk()).unwrap_err().kind(), &ErrorKind::ExpiredSignature);
    }

    #[test]
    fn a_saved_issuer_is_the_same_when_opened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("issuer.pem");
        for algorithm in Algorithm::ALL {
            let issuer = DevIssuer::generate(ISSUER, algorithm).unwrap();
            issuer.save(&path).unwrap();
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
            let opened = DevIssuer::open(&path, None).unwrap();
            assert_eq!((opened.issuer(), opened.key.id()), (ISSUER, issuer.key.id()));
            assert_eq!((opened.algorithm(), opened.jwks()), (algorithm, issuer.jwks()));
            let token = opened.mint(&Claims::new("crm", "huangcl", "confgate")).unwrap();
            verify(&token, issuer.jwk()).unwrap();
        }
        assert_eq!(DevIssuer::open(&path, Some("x")).unwrap().issuer(), "x");
    }

    #[test]
    fn what_is_no_key_is_refused_with_the_files_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("issuer.pem");
        let message = || DevIssuer::open(&path, None).unwrap_err().to_string();
        assert!(message().contains("issuer.pem"), "{}", message());
        let p384 = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
        for text in [
            "",
            "hello",
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
            &p384.serialize_pem(),
        ] {
            std::fs::write(&path, text).unwrap();
            assert!(message().contains("issuer.pem holds no private key"), "{}", message());
        }
        let p256 = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        std::fs::write(&path, p256.serialize_pem()).unwrap();
        assert!(message().contains("names no issuer"), "{}", message());
        assert_eq!(DevIssuer::open(&path, Some("x")).unwrap().algorithm(), Algorithm::Es256);
    }

    #[test]
    fn nothing_secret_is_printed() {
        let issuer = DevIssuer::generate(ISSUER, Algorithm::Es256).unwrap();
        let printed = format!("{issuer:?}");
        assert!(printed.contains(ISSUER) && !printed.contains("PRIVATE") && printed.len() < 200, "{printed}");
    }
}
