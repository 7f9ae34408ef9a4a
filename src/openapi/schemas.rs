//! The bodies: a create as the gateway takes it, and what the conference service answers.

use serde_json::{Value, json};

use super::{headers, problem};
use crate::domain::CreateRules;
use crate::domain::create::{MAX_CODEC_CHARS, MAX_CODECS, MAX_COUNT, MAX_PASSWORD_CHARS};

/// Every schema, for `components`.
pub(super) fn all(rules: &CreateRules) -> Value {
    json!({
        "CreateConference": create(rules),
        "Conference": conference(),
        "CreatedConference": created(),
        "Done": done(),
        "ServiceError": service_error(),
        "Problem": problem::schema(),
        "ProblemType": problem::type_schema(),
        "ProblemPage": problem::page_schema(),
        "Code": problem::code_schema(),
        "FieldError": problem::field_error_schema(),
        "RequestId": { "type": "string", "format": "uuid", "examples": [headers::REQUEST_ID] },
    })
}

/// A create that uses the fields that the vendor's own example uses, with a delay that makes sense.
pub(super) fn create_example() -> Value {
    json!({
        "allowAudienceTalk": true,
        "confrDelayMillis": 600_000,
        "confrType": 10,
        "memDefaultRole": 3,
        "password": "correct horse",
    })
}

/// No `default` keywords: the defaults are the conference service's and have changed before, and generated
/// clients would send them.
fn create(rules: &CreateRules) -> Value {
    json!({
        "type": "object",
        "description": "What the new conference is to be. Every field may be left out; `null` is refused, and so \
                        are unknown and repeated fields. Integers are written without fraction or exponent.",
        "additionalProperties": false,
        "examples": [create_example(), {}],
        "properties": {
            "confrType": integers(&[10, 11, 12], "10: normal. 11: large, everyone is a talker. 12: live."),
            "password": {
                "type": "string",
                "maxLength": MAX_PASSWORD_CHARS,
                "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]*$",
                "writeOnly": true,
                "description": "What members need to join. Default: the conference service makes one up. Never \
                                logged.",
            },
            "confrDelayMillis": {
                "type": "integer",
                "format": "int64",
                "minimum": millis(rules.min_delay),
                "maximum": millis(rules.max_delay),
                "description": "For how many **milliseconds** the conference waits for its first member before it \
                                is dissolved. Once somebody has joined it ends when the last member leaves. \
                                Default: 150000, on newer servers 120000.",
            },
            "memDefaultRole": integers(
                &[1, 3, 7],
                "What somebody who joins by id and password is: 1 audience, 3 talker, 7 administrator. Default: \
                 talker in types 10 and 11, audience in type 12.",
            ),
            "allowAudienceTalk": boolean("Whether the audience may ask to talk. Of no effect in type 11."),
            "creator": {
                "type": "string",
                "pattern": "^(?!\\.{1,2}$)[A-Za-z0-9_.-]{1,64}$",
                "description": "Who becomes administrator; case does not matter. Default: the caller. Anybody else \
                                needs the scope for it (by default `conference:create_for_others`).",
            },
            "rec": boolean("Whether the conference is recorded. Default: it is not."),
            "recMerge": boolean("Whether the recordings of all streams are merged into one file."),
            "supportWechatMiniProgram": boolean(
                "Whether WeChat mini programs can take part; the codecs are then H264 and VP8. Default: they cannot.",
            ),
            "useVCodes": {
                "type": "array",
                "maxItems": MAX_CODECS,
                "items": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": MAX_CODEC_CHARS,
                    "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]*$",
                },
                "examples": [["H264", "VP8"]],
                "description": "The video codecs to use.",
            },
            "maxTalkerCount": count("How many talkers the conference holds."),
            "maxVideoCount": count("How many of its members may send video."),
            "maxAudienceCount": count("How many people the conference holds."),
            "confrId": {
                "type": "string",
                "const": "",
                "description": "Empty: the conference service gives the id.",
            },
        },
    })
}

fn conference() -> Value {
    json!({
        "type": "object",
        "description": "A conference as the conference service describes it. Fields may be added at any time.",
        "required": ["error"],
        "properties": {
            "error": error(),
            "id": { "type": "string", "description": "The `confrId` of the other calls." },
            "type": { "type": "integer", "description": "10 normal, 11 large, 12 live." },
            "mixed": { "type": "boolean" },
            "password": { "type": "string", "description": "What members need to join." },
            "audienceLimit": { "type": "integer", "description": "How many may listen; none do in type 11." },
            "talkerLimit": { "type": "integer", "description": "How many may talk." },
            "allowAudienceTalk": { "type": "boolean", "description": "Of no meaning in type 11." },
            "mems": {
                "type": "array",
                "description": "Who takes part. Newer servers only.",
                "items": {
                    "type": "object",
                    "properties": {
                        "memberId": { "type": "string" },
                        "memName": { "type": "string", "description": "`org#app_user`" },
                        "role": { "type": "integer", "description": "1 audience, 3 talker, 7 administrator." },
                    },
                },
            },
        },
        "examples": [conference_example()],
    })
}

fn created() -> Value {
    let mut example = conference_example();
    if let Some(members) = example.as_object_mut() {
        members.insert("expireDate".to_owned(), "2019-06-14 15:41:58".into());
    }
    json!({
        "allOf": [{ "$ref": "#/components/schemas/Conference" }],
        "type": "object",
        "properties": { "expireDate": {
            "type": "string",
            "description": "When the conference is dissolved if nobody has joined, as `YYYY-MM-DD hh:mm:ss` without \
                            a time zone.",
        } },
        "examples": [example],
    })
}

fn conference_example() -> Value {
    json!({
        "error": 0,
        "id": "IM3SKW51SKH4TB80LV45000C7",
        "type": 10,
        "mixed": false,
        "password": "0.37898245722568236",
        "audienceLimit": 600,
        "talkerLimit": 6,
        "allowAudienceTalk": true,
    })
}

fn done() -> Value {
    json!({
        "type": "object",
        "description": "The conference service does not document what it answers here; judge by the status, and by \
                        `error` where there is one.",
        "properties": { "error": error() },
        "examples": [{ "error": 0 }],
    })
}

fn service_error() -> Value {
    json!({
        "type": "object",
        "description": "An error of the conference service, passed on as it came. It can also be HTML.",
        "properties": {
            "error": { "type": ["string", "integer"] },
            "error_description": { "type": "string" },
            "exception": { "type": "string" },
            "timestamp": { "type": "integer", "description": "Milliseconds since 1970." },
            "duration": { "type": "integer", "description": "Milliseconds." },
        },
        "examples": [{ "error": -301, "error_description": "conference does not exist" }],
    })
}

fn error() -> Value {
    json!({
        "type": "integer",
        "description": "0: all is well. Any other number: it failed, although the status is 200, and other fields \
                        may be missing.",
    })
}

fn integers(values: &[i64], description: &str) -> Value {
    json!({ "type": "integer", "enum": values, "description": description })
}

fn boolean(description: &str) -> Value {
    json!({ "type": "boolean", "description": description })
}

fn count(description: &str) -> Value {
    json!({ "type": "integer", "minimum": 0, "maximum": MAX_COUNT, "description": description })
}

/// Milliseconds as far as JSON readers can count them: beyond 64 bits there is no bound worth naming.
fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
