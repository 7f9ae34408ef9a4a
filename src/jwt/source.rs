use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http::header::ACCEPT;
use http::{Request, StatusCode};
use http_body_util::Full;
use zeroize::Zeroizing;

use super::issuer::Terms;
use super::keyset::{InvalidKeySet, KeySet};
use super::{Algorithm, JwtConfig, KeySource};
use crate::upstream::{Endpoint, FetchError, Fetcher};

/// How often files are read again. They are small and near, and Kubernetes swaps them without a word.
const FILE_INTERVAL: Duration = Duration::from_secs(10);

/// Where one issuer's keys are loaded from.
pub(super) trait Load: Send + 'static {
    /// One attempt.
    fn load(&mut self) -> impl Future<Output = Result<KeySet, LoadError>> + Send;
}

/// Why an attempt brought no keys. Holds nothing of what was read: it may be a secret.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoadError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("the answer has status {0}")]
    Status(StatusCode),
    #[error("cannot read {path}: {error}", path = .0.display(), error = .1)]
    File(PathBuf, io::Error),
    #[error("{path} is larger than {max} bytes", path = .0.display(), max = .1)]
    TooLarge(PathBuf, usize),
    #[error(transparent)]
    Content(#[from] InvalidKeySet),
    #[error("the gateway failed over it")]
    Panicked,
    #[error("the request for the key set cannot be built")]
    Request(#[from] http::Error),
}

/// A [`KeySource`] with what it takes to load it.
pub(super) struct Source {
    keys: KeySource,
    accepted: Vec<Algorithm>,
    fetcher: Fetcher,
    max_bytes: usize,
}

impl KeySource {
    /// The time between two attempts.
    pub(super) fn interval(&self, config: &JwtConfig) -> Duration {
        match self {
            Self::Url(_) => config.refresh_interval,
            Self::File(_) | Self::HmacFile(_) => config.refresh_interval.min(FILE_INTERVAL),
        }
    }

    /// How long keys serve without a success. A file is the operator's own: when it can no longer be read,
    /// the last good content stays, as with all files.
    pub(super) fn max_age(&self, config: &JwtConfig) -> Option<Duration> {
        matches!(self, Self::Url(_)).then_some(config.keys_max_age)
    }
}

impl Load for Source {
    async fn load(&mut self) -> Result<KeySet, LoadError> {
        match &self.keys {
            KeySource::Url(endpoint) => self.fetch(endpoint).await,
            KeySource::File(path) => {
                let content = self.read(path).await?;
                Ok(KeySet::from_file(&content, &self.accepted)?)
            }
            KeySource::HmacFile(path) => {
                let content = self.read(path).await?;
                Ok(KeySet::from_secret(&content, &self.accepted)?)
            }
        }
    }
}

impl Source {
    pub(super) fn new(terms: &Terms, fetcher: Fetcher) -> Self {
        Self {
            keys: terms.keys.clone(),
            accepted: terms.accepted.clone(),
            fetcher,
            max_bytes: terms.max_bytes,
        }
    }

    async fn fetch(&self, endpoint: &Endpoint) -> Result<KeySet, LoadError> {
        let request =
            Request::get(endpoint.path()).header(ACCEPT, "application/json").body(Full::<Bytes>::default())?;
        let response = self.fetcher.fetch(endpoint, request, self.max_bytes).await?;
        if response.status() != StatusCode::OK {
            return Err(LoadError::Status(response.status()));
        }
        Ok(KeySet::from_jwks(response.body(), &self.accepted)?)
    }

    /// Reads off the control thread, which must not stand still because a disk does.
    async fn read(&self, path: &Path) -> Result<Zeroizing<Vec<u8>>, LoadError> {
        let (owned, max_bytes) = (path.to_path_buf(), self.max_bytes);
        let read = tokio::task::spawn_blocking(move || read_bounded(&owned, max_bytes));
        let failed = |error| LoadError::File(path.to_path_buf(), error);
        let content = read.await.map_err(|error| failed(io::Error::other(error)))?.map_err(failed)?;
        if content.len() > self.max_bytes {
            return Err(LoadError::TooLarge(path.to_path_buf(), self.max_bytes));
        }
        Ok(content)
    }
}

/// At most one byte more than `max_bytes`.
fn read_bounded(path: &Path, max_bytes: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    let file = File::open(path)?;
    // Room for all of it at once: a buffer that grows leaves copies of a secret behind.
    let length = usize::try_from(file.metadata()?.len()).unwrap_or(max_bytes).min(max_bytes);
    let mut content = Zeroizing::new(Vec::with_capacity(length + 1));
    file.take(max_bytes as u64 + 1).read_to_end(&mut content)?;
    Ok(content)
}
