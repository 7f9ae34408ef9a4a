use jiff::{Span, Timestamp, ToSpan};
use rcgen::{CertificateParams, KeyPair};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

const SETTINGS: TlsSettings = TlsSettings {
    min_version: MinVersion::Tls12,
    client_auth: ClientAuth::Required,
    handshake_timeout: std::time::Duration::from_secs(10),
    http2: true,
};

/// A certificate and its key, valid from `begin` to `end` as seen from now.
fn pair(begin: Span, end: Span) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["gate.test".into()]).unwrap();
    let moment = |span: Span| (std::time::SystemTime::from(Timestamp::now() + span)).into();
    (params.not_before, params.not_after) = (moment(begin), moment(end));
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

fn read(certificate: &str, key: &str, authorities: Option<&str>) -> Result<TlsConfig, TlsFault> {
    let files = (certificate.as_bytes(), key.as_bytes());
    let config = TlsConfig::from_pem(SETTINGS, files, authorities.map(str::as_bytes))?;
    config.check(Timestamp::now()).map(|()| config)
}

#[test]
fn a_certificate_with_its_key_is_accepted_and_known_again() {
    let (certificate, key) = pair((-1).hours(), 48.hours());
    let config = read(&certificate, &key, None).unwrap();
    let left = config.not_after().duration_since(Timestamp::now()).as_secs();
    assert!((47 * 3600..=48 * 3600).contains(&left), "{left}");
    assert_eq!(config.fingerprint().len(), 64);
    assert_eq!(config, read(&certificate, &key, None).unwrap());
    assert_ne!(config, read(&certificate, &key, Some(&certificate)).unwrap());
    let other = pair((-1).hours(), 48.hours());
    assert_ne!(config, read(&other.0, &other.1, None).unwrap());
    assert!(!format!("{config:?}").contains(key.lines().nth(1).unwrap()));
}

#[test]
fn what_is_not_valid_now_is_refused() {
    let (certificate, key) = pair((-48).hours(), (-1).hours());
    assert!(matches!(read(&certificate, &key, None), Err(TlsFault::Expired(_))));
    let (certificate, key) = pair(1.hours(), 48.hours());
    assert!(matches!(read(&certificate, &key, None), Err(TlsFault::NotYetValid(_))));
}

#[test]
fn files_that_are_half_written_or_not_of_each_other_are_refused() {
    let (certificate, key) = pair((-1).hours(), 48.hours());
    let (other, other_key) = pair((-1).hours(), 48.hours());
    let fault = |certificate: &str, key: &str| read(certificate, key, None).unwrap_err();
    assert_eq!(fault(&certificate, &other_key), TlsFault::KeyMismatch);
    assert_eq!(fault(&format!("{other}{certificate}"), &key), TlsFault::KeyMismatch);
    assert_eq!(fault("", &key), TlsFault::NoCertificate);
    assert_eq!(fault(&key, &key), TlsFault::NoCertificate);
    assert_eq!(fault(&certificate, ""), TlsFault::NoKey);
    assert_eq!(fault(&certificate, &certificate), TlsFault::NoKey);
    let garbage = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    assert_eq!(fault(&certificate, garbage), TlsFault::UnusableKey);
    let garbage = garbage.replace("PRIVATE KEY", "CERTIFICATE");
    assert_eq!(fault(&garbage, &key), TlsFault::MalformedCertificate(1));
    for length in 1..certificate.len() - 1 {
        let half = &certificate[..length];
        assert!(read(half, &key, None).is_err(), "{half}");
        // What does not say yet that it is a certificate is passed over, like any other text.
        if length > "-----BEGIN CERTIFICATE-----".len() {
            assert_eq!(fault(&format!("{certificate}{half}"), &key), TlsFault::MalformedCertificate(2));
        }
    }
    for length in 1..key.len() - 1 {
        assert_eq!(fault(&certificate, &key[..length]).part(), Part::Key);
    }
}

#[test]
fn authorities_must_be_good_as_a_whole() {
    let (certificate, key) = pair((-1).hours(), 48.hours());
    let fault = |authorities: &str| read(&certificate, &key, Some(authorities)).unwrap_err();
    assert_eq!(fault(""), TlsFault::NoAuthority);
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert_eq!(fault(&format!("{certificate}{garbage}")), TlsFault::MalformedAuthority(2));
    assert_eq!(fault("").part(), Part::ClientAuthority);
}

#[test]
fn dates_after_2049_are_read_too() {
    let (certificate, key) = pair((-400_000).hours(), 400_000.hours());
    let left = read(&certificate, &key, None).unwrap().not_after().duration_since(Timestamp::now());
    assert!((399_999..=400_000).contains(&(left.as_secs() / 3600)), "{left}");
}

/// A caller that trusts this certificate and no other, once hands are shaken; whether they were.
async fn is_trusted(address: std::net::SocketAddr, certificate: &str) -> Option<Caller> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()).unwrap();
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await.unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    connector.connect("gate.test".try_into().unwrap(), stream).await.ok()
}

type Caller = tokio_rustls::client::TlsStream<TcpStream>;

async fn echoes(caller: &mut Caller) -> bool {
    let mut byte = [0];
    caller.write_all(&[7]).await.unwrap();
    caller.read_exact(&mut byte).await.unwrap();
    byte == [7]
}

#[tokio::test]
async fn a_replacement_is_for_new_handshakes_and_leaves_open_connections_alone() {
    let (first, second) = (pair((-1).hours(), 48.hours()), pair((-1).hours(), 48.hours()));
    let certificates = Certificates::new(read(&first.0, &first.1, None).unwrap());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shaking = certificates.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let shaking = shaking.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = shaking.shake_hands(stream).await else { return };
                let mut byte = [0];
                while stream.read_exact(&mut byte).await.is_ok() {
                    stream.write_all(&byte).await.unwrap();
                }
            });
        }
    });
    let mut old = is_trusted(address, &first.0).await.unwrap();
    assert!(echoes(&mut old).await);
    assert!(is_trusted(address, &second.0).await.is_none());
    certificates.replace(read(&second.0, &second.1, None).unwrap());
    assert!(is_trusted(address, &first.0).await.is_none());
    let mut new = is_trusted(address, &second.0).await.unwrap();
    assert!(echoes(&mut new).await && echoes(&mut old).await);
}
