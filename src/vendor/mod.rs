//! What is known of the vendor: the four calls rebuilt from typed parts ([`AppCalls`]), the app's token
//! ([`TokenHandle`]), and the pause it asks for when it has had enough ([`Pause`]).

mod call;
mod pause;
mod token;

pub use call::AppCalls;
pub use pause::{Pause, PauseConfig};
pub use token::{
    Credentials, TokenConfig, TokenFault, TokenHandle, TokenStatus, TokenTerms, TokenUnavailable,
    VendorToken, token_actor,
};
