//! `[audit.ship]`: who gets the trail.

use std::num::NonZeroUsize;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};

use crate::config::endpoint;
use crate::config::file::{self, PATH};
use crate::config::form::{Choice, Count, Size, Span};
use crate::config::reader::{Reading, Section};
use crate::shipping::{
    Beginning, ConsumerConfig, ConsumerName, Form, Framing, HttpSinkConfig, ReceiverToken, SinkConfig,
};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

const BATCH_RECORDS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(499);
const TIMEOUT: Duration = Duration::from_secs(10);
const MAX_BACKOFF: Duration = Duration::from_mins(1);

/// Which of the sinks, before the keys of that one are read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Stdout,
    Http,
}

const KIND: Choice<Kind> = Choice(&[("stdout", Kind::Stdout), ("http", Kind::Http)]);

const FORM: Choice<Form> = Choice(&[
    (Form::Confgate.as_str(), Form::Confgate),
    (Form::Ocsf.as_str(), Form::Ocsf),
    (Form::Ecs.as_str(), Form::Ecs),
]);

const FRAMING: Choice<Framing> = Choice(&[("lines", Framing::Lines), ("array", Framing::Array)]);

const BEGINNING: Choice<Beginning> = Choice(&[("start", Beginning::Start), ("now", Beginning::Now)]);

/// Every consumer, of which one at most has standard output. `audit` is the section above.
pub(super) fn read(audit: &mut Section<'_>) -> Reading<Vec<ConsumerConfig>> {
    let mut consumers: Vec<Reading<ConsumerConfig>> = Vec::new();
    for (name, mut section) in audit.entries("ship")? {
        let consumer = read_one(&name, &mut section);
        let is_stdout = |consumer: &ConsumerConfig| matches!(consumer.sink, SinkConfig::Stdout);
        if consumer.as_ref().is_ok_and(is_stdout)
            && let Some(other) = consumers.iter().flatten().find(|other| is_stdout(other))
        {
            let wrong =
                format!("is what audit.ship.{} has already: one consumer at most can have it", other.name);
            section.refuse("sink", wrong);
        }
        consumers.push(consumer);
    }
    consumers.into_iter().collect()
}

fn read_one(name: &str, section: &mut Section<'_>) -> Reading<ConsumerConfig> {
    let name = ConsumerName::parse(name).map_err(|wrong| section.refuse_all(wrong.to_string()));
    let kind = section.need("sink", &KIND);
    let form = section.or("form", &FORM, Form::Confgate);
    let beginning = section.or("from", &BEGINNING, Beginning::Start);
    let batch_records = section.or("batch_records", &Count::within(1..=10_000), BATCH_RECORDS);
    let batch_bytes = section.or("batch_bytes", &Size(KIB..=16 * MIB), MIB);
    let bounds = Span(Duration::from_secs(1)..=Duration::from_hours(1));
    let max_backoff = section.or("max_backoff", &bounds, MAX_BACKOFF);
    let sink = match kind? {
        Kind::Stdout => Ok(SinkConfig::Stdout),
        Kind::Http => read_http(section).map(SinkConfig::Http),
    };
    Ok(ConsumerConfig {
        name: name?,
        form: form?,
        beginning: beginning?,
        batch_records: batch_records?,
        batch_bytes: batch_bytes?,
        max_backoff: max_backoff?,
        sink: sink?,
    })
}

fn read_http(section: &mut Section<'_>) -> Reading<HttpSinkConfig> {
    let url = endpoint::need(section, "url");
    let token = read_token(section);
    let framing = section.or("framing", &FRAMING, Framing::Lines);
    let bounds = Span(Duration::from_millis(100)..=Duration::from_mins(5));
    let timeout = section.or("timeout", &bounds, TIMEOUT);
    let token = ReceiverToken::new(token?);
    Ok(HttpSinkConfig { url: url?, token, framing: framing?, timeout: timeout? })
}

fn read_token(section: &mut Section<'_>) -> Reading<Option<SecretString>> {
    let Some(path) = section.maybe("token_file", &PATH)? else { return Ok(None) };
    section.note("token_file", "<hidden>");
    let token = file::secret(section, "token_file", &path).and_then(|token| {
        let is_visible = token.expose_secret().bytes().all(|b| b.is_ascii_graphic());
        if is_visible { Ok(token) } else { Err("must hold a token of visible ASCII characters".to_owned()) }
    });
    token.map(Some).map_err(|wrong| section.refuse("token_file", file::about(&path, &wrong)))
}
