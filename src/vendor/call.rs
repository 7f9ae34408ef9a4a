use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::uri::InvalidUri;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::Full;

use super::VendorToken;
use crate::domain::{AppName, Call, OrgName, TraceContext};
use crate::upstream::Endpoint;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const PRODUCT: HeaderValue = HeaderValue::from_static(concat!("confgate/", env!("CARGO_PKG_VERSION")));
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Writes the calls of one app.
#[derive(Clone, Debug)]
pub struct AppCalls {
    conferences: Box<str>,
}

impl AppCalls {
    /// Paths begin with the base URL's own path.
    pub fn new(base: &Endpoint, org: &OrgName, app: &AppName) -> Self {
        Self { conferences: format!("{}/{org}/{app}/conferences", base.base_path()).into() }
    }

    /// The request for `call`. Its URI is a path; `Host` and the framing are the connection's to add. The names'
    /// alphabets have no character that means anything in a path, so the error is for a base path alone.
    ///
    /// The vendor's page lists `Content-Type` for every call, so every call has it, body or not.
    pub fn request(
        &self,
        call: &Call<Bytes>,
        token: &VendorToken,
        trace: &TraceContext,
    ) -> Result<Request<Full<Bytes>>, InvalidUri> {
        let uri = Uri::try_from(self.path(call))?;
        let body = match call {
            Call::Create(json) => json.clone(),
            _ => Bytes::new(),
        };
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method(call);
        *request.uri_mut() = uri;
        *request.headers_mut() = headers(token, trace);
        Ok(request)
    }

    fn path(&self, call: &Call<Bytes>) -> String {
        let base = &*self.conferences;
        match call {
            Call::Create(_) => base.to_owned(),
            Call::Get(id) | Call::Dissolve(id) => format!("{base}/{id}"),
            Call::Kick(id, user) => format!("{base}/{id}/{user}"),
        }
    }
}

fn method(call: &Call<Bytes>) -> Method {
    match call {
        Call::Create(_) => Method::POST,
        Call::Get(_) => Method::GET,
        Call::Dissolve(_) | Call::Kick(..) => Method::DELETE,
    }
}

fn headers(token: &VendorToken, trace: &TraceContext) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(AUTHORIZATION, token.authorization().clone());
    headers.insert(ACCEPT, JSON);
    headers.insert(CONTENT_TYPE, JSON);
    headers.insert(USER_AGENT, PRODUCT);
    if let Ok(traceparent) = HeaderValue::try_from(trace.traceparent()) {
        headers.insert(TRACEPARENT, traceparent);
    }
    headers
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;
    use crate::domain::{ConferenceId, UserName};

    fn calls(base: &str) -> AppCalls {
        AppCalls::new(
            &Endpoint::parse(base).unwrap(),
            &OrgName::parse("1100181023201864").unwrap(),
            &AppName::parse("voicechatroom").unwrap(),
        )
    }

    fn request(base: &str, call: &Call<Bytes>) -> Request<Full<Bytes>> {
        let trace = TraceContext::continued(None, (1, 2));
        calls(base).request(call, &VendorToken::for_tests("secret"), &trace).unwrap()
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
            assert_eq!(format!("{} {}", request.method(), request.uri()), line);
        }
        let behind = request("http://proxy/easemob/", &Call::Get(id()));
        assert_eq!(behind.uri().path(), format!("/easemob{one}"));
    }

    #[tokio::test]
    async fn a_call_carries_these_headers_and_no_others() {
        let request = request("http://a", &Call::Create("{\"confrType\":10}".into()));
        let mut headers: Vec<_> = request.headers().iter().collect();
        headers.sort_by_key(|(name, _)| name.as_str());
        let headers: Vec<_> = headers.iter().map(|(n, v)| (n.as_str(), v.to_str().unwrap())).collect();
        let trace = "00-00000000000000000000000000000001-0000000000000002-00";
        assert_eq!(
            headers,
            [
                ("accept", "application/json"),
                ("authorization", "Bearer secret"),
                ("content-type", "application/json"),
                ("traceparent", trace),
                ("user-agent", concat!("confgate/", env!("CARGO_PKG_VERSION"))),
            ]
        );
        assert!(!format!("{request:?}").contains("secret"));
        let body = request.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, "{\"confrType\":10}");
    }
}
