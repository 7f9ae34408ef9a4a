//! The head of a request, once HTTP/2 has found it well-formed.

use http::request::Parts;
use http::{HeaderValue, header};

use crate::domain::Code;
use crate::server::connection::HeadBounds;

/// What each field counts for beyond its name and value (RFC 9113, section 6.5.2).
const FIELD_BYTES: usize = 32;

/// Refuses a head that is too large, and has `Host` say what HTTP/1 would have it say.
pub(super) fn settle(head: &mut Parts, limits: HeadBounds) -> Result<(), Code> {
    let field = |name: usize, value: usize| FIELD_BYTES + name + value;
    let fields = head.headers.iter().map(|(name, value)| field(name.as_str().len(), value.len()));
    let uri = &head.uri;
    let pseudo = [
        field(7, head.method.as_str().len()),
        field(7, uri.scheme_str().unwrap_or_default().len()),
        field(10, uri.authority().map_or(0, |authority| authority.as_str().len())),
        field(5, uri.path_and_query().map_or(0, |path| path.as_str().len())),
    ];
    if head.headers.len() > limits.fields || fields.chain(pseudo).sum::<usize>() > limits.bytes {
        return Err(Code::HeadersTooLarge);
    }
    name_the_host(head);
    Ok(())
}

/// `:authority` takes the place of `Host`, and may stand beside one that says the same (RFC 9113, section 8.3.1). One
/// that says something else stays as a second host, of which no request may have any.
fn name_the_host(head: &mut Parts) {
    let Some(authority) = head.uri.authority() else { return };
    let said = head
        .headers
        .get_all(header::HOST)
        .iter()
        .any(|host| host.as_bytes() == authority.as_str().as_bytes());
    if let (false, Ok(host)) = (said, HeaderValue::from_str(authority.as_str())) {
        head.headers.append(header::HOST, host);
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    const LIMITS: HeadBounds = HeadBounds { bytes: 8192, fields: 16 };

    fn hosts(uri: &str, hosts: &[&str]) -> Vec<String> {
        let mut request = Request::builder().uri(uri);
        for host in hosts {
            request = request.header(header::HOST, *host);
        }
        let mut head = request.body(()).unwrap().into_parts().0;
        settle(&mut head, LIMITS).unwrap();
        head.headers.get_all(header::HOST).iter().map(|host| host.to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn the_authority_is_the_host() {
        assert_eq!(hosts("https://gate.test/a", &[]), ["gate.test"]);
        assert_eq!(hosts("https://gate.test/a", &["gate.test"]), ["gate.test"]);
        assert_eq!(hosts("/a", &["gate.test"]), ["gate.test"]);
        assert_eq!(hosts("/a", &[]), [""; 0]);
        assert_eq!(hosts("https://gate.test/a", &["other.test"]), ["other.test", "gate.test"]);
        assert_eq!(hosts("https://gate.test/a", &["gate.test", "gate.test"]).len(), 2);
    }

    #[test]
    fn a_head_may_have_so_many_fields_and_bytes() {
        let head = |fields: usize, bytes: usize| {
            let mut request = Request::builder().uri("https://gate.test/a");
            for number in 0..fields {
                request = request.header(format!("x-{number}"), "a".repeat(bytes));
            }
            settle(&mut request.body(()).unwrap().into_parts().0, LIMITS)
        };
        assert_eq!(head(16, 1), Ok(()));
        assert_eq!(head(17, 1), Err(Code::HeadersTooLarge));
        assert_eq!(head(1, 7900), Ok(()));
        assert_eq!(head(1, 8192), Err(Code::HeadersTooLarge));
    }
}
