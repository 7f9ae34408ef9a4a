//! What a request costs, stage by stage, in process and with everything on: the same get goes through more and more of
//! the stack, and an answer from memory stands in for what is left out. No socket and no HTTP is in it, and no
//! connection to the vendor.
//!
//! `cargo bench` runs it. The figures are for one CPU; the trail's thread writes beside it on another.

#![expect(clippy::expect_used, clippy::panic, reason = "a bench that cannot go on stops")]

#[path = "../world.rs"]
mod world;

use std::convert::Infallible;
use std::rc::Rc;

use bytes::Bytes;
use confgate::assembly::stack;
use confgate::devissuer::{Algorithm, DevIssuer};
use confgate::domain::Refusal;
use confgate::stages::limit::Limit;
use confgate::stages::route::Route;
use confgate::stages::{
    audit, authn, authz, check, clearance, cors, deadline, documents, identify, intent, shed,
};
use criterion::Criterion;
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use mimalloc::MiMalloc;
use tower::ServiceBuilder;

use world::{Answer, CONFERENCE, Next, Stack, World, mint, request};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn measure<S: Stack>(criterion: &mut Criterion, name: &str, world: &World, stack: &S, next: Next<'_>) {
    world.warm_up(stack, next);
    criterion.bench_function(name, |bencher| {
        bencher.iter_custom(|times| world.run(stack, times, StatusCode::OK, next));
    });
}

/// Measures a stack of the layers so far, then with one more.
macro_rules! measure_each {
    ($context:expr; [$($before:expr,)*]) => {};
    ($context:expr; [$($before:expr,)*] $name:literal, $error:ty: $layer:expr; $($rest:tt)*) => {
        let (criterion, world, get) = $context;
        let stack = ServiceBuilder::new()$(.layer($before))*.layer($layer).service(Answer::<$error>::new());
        measure(criterion, $name, world, &stack, get);
        measure_each!($context; [$($before,)* $layer,] $($rest)*);
    };
}

/// The same get, through one more stage at a time.
fn stages(criterion: &mut Criterion, world: &World, get: Next<'_>) {
    let config = &world.parts.config;
    measure_each! {
        (&mut *criterion, world, get); []
        "get/01 identify", Infallible: identify::layer(config.identify.clone());
        "get/02 cors", Infallible: cors::layer(&config.cors);
        "get/03 deadline", Infallible: deadline::layer(config.request_timeout);
        "get/04 shed", Infallible: shed::layer(Rc::clone(&world.desk), config.shed);
        "get/05 documents", Infallible: documents::layer(&config.authz.create);
        "get/06 audit", Refusal: audit::layer(Rc::clone(&world.desk));
        "get/07 route", Refusal: check::layer(Route);
        "get/08 authn", Refusal: authn::layer(world.authn());
        "get/09 limit", Refusal: check::layer(Limit);
        "get/10 authz", Refusal: authz::layer(config.authz.clone());
        "get/11 clearance", Refusal: clearance::layer();
        "get/12 intent", Refusal: intent::layer(world.parts.trail.clone(), config.audit.durability);
    }
}

/// The whole stack, for what is not a get with a known token.
fn others(criterion: &mut Criterion, world: &World, token: &str) {
    let whole = stack(&world.parts, Rc::clone(&world.desk), Answer::<Refusal>::new());
    let body = r#"{"confrType":10,"confrDelayMillis":60000}"#;
    let create = || request(Method::POST, "/conferences", Some(token), body);
    measure(criterion, "create, intent on disk", world, &whole, &create);
    let nowhere = || request(Method::GET, "/nowhere", Some(token), "");
    criterion.bench_function("refusal, counted", |bencher| {
        bencher.iter_custom(|times| world.run(&whole, times, StatusCode::NOT_FOUND, &nowhere));
    });
    let thorough = stack(&world.parts, Rc::clone(&world.thorough), Answer::<Refusal>::new());
    criterion.bench_function("refusal, on record by itself", |bencher| {
        bencher.iter_custom(|times| world.run(&thorough, times, StatusCode::NOT_FOUND, &nowhere));
    });
}

/// A get whose token was never seen before.
fn new_tokens(criterion: &mut Criterion) {
    let generate = |algorithm| DevIssuer::generate(format!("https://{algorithm}.test"), algorithm);
    let issuers = Algorithm::ALL.map(|algorithm| generate(algorithm).expect("a key"));
    let world = World::new(&issuers.each_ref());
    let whole = stack::<Full<Bytes>, _>(&world.parts, Rc::clone(&world.desk), Answer::<Refusal>::new());
    for issuer in &issuers {
        let name = format!("get, new token, {}", issuer.algorithm());
        measure(criterion, &name, &world, &whole, &|| get(&mint(issuer, &["conference:get"])));
    }
}

fn get(token: &str) -> Request<Full<Bytes>> {
    request(Method::GET, CONFERENCE, Some(token), "")
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let issuer = DevIssuer::generate("https://issuer.test", Algorithm::Es256).expect("a key");
    let world = World::new(&[&issuer]);
    let token = mint(&issuer, &["conference:create", "conference:get"]);
    stages(&mut criterion, &world, &|| get(&token));
    others(&mut criterion, &world, &token);
    new_tokens(&mut criterion);
    criterion.final_summary();
}
