use std::fmt;

/// One thing that is wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    /// The full key, for example `authn.issuers[0].jwks_url`; empty when the source itself is at fault.
    pub(super) key: String,
    /// Where the value stands: a file's name, an environment variable or `default`. None for what stands nowhere.
    pub(super) origin: Option<String>,
    /// What is wrong and what to do, in one line. Never holds a secret.
    pub(super) text: String,
}

/// One line, whatever the key and the origin contain.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (key, origin) = (one_line(&self.key), self.origin.as_deref().map(one_line));
        match (key.as_str(), origin) {
            ("", None) => {}
            ("", Some(origin)) => write!(f, "{origin}: ")?,
            (key, None) => write!(f, "{key}: ")?,
            (key, Some(origin)) => write!(f, "{key} ({origin}): ")?,
        }
        f.write_str(&one_line(&self.text))
    }
}

/// Everything that is wrong, in the order in which the keys are documented. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// None when there is nothing to report.
    pub(super) fn new(problems: Vec<Problem>) -> Option<Self> {
        (!problems.is_empty()).then_some(Self(problems))
    }

    /// A source that cannot be read at all.
    pub(super) fn of_source(origin: &str, text: String) -> Self {
        Self(vec![Problem { key: String::new(), origin: Some(origin.to_owned()), text }])
    }

    /// All of them in one line, for a log.
    pub fn in_one_line(&self) -> String {
        if let [problem] = self.0.as_slice() {
            return problem.to_string();
        }
        let numbered = self.0.iter().enumerate().map(|(index, problem)| format!("({}) {problem}", index + 1));
        format!("{} problems: {}", self.0.len(), numbered.collect::<Vec<_>>().join("; "))
    }

    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }
}

/// A line for each problem, and their count.
impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.0 {
            writeln!(f, "{problem}")?;
        }
        match self.0.len() {
            1 => f.write_str("1 problem in the configuration"),
            count => write!(f, "{count} problems in the configuration"),
        }
    }
}

impl std::error::Error for Problems {}

/// `text` with control characters made visible, so that a strange key cannot fake a line of the report.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line
}
