//! confgate: an authenticating reverse proxy for Easemob's conference API.

pub mod config;
pub mod devissuer;
pub mod domain;
pub mod jwt;
pub mod limits;
pub mod openapi;
pub mod sandbox;
pub mod server;
pub mod smallserver;
pub mod stages;
pub mod telemetry;
pub mod tenancy;
pub mod trail;
pub mod upstream;
pub mod vendor;
