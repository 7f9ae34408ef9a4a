//! confgate: an authenticating reverse proxy for Easemob's conference API. A caller comes with its company's JWT; the
//! gateway decides what that caller may do, puts the vendor's token in its place, forwards the call, and leaves an
//! audit trail.
//!
//! # The floor plan, in the order of a request
//!
//! A **data plane** of one single-threaded worker for each CPU serves requests; a **control plane** of one thread keeps
//! keys and tokens fresh and serves the admin port. One thread writes the trail, one keeps its directory in order, one
//! reads the configuration again when it has changed, and each consumer that the trail is shipped to has one.
//!
//! - [`server`]: accepts connections, shares them out to the workers, serves them by TLS or in clear text and by HTTP/1
//!   or HTTP/2, ends them in good order.
//! - [`stages`]: what a request passes on its way, each stage handing on a type that only it can build: `catch_panic`,
//!   identify, cors, deadline, shed, documents, audit, route, authn, limit, authz, clearance, intent, proxy. `head` is
//!   what they see of a request, `reply` what they answer.
//! - [`assembly`]: the one function that decides their order, and the start, the reload and the end of everything.
//!
//! The engines that the stages ask:
//!
//! - [`jwt`]: takes tokens apart and verifies them; keeps the issuers' keys.
//! - [`limits`]: rates, requests in flight, bad tokens and connections by address, how busy a worker is.
//! - [`tenancy`]: the tenants and apps with the state that workers share.
//! - [`vendor`]: the vendor's token, its four calls as requests, its pauses, the circuit breakers.
//! - [`http1`]: HTTP/1.1 on both sides: where heads and bodies end, and an answer's fields as they go on the wire.
//! - [`upstream`]: connections to elsewhere: endpoints, TLS, the workers' pools, single fetches.
//! - [`trail`]: the audit trail: records, the threads that write and keep them, what proves them, what reads them.
//! - [`shipping`]: takes the trail to others: consumers with cursors, forms, sinks.
//! - [`telemetry`]: the log and the counters.
//! - [`openapi`]: the description of the API and the pages about its problems.
//!
//! Underneath lies [`domain`]: names, actions, refusals and the create body, as types that exist only well-formed.
//!
//! Around it: [`config`] reads the configuration, [`admin`] answers probes and people, [`cli`] holds the commands,
//! [`sandbox`] emulates the vendor, [`devissuer`] issues development tokens. [`smallserver`] is the HTTP server under
//! the admin port, the sandbox and the development issuer. [`listener`] is every server's way to take connections in.
//!
//! Imports run one way: cli → assembly → config, server, admin, sandbox, devissuer → stages → engines → domain.
//! `tests/gateway/structure.rs` holds them to it.

pub mod admin;
pub mod assembly;
pub mod cli;
pub mod config;
pub mod devissuer;
pub mod domain;
pub mod http1;
pub mod jwt;
pub mod limits;
pub mod listener;
pub mod openapi;
pub mod sandbox;
pub mod server;
pub mod shipping;
pub mod smallserver;
pub mod stages;
pub mod telemetry;
pub mod tenancy;
pub mod trail;
pub mod upstream;
pub mod vendor;

/// A panic fails one request, and must not end the process: what catches it needs it to unwind.
const _: () = assert!(cfg!(panic = "unwind"));
