//! How a token is written down and sent.

use serde_json::{Value, json};

use super::{Attack, PATH, admitted, holds_none_of, malformed, patient_world, refused, rejected};
use crate::support::client;
use crate::support::issuer::{Issuer, unix_now};
use crate::support::keys::{Alg, published, strange};
use crate::support::vendor::Vendor;
use crate::support::world::World;

#[tokio::test]
async fn a_header_brings_no_key_and_no_extension() {
    let world = patient_world().await;
    let token = || world.issuer.token();
    let url = json!("https://attacker.test/jwks.json");
    let own_key = strange(Alg::Es256);
    let members: [(&str, Value, &'static str); 10] = [
        ("crit", json!(["exp"]), "the header has crit"),
        ("crit", json!([]), "the header has crit"),
        ("b64", json!(false), "the header has b64"),
        ("b64", json!(true), "the header has b64"),
        ("jku", url.clone(), "the header has jku"),
        ("x5u", url, "the header has x5u"),
        ("x5c", json!(["MIIB"]), "the header has x5c"),
        ("jwk", json!(null), "the header has jwk"),
        ("enc", json!("A256GCM"), "the header has enc"),
        ("zip", json!("DEF"), "the header has zip"),
    ];
    let mut attacks: Vec<Attack> = members
        .into_iter()
        .map(|(name, value, detail)| {
            rejected(format!("{name}: {value}"), token().header(name, value), detail)
        })
        .collect();
    let brought = token().signed_by(own_key).header("jwk", own_key.jwk());
    attacks.push(rejected("signed with the key it brings", brought, "the header has jwk"));
    for typ in ["id+jwt", "logout+jwt", "secevent+jwt", "JOSE", "", "text/jwt"] {
        attacks.push(rejected(format!("typ {typ}"), token().header("typ", typ), "typ is not accepted"));
    }
    attacks.push(malformed("typ is a number", token().header("typ", 1), "typ is not a string"));
    refused(&world, &attacks).await;
    for typ in ["at+jwt", "application/at+jwt", "jwt"] {
        admitted(&world, &token().header("typ", typ).build()).await;
    }
    admitted(&world, &token().without_header("typ").header("cty", "x").build()).await;
}

#[tokio::test]
async fn a_key_id_is_the_name_of_a_published_key() {
    let world = patient_world().await;
    let token = || world.issuer.token();
    let mut attacks: Vec<Attack> = [json!(1), json!(["key-ES256"]), json!({}), json!(null), json!(true)]
        .into_iter()
        .map(|kid| malformed(format!("kid {kid}"), token().header("kid", kid), "kid is not a string"))
        .collect();
    let long = token().header("kid", "k".repeat(257));
    attacks.push(rejected("a long kid", long, "kid is too long"));
    for kid in [
        "",
        "unknown",
        "KEY-ES256",
        "key-ES256 ",
        "../../../../dev/null",
        "/proc/self/environ",
        "file:///etc/passwd",
        "https://attacker.test/key",
        "key' OR '1'='1",
        "key-ES256\u{0}",
        "| id",
    ] {
        // Older than the last fetch: of a new one it could be told only after the next.
        let token = token().claim("iat", unix_now() - 120).signed_by(&strange(Alg::Es256).named(kid));
        attacks.push(rejected(format!("kid {kid:?}"), token, "the issuer publishes no such key"));
    }
    refused(&world, &attacks).await;
    assert_eq!(world.issuer.fetches(), 2, "one fetch at the start and one for all unknown names");
    // One key fits, so its name is not missed.
    admitted(&world, &token().without_header("kid").build()).await;
}

#[tokio::test]
async fn without_a_key_id_no_key_is_guessed() {
    let issuer = Issuer::start().await;
    issuer.publish([published(Alg::Es256), strange(Alg::Es256)]);
    let world = World::around(Vendor::start().await, issuer, &[]).await;
    world.until_ready().await;
    let nameless = world.issuer.token().without_header("kid");
    refused(&world, &[rejected("no kid", nameless, "kid is missing and several keys fit")]).await;
}

#[tokio::test]
async fn a_member_that_comes_twice_is_refused() {
    let world = patient_world().await;
    let token = || world.issuer.token();
    let header = r#""alg":"ES256","kid":"key-ES256""#;
    let mut attacks = Vec::new();
    for member in [r#""alg":"none""#, r#""alg":"ES256""#, r#""kid":"other""#, r#""x":1,"x":1"#] {
        let raw = token().raw_header(&format!("{{{header},{member}}}"));
        attacks.push(malformed(
            format!("header with {member}"),
            raw,
            "the header is not a sound JSON object",
        ));
    }
    let exp = unix_now() + 60;
    let issuer = world.issuer.name();
    let claims = format!(
        r#""iss":"{issuer}","aud":"confgate","sub":"a","tenant":"crm","exp":{exp},"scope":"conference:get""#
    );
    let sound = token().raw_header(&format!("{{{header}}}")).raw_claims(&format!("{{{claims}}}")).build();
    for member in
        [r#""tenant":"acme""#, r#""t\u0065nant":"acme""#, r#""exp":9999999999"#, r#""a":{"b":1,"b":1}"#]
    {
        let raw = token().raw_claims(&format!("{{{claims},{member}}}"));
        attacks.push(malformed(
            format!("claims with {member}"),
            raw,
            "the claims are not a sound JSON object",
        ));
    }
    for text in ["", "[]", "null", "\"x\"", "{", "{}{}"] {
        attacks.push(malformed(text, token().raw_header(text), "the header is not a sound JSON object"));
        attacks.push(malformed(text, token().raw_claims(text), "the claims are not a sound JSON object"));
    }
    refused(&world, &attacks).await;
    admitted(&world, &sound).await;
}

#[tokio::test]
async fn a_token_has_three_parts_in_one_spelling() {
    let world = patient_world().await;
    let good = world.issuer.token().build();
    let parts: Vec<&str> = good.split('.').collect();
    let (header, payload, signature) = (parts[0], parts[1], parts[2]);
    let flattened = json!({"protected": header, "payload": payload, "signature": signature});
    let general = json!({"payload": payload, "signatures": [{"protected": header, "signature": signature}]});
    let not_three = "the token has not three parts";
    let attacks: Vec<Attack> = [
        (flattened.to_string(), not_three),
        (general.to_string(), not_three),
        (format!("{header}.{payload}"), not_three),
        (format!("{good}."), not_three),
        (format!("{good}.{signature}"), not_three),
        (format!("{good}.{payload}.{signature}"), not_three),
        (format!("{good}="), "the signature is not base64url"),
        (format!("{good}=="), "the signature is not base64url"),
        (format!("{good} {good}"), not_three),
        (format!("{good} x"), "the signature is not base64url"),
        (format!("{good},{good}"), not_three),
        (format!("{header}.{payload}=.{signature}"), "the payload is not base64url"),
        (format!("{header}=.{payload}.{signature}"), "the header is not base64url"),
        (format!("\"{good}\""), "the header is not base64url"),
        (format!(".{good}"), not_three),
        ("..".into(), "the header is not a sound JSON object"),
        ("x".into(), not_three),
    ]
    .into_iter()
    .map(|(token, detail)| Attack { name: token.clone(), token, code: "token_malformed", detail })
    .collect();
    refused(&world, &attacks).await;
}

#[tokio::test]
async fn a_token_has_8_kib_at_most() {
    let world = patient_world().await;
    let padded = |bytes: usize| world.issuer.token().claim("pad", "x".repeat(bytes));
    let base = padded(0).build().len();
    // Three bytes of claims are four of the token.
    let fitting = (8192 - base) * 3 / 4 - 3;
    let fits = padded(fitting).build();
    assert!((8180..=8192).contains(&fits.len()), "{}", fits.len());
    admitted(&world, &fits).await;
    let attacks =
        [fitting + 8, 8192].map(|bytes| malformed("large", padded(bytes), "the token is too large"));
    let world = patient_world().await;
    refused(&world, &attacks).await;
}

#[tokio::test]
async fn exactly_one_credential_in_the_right_place_counts() {
    let world = patient_world().await;
    let token = world.issuer.token().build();
    let bearer = format!("Bearer {token}");
    let in_query = format!("{PATH}?access_token={token}");
    let none: &[&str] = &[];
    let cases: [(&str, &[&str], &str, &str, Value); 14] = [
        ("nothing", none, PATH, "token_missing", Value::Null),
        ("in the query", none, &in_query, "token_missing", Value::Null),
        ("in both", &[&bearer], &in_query, "token_malformed", "a second token was sent in the query".into()),
        ("twice", &[&bearer, &bearer], PATH, "token_malformed", TWO.into()),
        ("two schemes", &["Basic dTpw", &bearer], PATH, "token_malformed", TWO.into()),
        ("empty and good", &["", &bearer], PATH, "token_malformed", TWO.into()),
        ("Basic", &["Basic dTpw"], PATH, "token_malformed", "the scheme is not Bearer".into()),
        ("Basic with a token", &[&format!("Basic {token}")], PATH, "token_malformed", NO_BEARER.into()),
        ("DPoP", &[&format!("DPoP {token}")], PATH, "token_malformed", NO_BEARER.into()),
        ("no scheme", &[&token], PATH, "token_malformed", "the scheme has no token".into()),
        ("no token", &["Bearer"], PATH, "token_malformed", "the scheme has no token".into()),
        ("a tab", &[&format!("Bearer\t{token}")], PATH, "token_malformed", "the scheme has no token".into()),
        ("a colon", &[&format!("Bearer: {token}")], PATH, "token_malformed", NO_BEARER.into()),
        (
            "no ASCII",
            &["Bearer \u{e4}"],
            PATH,
            "token_malformed",
            "the Authorization header is not ASCII".into(),
        ),
    ];
    for (name, credentials, path, code, detail) in cases {
        let headers: Vec<_> = credentials.iter().map(|value| ("Authorization", *value)).collect();
        let answer = client::send(world.address, "GET", path, &headers, "").await;
        assert_eq!((answer.status, answer.problem().as_str()), (401, code), "{name}");
        let challenge = answer.header("www-authenticate").expect("a challenge");
        assert_eq!(challenge.contains("error="), code != "token_missing", "{name}: {challenge}");
        let outcome = world.trail.outcome_of(answer.request_id()).await;
        assert_eq!((&outcome["reason"], &outcome["detail"]), (&code.into(), &detail), "{name}");
    }
    assert_eq!(world.vendor.calls().len(), 0);
    holds_none_of(&world, [token.as_str()]);
    for good in ["bearer", "BEARER", "Bearer ", "bEaReR   "] {
        let answer = world.call_as(&format!("{good} {token}  "), "GET", PATH, "").await;
        assert_eq!(answer.status, 200, "{good}");
    }
}

const TWO: &str = "more than one Authorization header was sent";
const NO_BEARER: &str = "the scheme is not Bearer";
