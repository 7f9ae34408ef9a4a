//! Who a conference's administrator will be: the caller, unless the token lets it name someone else.

use std::sync::Arc;

use crate::domain::{Code, CreateConference, Principal, Refusal, UserName};

/// Fills in the caller as creator, or checks the one that was asked for. Names are compared in lower case, as the
/// vendor does.
pub(super) fn settle(
    asked: CreateConference,
    caller: &Principal,
    scope_for_others: &Arc<str>,
) -> Result<CreateConference, Refusal> {
    let own_name = UserName::parse(&caller.user).ok();
    match (asked.creator(), own_name) {
        (Some(named), Some(own)) if *named == own => Ok(asked),
        (Some(_), _) if caller.scopes.grants(scope_for_others) => Ok(asked),
        (Some(_), _) => {
            let detail = format!("leave creator out, or get a token with the scope {scope_for_others}");
            Err(Refusal::new(Code::CreatorForbidden, detail).needing(Arc::clone(scope_for_others)))
        }
        (None, Some(own)) => Ok(asked.with_creator(own)),
        (None, None) => {
            let detail = "the token's user is no user name of the conference service (1 to 64 characters of \
                          A-Z a-z 0-9 _ . -), so it cannot become the creator; ask the operator which claim names it";
            Err(Refusal::new(Code::CreatorForbidden, detail))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{CreateRules, Scopes, TenantId};

    fn settled(body: &str, user: &str, scopes: &[&str]) -> Result<Option<String>, Code> {
        let caller = Principal {
            issuer: "https://sso".into(),
            tenant: TenantId::parse("crm").unwrap(),
            subject: user.into(),
            user: user.into(),
            scopes: Scopes::new(scopes.iter().copied()),
            token_id: None,
        };
        let asked = CreateConference::parse(body.as_bytes(), &CreateRules::default()).unwrap();
        settle(asked, &caller, &"others".into())
            .map(|settled| settled.creator().map(ToString::to_string))
            .map_err(|refusal| refusal.code)
    }

    #[test]
    fn the_caller_becomes_the_creator() {
        assert_eq!(settled("{}", "HuangCL", &[]), Ok(Some("huangcl".into())));
        assert_eq!(settled(r#"{"creator":"HUANGCL"}"#, "huangcl", &[]), Ok(Some("huangcl".into())));
    }

    #[test]
    fn someone_else_only_with_the_scope_for_it() {
        let body = r#"{"creator":"yangss"}"#;
        assert_eq!(settled(body, "huangcl", &[]), Err(Code::CreatorForbidden));
        assert_eq!(settled(body, "huangcl", &["others"]), Ok(Some("yangss".into())));
    }

    #[test]
    fn a_caller_without_a_user_name_cannot_become_the_creator() {
        assert_eq!(settled("{}", "auth0|17", &[]), Err(Code::CreatorForbidden));
        assert_eq!(settled("{}", "auth0|17", &["others"]), Err(Code::CreatorForbidden));
        assert_eq!(settled(r#"{"creator":"yangss"}"#, "auth0|17", &["others"]), Ok(Some("yangss".into())));
    }
}
