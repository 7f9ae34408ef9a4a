use std::io::IsTerminal;
use std::str::FromStr;
use std::sync::OnceLock;

use super::panics::log_panics;
use tracing::level_filters::LevelFilter;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::filter::{self, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt, reload};

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people; in colour on a terminal.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// Which events are logged: a level (`info`), or directives for modules as [`Targets`] has them
/// (`info,confgate::jwt=debug`). Other crates are never logged below `info`, whatever it says.
#[derive(Clone, Debug, PartialEq)]
pub struct LogFilter {
    text: String,
    targets: Targets,
}

/// The text is no list of directives.
#[derive(Debug, thiserror::Error)]
#[error(
    "must be a level (error, warn, info, debug, trace) or directives such as \"info,confgate::jwt=debug\""
)]
pub struct InvalidLogFilter;

/// The log was set up before.
#[derive(Debug, thiserror::Error)]
#[error("the log is already set up")]
pub struct LogAlreadySet;

/// What is logged, and how.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogConfig {
    /// The form of a line.
    pub format: LogFormat,
    /// What gets a line.
    pub filter: LogFilter,
}

impl FromStr for LogFilter {
    type Err = InvalidLogFilter;

    fn from_str(text: &str) -> Result<Self, InvalidLogFilter> {
        // An unknown level would be taken for the name of a crate, and turn everything else off.
        let plain = !text.contains(['=', ',']);
        let is_empty = text.split(',').all(|directive| directive.trim().is_empty());
        // Nothing is logged within spans, so that a directive for one would never apply.
        if is_empty || text.contains('[') || plain && text.trim().parse::<LevelFilter>().is_err() {
            return Err(InvalidLogFilter);
        }
        let directives = text.split(',').map(str::trim).filter(|directive| !directive.is_empty());
        let targets = directives.collect::<Vec<_>>().join(",").parse().map_err(|_| InvalidLogFilter)?;
        Ok(Self { text: text.to_owned(), targets })
    }
}

impl Default for LogFilter {
    fn default() -> Self {
        Self { text: "info".to_owned(), targets: Targets::new().with_default(LevelFilter::INFO) }
    }
}

impl std::fmt::Display for LogFilter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

/// Logs to standard error from now on, for the whole process, panics too.
///
/// A line is written under the lock of standard error, so nothing is logged for a request that goes well: that is
/// what the trail is for.
pub fn init(config: &LogConfig) -> Result<(), LogAlreadySet> {
    let (subscriber, filter) = subscriber(config, std::io::stderr, std::io::stderr().is_terminal());
    subscriber.try_init().map_err(|_| LogAlreadySet)?;
    let _ = FILTER.set(filter);
    log_panics();
    Ok(())
}

/// The filter of the process's log, once [`init`] has set it up.
static FILTER: OnceLock<reload::Handle<Targets, Registry>> = OnceLock::new();

/// Logs by another filter from now on, where [`init`] has set up the log.
pub fn change_filter(filter: &LogFilter) {
    if let Some(handle) = FILTER.get() {
        // Fails for a subscriber that is gone, and a process keeps its own.
        let _ = handle.reload(filter.targets.clone());
    }
}

fn subscriber<W>(
    config: &LogConfig,
    writer: W,
    colour: bool,
) -> (impl Subscriber + Send + Sync, reload::Handle<Targets, Registry>)
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let lines = fmt::layer().with_writer(writer).with_ansi(colour);
    let lines = match config.format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).boxed(),
    };
    let (filter, handle) = reload::Layer::new(config.filter.targets.clone());
    let subscriber =
        tracing_subscriber::registry().with(filter).with(lines.with_filter(filter::filter_fn(may_be_told)));
    (subscriber, handle)
}

/// Below `info`, other crates print what they are given: headers, and with them tokens.
fn may_be_told(event: &Metadata<'_>) -> bool {
    let target = event.target();
    let ours = target == "confgate" || target.starts_with("confgate::");
    ours || *event.level() <= tracing::Level::INFO
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek};
    use std::sync::Arc;

    use super::*;

    /// What is logged by a few events, under a filter.
    fn logged(format: LogFormat, filter: &str) -> String {
        let mut file = tempfile::tempfile().unwrap();
        let writer = Arc::new(file.try_clone().unwrap());
        let config = LogConfig { format, filter: filter.parse().unwrap() };
        let (subscriber, _) = subscriber(&config, writer, false);
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(keys = 2, "keys fetched");
            tracing::debug!("more of it");
            tracing::info!(target: "hyper::proto", "foreign news");
            tracing::debug!(target: "hyper::proto", "authorization: Bearer secret");
            tracing::trace!(target: "confgatekeeper", "foreign detail");
        });
        let mut text = String::new();
        file.rewind().unwrap();
        file.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn a_changed_filter_counts_from_then_on() {
        let mut file = tempfile::tempfile().unwrap();
        let writer = Arc::new(file.try_clone().unwrap());
        let (subscriber, handle) = subscriber(&LogConfig::default(), writer, false);
        tracing::subscriber::with_default(subscriber, || {
            tracing::debug!("before");
            handle.reload("debug".parse::<Targets>().unwrap()).unwrap();
            tracing::debug!("after");
        });
        let mut text = String::new();
        file.rewind().unwrap();
        file.read_to_string(&mut text).unwrap();
        assert!(!text.contains("before") && text.contains("after"), "{text}");
    }

    #[test]
    fn json_is_one_object_a_line() {
        let text = logged(LogFormat::Json, "info");
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert_eq!(lines[0]["message"], "keys fetched");
        assert_eq!(lines[0]["keys"], 2);
        assert_eq!(lines[0]["level"], "INFO");
    }

    #[test]
    fn other_crates_never_tell_details() {
        for filter in ["trace", "confgate=debug,hyper=trace,confgatekeeper=trace"] {
            let text = logged(LogFormat::Text, filter);
            assert!(text.contains("more of it"), "{text}");
            assert!(text.contains("foreign news"), "{text}");
            assert!(!text.contains("secret") && !text.contains("foreign detail"), "{text}");
        }
    }

    #[test]
    fn a_filter_is_checked_when_it_is_read() {
        for good in ["info", "WARN", "off", " info, confgate::jwt=debug,", "confgate=trace"] {
            assert!(good.parse::<LogFilter>().is_ok(), "{good}");
        }
        for bad in ["", " ", ",", "verbose", "confgate=loud", "info,,=x", "info,[span]=debug"] {
            assert!(bad.parse::<LogFilter>().is_err(), "{bad}");
        }
    }
}
