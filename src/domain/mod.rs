//! The words of the trade, as types that exist only well-formed. Nothing here knows HTTP, Tower or a file.

mod action;
mod call;
pub mod create;
mod hexadecimal;
mod id;
mod principal;
mod refusal;
mod request_id;
mod trace;

pub use action::Action;
pub use call::Call;
pub use create::{CreateConference, CreateFault, CreateRules};
pub(crate) use hexadecimal::write_hexadecimal;
pub use id::{AppKey, AppName, ConferenceId, InvalidName, OrgName, TenantId, UserName};
pub use principal::{Principal, Scopes};
pub use refusal::{Code, FieldError, Refusal};
pub use request_id::{InvalidRequestId, RequestId};
pub use trace::TraceContext;
