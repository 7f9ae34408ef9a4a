//! What the vendor answers: by the book, or as a test says.

use std::collections::{HashMap, HashSet, VecDeque};

use serde_json::{Value, json};

use crate::support::server::{Call, Gate, Reply};

/// By the book, until the test says otherwise.
pub(super) struct State {
    pub(super) answers: VecDeque<Reply>,
    pub(super) token_answers: VecDeque<Reply>,
    pub(super) expires_in: Value,
    pub(super) tokens: usize,
    pub(super) good_tokens: HashSet<String>,
    pub(super) conferences: usize,
    /// The answer to every call for a token, in place of the book's.
    pub(super) token_answer: Option<Reply>,
    /// What was said about one app alone, by its name at the vendor; this goes before all else.
    pub(super) apps: HashMap<String, Scripts>,
    /// Holds the answers to calls for a token, but for the first so many of all.
    pub(super) token_gate: Option<(usize, Gate)>,
    pub(super) witness: Option<Witness>,
    /// Holds the answers to calls whose path contains the text.
    pub(super) held: Option<(String, Gate)>,
}

/// What the calls of one app get in place of the book's answers.
#[derive(Default)]
pub(super) struct Scripts {
    pub(super) next: VecDeque<Reply>,
    pub(super) always: Option<Reply>,
    pub(super) always_tokens: Option<Reply>,
}

/// Looks on when a call other than for a token arrives, before it is answered.
pub(super) type Witness = Box<dyn Fn(&Call) + Send>;

pub(super) fn is_for_token(call: &Call) -> bool {
    call.path.ends_with("/token")
}

/// The vendor's name of the app: the second segment of `/org/app/…`.
pub(super) fn app_of(call: &Call) -> &str {
    call.path.split('/').nth(2).unwrap_or_default()
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            answers: VecDeque::new(),
            token_answers: VecDeque::new(),
            expires_in: json!(5_184_000),
            tokens: 0,
            good_tokens: HashSet::new(),
            conferences: 0,
            token_answer: None,
            apps: HashMap::new(),
            token_gate: None,
            witness: None,
            held: None,
        }
    }

    pub(super) fn reply(&mut self, call: &Call) -> Reply {
        if is_for_token(call) {
            let own = self.apps.get(app_of(call)).and_then(|own| own.always_tokens.clone());
            let scripted =
                own.or_else(|| self.token_answers.pop_front()).or_else(|| self.token_answer.clone());
            return scripted.unwrap_or_else(|| self.token());
        }
        if let Some(witness) = &self.witness {
            witness(call);
        }
        if let Some((part, gate)) = self.held.clone()
            && call.path.contains(&part)
        {
            return self.by_the_book(call).behind(&gate);
        }
        let own = self.apps.get_mut(app_of(call));
        let own = own.and_then(|own| own.next.pop_front().or_else(|| own.always.clone()));
        let scripted = own.or_else(|| self.answers.pop_front());
        scripted.unwrap_or_else(|| self.by_the_book(call))
    }

    fn token(&mut self) -> Reply {
        self.tokens += 1;
        let token = format!("YWMt-test-{}", self.tokens);
        self.good_tokens.insert(token.clone());
        let reply = Reply::json(
            200,
            &json!({
                "access_token": token,
                "expires_in": self.expires_in,
                "application": "8be024f0-e978-11e8-b697-5d598d5f8402",
            }),
        );
        match &self.token_gate {
            Some((free, gate)) if self.tokens > *free => reply.behind(gate),
            _ => reply,
        }
    }

    fn by_the_book(&mut self, call: &Call) -> Reply {
        let token = call.headers.get("authorization").and_then(|value| value.strip_prefix("Bearer "));
        if !token.is_some_and(|token| self.good_tokens.contains(token)) {
            return unauthorized();
        }
        let segments: Vec<&str> = call.path.split('/').skip(1).collect();
        match (call.method.as_str(), segments.as_slice()) {
            ("POST", [_, _, "conferences"]) => self.created(call),
            ("GET", [_, _, "conferences", id]) => Reply::json(200, &conference(id)),
            ("DELETE", [_, _, "conferences", _] | [_, _, "conferences", _, _]) => {
                Reply::json(200, &json!({"error": 0}))
            }
            _ => Reply::body(404, "text/html", "<html><h1>404 Not Found</h1></html>"),
        }
    }

    fn created(&mut self, call: &Call) -> Reply {
        self.conferences += 1;
        let mut conference = conference(&format!("TEST{:021}", self.conferences));
        conference["expireDate"] = json!("2019-06-14 15:41:58");
        if let Some(kind) = call.json().get("confrType") {
            conference["type"] = kind.clone();
        }
        Reply::json(200, &conference)
    }
}

fn conference(id: &str) -> Value {
    json!({
        "error": 0,
        "id": id,
        "type": 10,
        "mixed": false,
        "password": "sesame",
        "audienceLimit": 600,
        "talkerLimit": 6,
        "allowAudienceTalk": true,
    })
}

fn unauthorized() -> Reply {
    Reply::json(
        401,
        &json!({
            "error": "unauthorized",
            "exception": "SecurityException",
            "timestamp": 1_570_613_925_656_u64,
            "duration": 1,
            "error_description": "Unable to authenticate due to corrupt access token",
        }),
    )
}
