//! Where a configuration was read, so that it can be read again.

use std::path::PathBuf;

use super::source::{self, Document};
use super::{Config, Problems, Reader, read, variables};

/// Where values stand beside those built in.
#[derive(Clone, Debug, Default)]
pub(super) struct Origin {
    pub(super) base: Base,
    /// Variables over it, which do not change while a program runs.
    pub(super) environment: Vec<(String, String)>,
}

/// What stands directly over the values built in.
#[derive(Clone, Debug, Default)]
pub(super) enum Base {
    #[default]
    Nothing,
    File(PathBuf),
    Text(Document),
}

impl Origin {
    /// What stands there now.
    pub(super) fn read(self) -> Result<Config, Problems> {
        self.read_beside(None)
    }

    /// The same for a gateway that shows callers the certificate with this fingerprint.
    fn read_beside(self, certificate: Option<String>) -> Result<Config, Problems> {
        let reader = Reader::beside(certificate);
        let mut tree = match &self.base {
            Base::Nothing => source::merged(None, &reader),
            Base::File(path) => source::merged(Some(&Document::open(path)?), &reader),
            Base::Text(document) => source::merged(Some(document), &reader),
        }?;
        variables::apply(&self.environment, &mut tree, &reader);
        read(tree, reader, self)
    }
}

impl Config {
    /// The configuration as it stands now in the place where this one was read, for a gateway that this one is in
    /// effect in.
    pub fn read_again(&self) -> Result<Self, Problems> {
        let certificate = self.listen.tls.as_ref().map(|tls| tls.fingerprint().to_owned());
        self.origin.clone().read_beside(certificate)
    }

    /// The files that it was read from: its own, and those that it names.
    pub fn files(&self) -> Vec<PathBuf> {
        let own = match &self.origin.base {
            Base::File(path) => Some(path.clone()),
            Base::Nothing | Base::Text(_) => None,
        };
        let named = self.resolved.iter().filter_map(|entry| Some(entry.file.as_ref()?.path.clone()));
        own.into_iter().chain(named).collect()
    }
}
