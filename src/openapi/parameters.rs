//! What stands in a path or a request's headers. The patterns repeat the rules of the names in
//! [`crate::domain`]; a test holds them together.

use serde_json::{Value, json};

/// Every parameter, for `components`.
pub(super) fn all() -> Value {
    json!({
        "org": path(
            "org", "^[A-Za-z0-9-]{1,64}$", "1100181023201864",
            "The organization of the tenant's app at the conference service. Any other is refused.",
        ),
        "app": path(
            "app", "^[a-z0-9-]{1,32}$", "voicechatroom",
            "The tenant's app at the conference service. Any other is refused.",
        ),
        "confrId": path(
            "confrId", "^(?!room$)[A-Za-z0-9_-]{1,64}$", "IM3SKW51SKH4TB80LV45000C7",
            "The conference, by the `id` that its create answered. Case matters.",
        ),
        "userName": path(
            "userName", "^(?!\\.{1,2}$)[A-Za-z0-9_.-]{1,64}$", "yangss",
            "The member. Case does not matter.",
        ),
        "code": {
            "name": "code",
            "in": "path",
            "required": true,
            "description": "The `code` of a problem.",
            "schema": { "$ref": "#/components/schemas/Code" },
            "example": "token_expired",
        },
        "traceparent": {
            "name": "traceparent",
            "in": "header",
            "description": "The caller's trace (W3C Trace Context), which the call goes on with. One that is \
                            malformed is ignored.",
            "schema": { "type": "string", "pattern": "^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}" },
            "example": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        },
    })
}

/// References to parameters by name.
pub(super) fn references(names: &[&str]) -> Value {
    let reference = |name| json!({ "$ref": format!("#/components/parameters/{name}") });
    names.iter().map(reference).collect()
}

fn path(name: &str, pattern: &str, example: &str, description: &str) -> Value {
    json!({
        "name": name,
        "in": "path",
        "required": true,
        "description": description,
        "schema": { "type": "string", "pattern": pattern },
        "example": example,
    })
}
