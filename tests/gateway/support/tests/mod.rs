//! The world around the gateway does what its tests rely on.

mod issuer;
mod trail;
mod vendor;
