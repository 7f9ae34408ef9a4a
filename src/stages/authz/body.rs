//! Reads the body of a create, and sees to it that no other call has one.

use bytes::Bytes;
use http_body::Body;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::Instant;

use crate::domain::{Code, Refusal};
use crate::stages::head::{Field, Head, Said};

/// The whole body, at most `limit` bytes, read by `deadline`.
pub(super) async fn read_json<B>(
    head: &Head,
    body: B,
    limit: usize,
    deadline: Instant,
) -> Result<Bytes, Refusal>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    if !is_plain_json(head) {
        let detail = "send the body as Content-Type: application/json, without Content-Encoding";
        return Err(Refusal::new(Code::MediaTypeUnsupported, detail));
    }
    let too_large = || Refusal::new(Code::BodyTooLarge, format!("the body may have {limit} bytes"));
    if body.size_hint().lower() > limit as u64 {
        return Err(too_large());
    }
    match tokio::time::timeout_at(deadline, Limited::new(body, limit).collect()).await {
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(error)) => {
            Err(Refusal::new(Code::RequestMalformed, "the body broke off, or its framing is wrong")
                .because(error.to_string())
                .ending_connection())
        }
        Err(_) => Err(Refusal::new(Code::RequestTimeout, "the body did not arrive in time; send it again")),
    }
}

/// A body that nobody will read may be meant for somebody else.
pub(super) fn refuse_body(body: &impl Body) -> Result<(), Refusal> {
    if body.is_end_stream() {
        return Ok(());
    }
    Err(Refusal::new(Code::RequestMalformed, "this call takes no body"))
}

/// `application/json`, in UTF-8 where a charset is named (RFC 8259, section 8.1), and not compressed.
fn is_plain_json(head: &Head) -> bool {
    let Said::Once(media_type) = head.said(Field::ContentType) else { return false };
    // Nothing outside of ASCII, of which some is white space to one reader and not to another.
    let Some(media_type) = std::str::from_utf8(media_type).ok().filter(|text| text.is_ascii()) else {
        return false;
    };
    let mut parts = media_type.split(';').map(str::trim);
    let is_json = parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"));
    let is_utf8 = parts.all(|parameter| match parameter.split_once('=') {
        Some((name, value)) if name.eq_ignore_ascii_case("charset") => {
            value.trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        _ => true,
    });
    let mut codings = head.values(Field::ContentEncoding);
    let is_identity = codings.all(|coding| coding.eq_ignore_ascii_case(b"identity"));
    is_json && is_utf8 && is_identity
}

#[cfg(test)]
mod tests {
    use http::{Method, Version};

    use super::*;

    fn accepts(types: &[&'static str], coding: Option<&'static str>) -> bool {
        let mut head = Head::new(Method::POST, Version::HTTP_11, b"/", 0).unwrap();
        for value in types {
            head.push(Field::ContentType, value.as_bytes());
        }
        if let Some(coding) = coding {
            head.push(Field::ContentEncoding, coding.as_bytes());
        }
        is_plain_json(&head)
    }

    #[test]
    fn json_in_utf8_is_accepted_however_it_is_spelt() {
        for media_type in
            ["application/json", "Application/JSON; charset=UTF-8", "application/json;charset=\"utf-8\""]
        {
            assert!(accepts(&[media_type], None), "{media_type}");
        }
        assert!(accepts(&["application/json"], Some("identity")));
    }

    #[test]
    fn anything_else_is_not() {
        for media_type in [
            "text/plain",
            "application/json; charset=latin1",
            "application/jsonp",
            "application/json\u{a0}",
            "application/json;\u{3000}charset=utf-8",
            "application/json; x=\"\u{e9}\"",
            "application/x-www-form-urlencoded",
        ] {
            assert!(!accepts(&[media_type], None), "{media_type}");
        }
        assert!(!accepts(&[], None));
        assert!(!accepts(&["application/json", "application/json"], None));
        assert!(!accepts(&["application/json"], Some("gzip")));
    }
}
