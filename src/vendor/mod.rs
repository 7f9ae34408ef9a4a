//! What is known of the vendor: the four calls rebuilt from typed parts ([`AppCalls`]), the app's token
//! ([`TokenHandle`]), the pause it asks for when it has had enough ([`Pause`]), and whether it answers at all
//! ([`Breaker`]).

mod breaker;
mod call;
mod circuit;
mod pause;
mod token;

pub use breaker::{Breaker, BreakerConfig, BreakerState, BreakerStatus, Passage};
pub use call::AppCalls;
pub use pause::{Pause, PauseConfig};
pub use token::{
    Credentials, TokenConfig, TokenFault, TokenHandle, TokenStatus, TokenTerms, TokenUnavailable,
    VendorToken, token_actor,
};
