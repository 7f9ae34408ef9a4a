//! The issuer of the tokens, with its public key in the forms that contenders want.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rsa::KeyPair as RsaKeyPair;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use confgate::devissuer::{Algorithm, DevIssuer};
use tempfile::TempDir;

#[derive(Debug)]
pub(crate) struct Issuer {
    issuer: DevIssuer,
    directory: TempDir,
}

impl Issuer {
    pub(crate) fn generate(algorithm: Algorithm) -> io::Result<Self> {
        let issuer = DevIssuer::generate("https://issuer.test", algorithm).map_err(io::Error::other)?;
        let directory = TempDir::new()?;
        let this = Self { issuer, directory };
        fs::write(this.jwks(), this.issuer.jwks().to_string())?;
        fs::write(this.pem(), this.public_pem()?)?;
        Ok(this)
    }

    pub(crate) fn name(&self) -> &str {
        self.issuer.issuer()
    }

    pub(crate) fn algorithm(&self) -> Algorithm {
        self.issuer.algorithm()
    }

    pub(crate) fn issuer(&self) -> &DevIssuer {
        &self.issuer
    }

    /// Its public key as a JWK Set.
    pub(crate) fn jwks(&self) -> PathBuf {
        self.directory.path().join("jwks.json")
    }

    /// Its public key in PEM.
    pub(crate) fn pem(&self) -> PathBuf {
        self.directory.path().join("public.pem")
    }

    fn public_pem(&self) -> io::Result<String> {
        let file = self.directory.path().join("private.pem");
        self.issuer.save(&file).map_err(io::Error::other)?;
        let der = private_der(&file)?;
        let public = if self.algorithm() == Algorithm::Rs256 {
            public_der(RsaKeyPair::from_pkcs8(&der).map_err(io::Error::other)?.public_key())
        } else {
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der);
            public_der(pair.map_err(io::Error::other)?.public_key())
        };
        let base64 = BASE64_STANDARD.encode(public);
        let lines: Vec<&str> =
            base64.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
        Ok(format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n")))
    }
}

fn public_der<K: AsDer<PublicKeyX509Der<'static>>>(key: &K) -> Vec<u8> {
    key.as_der().expect("a public key").as_ref().to_vec()
}

fn private_der(file: &Path) -> io::Result<Vec<u8>> {
    let text = fs::read_to_string(file)?;
    let lines = text.lines().skip_while(|line| !line.starts_with("-----BEGIN")).skip(1);
    let base64: String = lines.take_while(|line| !line.starts_with("-----END")).collect();
    BASE64_STANDARD.decode(base64).map_err(io::Error::other)
}
