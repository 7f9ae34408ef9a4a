//! What a token is signed with.

use serde_json::json;

use super::{Attack, admitted, malformed, patient_world, refused, rejected, world_of};
use crate::support::issuer::Issuer;
use crate::support::keys::{Alg, base64, published, strange};

const NOT_ITS_SIGNATURE: &str = "the signature is not that of the key";
const NOT_ITS_ALGORITHM: &str = "alg is not that of the key";
const NOT_ACCEPTED: &str = "alg is not accepted from this issuer";

#[tokio::test]
async fn every_accepted_algorithm_opens_the_door() {
    // The RSA keys share their numbers, and one key serves one algorithm: so each has an issuer of its own.
    let mut issuers = Vec::new();
    for alg in Alg::ALL {
        let issuer = Issuer::named(&format!("https://{}.test", alg.name())).await;
        issuer.publish([published(alg)]);
        issuers.push(issuer);
    }
    let urls: Vec<String> = issuers.iter().map(Issuer::jwks_url).collect();
    let settings: Vec<[(&str, &str); 3]> = Alg::ALL
        .iter()
        .zip(&urls)
        .map(|(alg, url)| [("AUDIENCES", "confgate"), ("ALGORITHMS", alg.name()), ("JWKS_URL", url)])
        .collect();
    let others: Vec<(&str, &[(&str, &str)])> =
        issuers.iter().zip(&settings).map(|(issuer, settings)| (issuer.name(), &settings[..])).collect();
    let world = world_of(Issuer::start().await, &others).await;
    for (alg, issuer) in Alg::ALL.into_iter().zip(&issuers) {
        admitted(&world, &issuer.token().alg(alg).build()).await;
    }
    // RFC 9864 has another name for it.
    let other_name = issuers[8].token().alg(Alg::EdDsa).header("alg", "Ed25519");
    admitted(&world, &other_name.build()).await;
}

#[tokio::test]
async fn a_token_says_the_algorithm_of_its_key_or_is_refused() {
    let world = patient_world().await;
    let token = || world.issuer.token();
    let rsa = |alg: Alg| token().signed_by(&published(alg).named("key-RS256"));
    let as_another = |from: Alg, to: Alg| {
        let token = token().signed_by(published(from)).header("alg", to.name());
        token.header("kid", published(to).kid.as_str())
    };
    let mut attacks: Vec<Attack> = ["none", "None", "NONE", "nOnE", "", "es256", "ES256K", "RS1", "dir"]
        .into_iter()
        .flat_map(|alg| {
            let signed = token().header("alg", alg);
            let bare = signed.clone().unsigned().without_header("kid");
            [signed, bare].map(|token| rejected(format!("alg {alg}"), token, "alg is not known"))
        })
        .collect();
    attacks.extend([
        rejected("PS256 by an RS256 key", rsa(Alg::Ps256), NOT_ITS_ALGORITHM),
        rejected("RS512 by an RS256 key", rsa(Alg::Rs512), NOT_ITS_ALGORITHM),
        rejected("RS256 that says PS256", rsa(Alg::Rs256).header("alg", "PS256"), NOT_ITS_ALGORITHM),
        rejected("ES256 by an EdDSA key's name", token().header("kid", "key-EdDSA"), NOT_ITS_ALGORITHM),
        rejected("EdDSA as ES256", as_another(Alg::EdDsa, Alg::Es256), NOT_ITS_SIGNATURE),
        rejected("RS256 as ES384", as_another(Alg::Rs256, Alg::Es384), NOT_ITS_SIGNATURE),
        rejected("ES512", token().header("alg", "ES512"), NOT_ACCEPTED),
        malformed("no alg", token().without_header("alg"), "alg is missing"),
        malformed("alg is a number", token().header("alg", 256), "alg is not a string"),
        malformed("alg is a list", token().header("alg", json!(["ES256"])), "alg is not a string"),
        malformed("alg is null", token().header("alg", json!(null)), "alg is not a string"),
    ]);
    refused(&world, &attacks).await;
}

#[tokio::test]
async fn a_public_key_is_no_secret_to_sign_with() {
    let world = patient_world().await;
    let jwk = published(Alg::Rs256).jwk();
    let secrets = [
        jwk.to_string(),
        jwk["n"].as_str().unwrap().to_owned(),
        published(Alg::Es256).jwk()["x"].as_str().unwrap().to_owned(),
        String::new(),
    ];
    let attacks: Vec<Attack> = secrets
        .iter()
        .flat_map(|secret| {
            let hmac = |alg: Alg| world.issuer.token().signed_by(published(alg)).hmac(secret.as_bytes());
            let plain = rejected("HS256", hmac(Alg::Rs256), NOT_ACCEPTED);
            let disguised = hmac(Alg::Rs256).header("alg", "RS256");
            let short = hmac(Alg::Es256).header("alg", "ES256");
            [
                plain,
                rejected("HS384", hmac(Alg::Es256).header("alg", "HS384"), NOT_ACCEPTED),
                rejected("an HMAC that says RS256", disguised, NOT_ITS_SIGNATURE),
                rejected("an HMAC that says ES256", short, NOT_ITS_SIGNATURE),
            ]
        })
        .collect();
    refused(&world, &attacks).await;
}

#[tokio::test]
async fn a_signature_is_the_keys_own_in_the_form_of_the_rfc() {
    let world = patient_world().await;
    let token = || world.issuer.token();
    let strangers =
        Alg::ALL.into_iter().filter(|alg| !alg.name().contains("S384") && !alg.name().contains("512"));
    let mut attacks: Vec<Attack> = strangers
        .filter(|alg| *alg != Alg::Ps256)
        .flat_map(|alg| {
            let disguised = strange(alg).named(&published(alg).kid);
            [
                rejected(format!("a stranger's {alg:?}"), token().signed_by(&disguised), NOT_ITS_SIGNATURE),
                rejected(format!("a broken {alg:?}"), token().alg(alg).broken(), NOT_ITS_SIGNATURE),
                rejected(format!("an unsigned {alg:?}"), token().alg(alg).unsigned(), NOT_ITS_SIGNATURE),
            ]
        })
        .collect();
    let with_signature = |name: &str, signature: &[u8]| {
        let unsigned = token().unsigned().build();
        let token = format!("{unsigned}{}", base64(signature));
        Attack { name: name.into(), token, code: "token_rejected", detail: NOT_ITS_SIGNATURE }
    };
    let good = token().build();
    let (message, _) = good.rsplit_once('.').unwrap();
    let signature = published(Alg::Es256).sign(message.as_bytes());
    let in_der = Attack {
        name: "ES256 in DER".into(),
        token: format!("{message}.{}", base64(der(&signature))),
        code: "token_rejected",
        detail: NOT_ITS_SIGNATURE,
    };
    attacks.extend([
        in_der,
        with_signature("zero for r and s", &[0; 64]),
        with_signature("the order of the curve", &[0xff; 64]),
        with_signature("too short", &[1; 63]),
        with_signature("too long", &[1; 65]),
    ]);
    refused(&world, &attacks).await;
}

/// `r || s` as OpenSSL and others write it: `SEQUENCE { INTEGER r, INTEGER s }`.
fn der(signature: &[u8]) -> Vec<u8> {
    let integer = |number: &[u8]| {
        let number = &number[number.iter().take_while(|byte| **byte == 0).count()..];
        let sign = if number[0] & 0x80 == 0 { &[][..] } else { &[0] };
        let bytes = [sign, number].concat();
        [&[2, u8::try_from(bytes.len()).unwrap()], &bytes[..]].concat()
    };
    let (r, s) = signature.split_at(32);
    let both = [integer(r), integer(s)].concat();
    [&[0x30, u8::try_from(both.len()).unwrap()], &both[..]].concat()
}
