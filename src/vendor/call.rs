use bytes::Bytes;

use super::VendorToken;
use crate::domain::{AppName, Call, ConferenceId, OrgName, TraceContext, UserName};
use crate::upstream::Endpoint;

/// What every call has. The vendor's page lists `Content-Type` for each, body or not.
const ALWAYS: &str = concat!(
    "accept: application/json\r\ncontent-type: application/json\r\nuser-agent: confgate/",
    env!("CARGO_PKG_VERSION"),
    "\r\n"
);

/// How long a call without a body is, with room to spare.
const USUAL_LENGTH: usize = 768;

/// Writes the calls of one app as they go over the wire.
///
/// By hand, into one buffer: nothing of it comes from a caller but ids, whose alphabets have no character that means
/// anything in a path or a head.
#[derive(Clone, Debug)]
pub struct AppCalls {
    conferences: Box<str>,
    /// What every head has, and none holds of the call, the token or the trace.
    fields: Box<str>,
}

impl AppCalls {
    /// Paths begin with the base URL's own path.
    pub fn new(base: &Endpoint, org: &OrgName, app: &AppName) -> Self {
        // An authority is visible ASCII.
        let host = base.authority().to_str().unwrap_or_default();
        Self {
            conferences: format!("{}/{org}/{app}/conferences", base.base_path()).into(),
            fields: format!(" HTTP/1.1\r\nhost: {host}\r\n{ALWAYS}").into(),
        }
    }

    /// The whole request for `call`: head and body.
    pub fn request(&self, call: &Call<Bytes>, token: &VendorToken, trace: &TraceContext) -> Vec<u8> {
        let body = match call {
            Call::Create(json) => json,
            _ => &Bytes::new(),
        };
        let mut request = Vec::with_capacity(USUAL_LENGTH + body.len());
        let mut write = |part: &[u8]| request.extend_from_slice(part);
        write(method(call));
        write(self.conferences.as_bytes());
        let ids = [call.conference().map(ConferenceId::as_str), call.user().map(UserName::as_str)];
        for id in ids.into_iter().flatten() {
            write(b"/");
            write(id.as_bytes());
        }
        write(self.fields.as_bytes());
        write(b"authorization: ");
        write(token.authorization().as_bytes());
        write(b"\r\ntraceparent: ");
        write(&trace.traceparent());
        if !body.is_empty() {
            write(b"\r\ncontent-length: ");
            write(itoa::Buffer::new().format(body.len()).as_bytes());
        }
        write(b"\r\n\r\n");
        write(body);
        request
    }
}

fn method(call: &Call<Bytes>) -> &'static [u8] {
    match call {
        Call::Create(_) => b"POST ",
        Call::Get(_) => b"GET ",
        Call::Dissolve(_) | Call::Kick(..) => b"DELETE ",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(base: &str) -> AppCalls {
        AppCalls::new(
            &Endpoint::parse(base).unwrap(),
            &OrgName::parse("1100181023201864").unwrap(),
            &AppName::parse("voicechatroom").unwrap(),
        )
    }

    fn request(base: &str, call: &Call<Bytes>) -> String {
        let trace = TraceContext::continued(None, (1, 2));
        let request = calls(base).request(call, &VendorToken::for_tests("secret"), &trace);
        String::from_utf8(request).unwrap()
    }

    #[test]
    fn there_are_four_calls() {
        let id = || ConferenceId::parse("IM3SKW51SKH4TB80LV45000C7").unwrap();
        let user = UserName::parse("Yang.SS").unwrap();
        let conferences = "/1100181023201864/voicechatroom/conferences";
        let one = format!("{conferences}/IM3SKW51SKH4TB80LV45000C7");
        for (call, line) in [
            (Call::Create("{}".into()), format!("POST {conferences}")),
            (Call::Get(id()), format!("GET {one}")),
            (Call::Dissolve(id()), format!("DELETE {one}")),
            (Call::Kick(id(), user), format!("DELETE {one}/yang.ss")),
        ] {
            let request = request("https://a1.easemob.com/", &call);
            assert_eq!(request.lines().next(), Some(&*format!("{line} HTTP/1.1")));
        }
        let behind = request("http://proxy/easemob/", &Call::Get(id()));
        assert!(behind.starts_with(&format!("GET /easemob{one} HTTP/1.1\r\nhost: proxy\r\n")), "{behind}");
    }

    #[test]
    fn a_call_carries_these_headers_and_no_others() {
        let version = env!("CARGO_PKG_VERSION");
        let always = |first: &str| {
            format!(
                "{first} HTTP/1.1\r\nhost: a:81\r\naccept: application/json\r\n\
                 content-type: application/json\r\nuser-agent: confgate/{version}\r\n\
                 authorization: Bearer secret\r\n\
                 traceparent: 00-00000000000000000000000000000001-0000000000000002-00\r\n"
            )
        };
        let conferences = "/1100181023201864/voicechatroom/conferences";
        let create = request("http://a:81", &Call::Create("{\"confrType\":10}".into()));
        let head = always(&format!("POST {conferences}"));
        assert_eq!(create, format!("{head}content-length: 16\r\n\r\n{{\"confrType\":10}}"));
        let get = request("http://a:81", &Call::Get(ConferenceId::parse("IM3").unwrap()));
        assert_eq!(get, format!("{}\r\n", always(&format!("GET {conferences}/IM3"))));
    }
}
