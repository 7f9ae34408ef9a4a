//! In process: the same get goes through more and more of the stack, and an answer from memory stands in for what is
//! left out. No socket and no HTTP is in it, and no connection to the vendor. What it costs to make a request and to
//! answer it from memory is taken off.

use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use confgate::assembly::stack;
use confgate::devissuer::{Algorithm, DevIssuer};
use confgate::domain::Refusal;
use confgate::stages::identify::Accepted;
use confgate::stages::limit::Limit;
use confgate::stages::route::Route;
use confgate::stages::{
    audit, authn, authz, check, clearance, cors, deadline, documents, identify, intent, shed,
};
use http::{Method, StatusCode};
use http_body_util::Full;
use tower::ServiceBuilder;

use crate::budget::STAGES;
use crate::callgrind::{self, dump};
use crate::median;
use crate::table::{Row, Table};
use crate::world::{Answer, CONFERENCE, Stack, World, mint, request};

/// Of timing. In each, every stack has its turn, so that what disturbs one disturbs all.
const ROUNDS: usize = 40;
/// Of counting: the middle one says what a request needs, without what comes once in many of them.
const WINDOWS: u32 = 5;
/// Requests in a round or window.
const TIMES: u32 = 500;

/// Nothing is shed, however slow the machine is, or valgrind makes it.
const PATIENT: &str = "[listen]\nmax_lag = \"10s\"\n";

/// A stack, and the requests that go through it.
struct Subject<'s> {
    name: String,
    /// Whether it is the one before with one stage more.
    goes_on: bool,
    times: u32,
    /// Makes so many requests possible without a costly preparation of each.
    prepare: Box<dyn Fn(u32) + 's>,
    /// Sends so many.
    send: Box<dyn Fn(u32) -> Duration + 's>,
}

impl<'s> Subject<'s> {
    fn new(
        name: &str,
        world: &'s World,
        (stack, status): (impl Stack + 's, StatusCode),
        next: impl Fn() -> Accepted<Full<Bytes>> + 's,
    ) -> Self {
        Self {
            name: name.to_owned(),
            goes_on: false,
            times: TIMES,
            prepare: Box::new(|_| ()),
            send: Box::new(move |times| world.run(&stack, times.into(), status, &next)),
        }
    }
}

/// Stacks of the layers so far, each with one more than the one before.
macro_rules! one_more_each {
    ($context:tt; [$($before:expr,)*]) => {};
    (
        ($subjects:ident, $world:ident, $token:ident); [$($before:expr,)*]
        $name:literal, $error:ty: $layer:expr; $($rest:tt)*
    ) => {
        let stack = ServiceBuilder::new()$(.layer($before))*.layer($layer).service(Answer::<$error>::new());
        $world.warm_up(&stack, &|| get($token));
        let subject = Subject::new($name, $world, (stack, StatusCode::OK), || get($token));
        $subjects.push(Subject { goes_on: true, ..subject });
        one_more_each!(($subjects, $world, $token); [$($before,)* $layer,] $($rest)*);
    };
}

/// What all of them share.
struct Scene {
    issuers: [DevIssuer; Algorithm::ALL.len()],
    world: World,
    token: String,
}

impl Scene {
    fn new() -> Self {
        let generate = |algorithm| DevIssuer::generate(format!("https://{algorithm}.test"), algorithm);
        let issuers = Algorithm::ALL.map(|algorithm| generate(algorithm).expect("a key"));
        let world = World::with(&issuers.each_ref(), PATIENT);
        let token = mint(&issuers[0], &["conference:create", "conference:get"]);
        let scene = Self { issuers, world, token };
        scene.world.warm_up(&scene.whole(), &|| get(&scene.token));
        scene
    }

    fn whole(&self) -> impl Stack {
        stack(&self.world.parts, Rc::clone(&self.world.desk), Answer::<Refusal>::new())
    }

    /// The first is what is taken off all others.
    fn subjects(&self) -> Vec<Subject<'_>> {
        let nothing = (Answer::<Infallible>::new(), StatusCode::OK);
        let mut subjects = vec![Subject::new("", &self.world, nothing, || get(&self.token))];
        subjects.extend(self.stages());
        subjects.extend(self.others());
        subjects.extend(self.issuers.iter().map(|issuer| self.new_token(issuer)));
        subjects
    }

    /// The same get, through one more stage at a time.
    fn stages(&self) -> Vec<Subject<'_>> {
        let Self { world, token, .. } = self;
        let config = &world.parts.config;
        let mut subjects = Vec::new();
        one_more_each! {
            (subjects, world, token); []
            "identify", Infallible: identify::layer(config.identify.clone());
            "cors", Infallible: cors::layer(&config.cors);
            "deadline", Infallible: deadline::layer(config.request_timeout);
            "shed", Infallible: shed::layer(Rc::clone(&world.desk), config.shed);
            "documents", Infallible: documents::layer(&config.authz.create);
            "audit", Refusal: audit::layer(Rc::clone(&world.desk));
            "route", Refusal: check::layer(Route);
            "authn: a known token", Refusal: authn::layer(world.authn());
            "limit", Refusal: check::layer(Limit);
            "authz", Refusal: authz::layer(config.authz.clone());
            "clearance", Refusal: clearance::layer();
            "intent: the whole stack", Refusal: intent::layer(world.parts.trail.clone(), config.audit.durability);
        }
        subjects
    }

    /// The whole stack, for what is not a get.
    fn others(&self) -> [Subject<'_>; 3] {
        let Self { world, token, .. } = self;
        let body = r#"{"confrType":10,"confrDelayMillis":60000}"#;
        let create = move || request(Method::POST, "/conferences", Some(token), body);
        let nowhere = move || request(Method::GET, "/nowhere", Some(token), "");
        let thorough = stack(&world.parts, Rc::clone(&world.thorough), Answer::<Refusal>::new());
        let missing = StatusCode::NOT_FOUND;
        [
            Subject {
                times: 50,
                ..Subject::new("create, intent on disk", world, (self.whole(), StatusCode::OK), create)
            },
            Subject::new("404, of a flood", world, (self.whole(), missing), nowhere),
            Subject::new("404, recorded", world, (thorough, missing), nowhere),
        ]
    }

    /// A get whose token was never seen before.
    fn new_token<'s>(&'s self, issuer: &'s DevIssuer) -> Subject<'s> {
        let minted = Rc::new(RefCell::new(Vec::new()));
        let ready = Rc::clone(&minted);
        let fresh = || mint(issuer, &["conference:get"]);
        let next = move || get(&ready.borrow_mut().pop().unwrap_or_else(fresh));
        let name = format!("get, new token: {}", issuer.algorithm());
        let prepare = move |times| minted.borrow_mut().extend((0..times).map(|_| fresh()));
        Subject {
            times: 20,
            prepare: Box::new(prepare),
            ..Subject::new(&name, &self.world, (self.whole(), StatusCode::OK), next)
        }
    }
}

fn get(token: &str) -> Accepted<Full<Bytes>> {
    request(Method::GET, CONFERENCE, Some(token), "")
}

pub(crate) fn table() -> Table {
    let scene = Scene::new();
    let subjects = scene.subjects();
    let (times, counts) = (times(&subjects), counts(&subjects));
    let mut table = Table::new("in process, up to");
    for (index, subject) in subjects.iter().enumerate().skip(1) {
        table.push(Row {
            goes_on: subject.goes_on && index > 1,
            nanoseconds: times[index] - times[0],
            instructions: counts.as_ref().map(|counts| counts[index] - counts[0]),
            budget: budget(&subject.name),
            name: subject.name.clone(),
        });
    }
    table
}

fn budget(name: &str) -> u32 {
    let budget = STAGES.iter().find(|(stage, _)| *stage == name);
    budget.unwrap_or_else(|| panic!("{name} has no budget")).1
}

/// Nanoseconds.
fn times(subjects: &[Subject<'_>]) -> Vec<f64> {
    let time =
        |subject: &Subject<'_>| (subject.send)(subject.times).as_nanos() as f64 / f64::from(subject.times);
    let rounds: Vec<Vec<f64>> = (0..ROUNDS).map(|_| subjects.iter().map(time).collect()).collect();
    (0..subjects.len()).map(|index| median(rounds.iter().map(|round| round[index]).collect())).collect()
}

/// Instructions; none without valgrind.
fn counts(subjects: &[Subject<'_>]) -> Option<Vec<f64>> {
    let counted = callgrind::run(&["stages"])?;
    let count = |(index, subject): (usize, &Subject<'_>)| {
        // In the first dump is what was before.
        let dumps = (2..WINDOWS as usize + 2).map(|dump| (1 + WINDOWS as usize) * index + dump);
        let windows = dumps.map(|dump| counted.to_dump(dump) as f64 / f64::from(subject.times));
        median(windows.collect())
    };
    Some(subjects.iter().enumerate().map(count).collect())
}

/// Sends the requests that are counted.
pub(crate) fn be_counted() {
    let scene = Scene::new();
    for subject in scene.subjects() {
        let Subject { times, send, prepare, .. } = subject;
        prepare(times * (1 + WINDOWS));
        for _ in 0..=WINDOWS {
            send(times);
            dump();
        }
    }
}
