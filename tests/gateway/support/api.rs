//! The API as the running gateway describes it, to hold its answers against.

use std::net::SocketAddr;

use jsonschema::Validator;
use serde_json::{Value, json};

use super::client::{Answer, Connection};

/// Fields that belong to HTTP itself and that a description of an API leaves out.
const FRAMING: [&str; 6] =
    ["connection", "content-encoding", "content-length", "content-type", "date", "transfer-encoding"];

/// The document of `GET /openapi.json`.
pub(crate) struct Api(pub(crate) Value);

impl Api {
    pub(crate) async fn of(gateway: SocketAddr) -> Self {
        Self::on(&mut Connection::open(gateway).await).await
    }

    /// Read on this connection.
    pub(crate) async fn on(connection: &mut Connection) -> Self {
        let answer = connection.send("GET", "/openapi.json", &[], "").await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        Self(answer.json())
    }

    /// Each path as it is templated, with each of its methods in upper case.
    pub(crate) fn operations(&self) -> Vec<(String, String)> {
        let paths = self.0["paths"].as_object().expect("paths").iter();
        let methods = paths.flat_map(|(path, item)| {
            let methods = item.as_object().expect("an item").keys().filter(|key| *key != "parameters");
            methods.map(|method| (path.clone(), method.to_uppercase()))
        });
        methods.collect()
    }

    /// The operation that a request means. A path's first one stands for a method that the path does not have.
    pub(crate) fn operation(&self, method: &str, path: &str) -> &Value {
        let item = self.item(path);
        let own = item.get(method.to_lowercase());
        own.or_else(|| item.as_object()?.iter().find(|(key, _)| *key != "parameters").map(|(_, first)| first))
            .unwrap_or_else(|| panic!("no operation at {path}"))
    }

    fn item(&self, path: &str) -> &Value {
        let asked: Vec<&str> = path.split('/').collect();
        let fits = |template: &&String| {
            let segments: Vec<&str> = template.split('/').collect();
            let fits = |(segment, asked): (&&str, &&str)| segment.starts_with('{') || segment == asked;
            segments.len() == asked.len() && segments.iter().zip(&asked).all(fits)
        };
        let paths = self.0["paths"].as_object().expect("paths");
        let template = paths.keys().filter(fits).min_by_key(|template| template.matches('{').count());
        &paths[template.unwrap_or_else(|| panic!("{path} is not in the document"))]
    }

    /// Fails the test unless the answer's status, media type, body and headers are described for the operation.
    pub(crate) fn describes(&self, method: &str, path: &str, answer: &Answer) {
        let what = format!("{} to {method} {path}: {:?} {}", answer.status, answer.headers, answer.text());
        let responses = &self.operation(method, path)["responses"];
        let class = format!("{}XX", answer.status / 100);
        let keys = [answer.status.to_string(), class, "default".to_owned()];
        // The gateway knows its own refusals: they may not hide behind a description of anything.
        let keys = if is_problem(answer) { &keys[..1] } else { &keys };
        let response = keys.iter().find_map(|key| responses.get(key));
        let response = self.resolved(response.unwrap_or_else(|| panic!("not described: {what}")));
        for (name, _) in &answer.headers.0 {
            let described = response["headers"]
                .as_object()
                .is_some_and(|headers| headers.keys().any(|described| described.eq_ignore_ascii_case(name)));
            assert!(
                described || FRAMING.contains(&name.to_lowercase().as_str()),
                "the header {name} is not described: {what}"
            );
        }
        if !answer.body.is_empty() {
            self.describes_body(response, answer, &what);
        }
    }

    fn describes_body(&self, response: &Value, answer: &Answer, what: &str) {
        let essence = answer.header("content-type").unwrap_or("*/*").split(';').next().unwrap_or_default();
        let content = &response["content"];
        let media = content.get(essence).or_else(|| content.get("*/*").filter(|_| !is_problem(answer)));
        let media = media.unwrap_or_else(|| panic!("the media type is not described: {what}"));
        if let Some(schema) = media.get("schema") {
            let errors: Vec<String> = self
                .validator(schema)
                .iter_errors(&answer.json())
                .map(|error| format!("{}: {error}", error.instance_path()))
                .collect();
            assert!(errors.is_empty(), "{errors:?} in {what}");
        }
    }

    /// A validator of a schema of the document.
    pub(crate) fn validator(&self, schema: &Value) -> Validator {
        let whole = json!({ "allOf": [schema], "components": self.0["components"] });
        jsonschema::draft202012::new(&whole).expect("a schema")
    }

    /// What a reference leads to; anything else is itself.
    fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        let reference = value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
        reference.map_or(value, |pointer| self.0.pointer(pointer).expect("a reference that leads somewhere"))
    }
}

fn is_problem(answer: &Answer) -> bool {
    answer.header("content-type") == Some("application/problem+json")
}
