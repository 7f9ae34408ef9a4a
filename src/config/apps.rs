//! `[apps]`: the vendor's applications.

use std::num::NonZeroU32;
use std::time::Duration;

use secrecy::SecretString;

use crate::domain::{AppKey, AppName, OrgName};
use crate::limits::{InvalidQuota, Quota};
use crate::vendor::Credentials;

use super::endpoint;
use super::file::{self, PATH};
use super::form::Text;
use super::quota;
use super::reader::{Reading, Section};

/// One application at the vendor.
#[derive(Clone, Debug)]
pub struct AppConfig {
    /// The operator's name for it.
    pub key: AppKey,
    /// Where it lives, and what its tokens are fetched with.
    pub credentials: Credentials,
    /// Calls to the vendor over all tenants: under the vendor's own limit of 100 each second.
    pub budget: Quota,
}

const ORG: Text<OrgName> =
    Text { parse: |text| OrgName::parse(text).map_err(|wrong| wrong.to_string()), show: OrgName::to_string };

const APP: Text<AppName> =
    Text { parse: |text| AppName::parse(text).map_err(|wrong| wrong.to_string()), show: AppName::to_string };

const CLIENT_ID: Text<String> = Text {
    parse: |text| {
        if (1..=256).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()) {
            Ok(text.to_owned())
        } else {
            Err("must be 1 to 256 visible ASCII characters, as the vendor's console shows it".to_owned())
        }
    },
    show: Clone::clone,
};

/// Every app, and the names of all: they are known even where an app is wrong, for the tenants that refer to it.
pub(super) fn read(root: &mut Section<'_>) -> (Vec<String>, Reading<Vec<AppConfig>>) {
    let entries = match root.entries("apps") {
        Ok(entries) if !entries.is_empty() => entries,
        Ok(_) => {
            let wrong = "is empty: add [apps.NAME] with the vendor's application that calls go to";
            return (Vec::new(), Err(root.refuse("apps", wrong)));
        }
        Err(reported) => return (Vec::new(), Err(reported)),
    };
    let mut names = Vec::new();
    let mut apps: Vec<Reading<AppConfig>> = Vec::new();
    for (name, mut section) in entries {
        let app = read_one(&name, &mut section);
        if let Ok(app) = &app {
            refuse_double(&section, app, apps.iter().flatten());
        }
        names.push(name);
        apps.push(app);
    }
    (names, apps.into_iter().collect())
}

fn read_one(name: &str, section: &mut Section<'_>) -> Reading<AppConfig> {
    let key = AppKey::parse(name).map_err(|wrong| section.refuse_all(wrong.to_string()));
    let endpoint = endpoint::need(section, "base_url");
    let org = section.need("org", &ORG);
    let app = section.need("app", &APP);
    let client_id = section.need("client_id", &CLIENT_ID);
    let client_secret = read_secret(section, "client_secret_file");
    let budget = quota::or(section, "budget", default_budget());
    let credentials = Credentials {
        endpoint: endpoint?,
        org: org?,
        app: app?,
        client_id: client_id?,
        client_secret: client_secret?,
    };
    Ok(AppConfig { key: key?, credentials, budget: budget? })
}

/// 80 each second: under the vendor's 100.
fn default_budget() -> Result<Quota, InvalidQuota> {
    let eighty = NonZeroU32::MIN.saturating_add(79);
    Quota::new(eighty, Duration::from_secs(1), eighty)
}

fn read_secret(section: &mut Section<'_>, key: &'static str) -> Reading<SecretString> {
    let path = section.need(key, &PATH)?;
    section.note(key, "<hidden>");
    file::secret(section, key, &path).map_err(|wrong| section.refuse(key, file::about(&path, &wrong)))
}

/// The same application twice would have two tokens, and twice its budget.
fn refuse_double<'a>(
    section: &Section<'_>,
    app: &AppConfig,
    mut before: impl Iterator<Item = &'a AppConfig>,
) {
    let place = |app: &AppConfig| {
        let Credentials { endpoint, org, app, .. } = &app.credentials;
        (endpoint.host().to_owned(), endpoint.port(), org.clone(), app.clone())
    };
    if let Some(twin) = before.find(|other| place(other) == place(app)) {
        let wrong =
            format!("is the same application as apps.{}: let the tenants of both share one", twin.key);
        section.refuse("app", wrong);
    }
}
