//! Making an engine whatever the state of the disk: a broken file must not keep the window from opening.

use std::sync::Arc;

use branchline_proxy::store::Store;
use branchline_proxy::{Engine, Parts};
use branchline_settings::schema::NeverCloudSettings;
use branchline_settings::{KeyStore, Paths, Settings, Tokens, load};

use crate::error::{ControlError, Result};

/// The code of a settings file that is used only as far as it is good.
pub(super) const BAD_SETTINGS: &str = "invalid_settings";

/// An engine, and what it does without.
pub(super) struct Made {
    pub(super) engine: Arc<Engine>,
    pub(super) troubles: Vec<ControlError>,
}

/// An engine that neither listens nor asks anyone.
pub(super) fn engine(paths: &Paths, keys: &Arc<KeyStore>) -> Result<Made> {
    let mut troubles = Vec::new();
    let settings = settings(paths, &mut troubles);
    let tokens = match Tokens::load_or_create(paths) {
        Ok(tokens) => tokens,
        Err(error) => {
            troubles.push(error.into());
            Tokens::for_this_run()?
        }
    };
    let store = match Store::open(&paths.database_file()) {
        Ok(store) => store,
        Err(error) => {
            troubles.push(error.into());
            Store::open_in_memory()?
        }
    };
    for trouble in &troubles {
        tracing::error!(code = trouble.code, "{trouble}");
    }
    let engine = Engine::new(Parts { paths: paths.clone(), settings, keys: Arc::clone(keys), tokens, store });
    Ok(Made { engine, troubles })
}

/// The settings as far as they are good. Where what must not leave is not known, they say that nothing may.
fn settings(paths: &Paths, troubles: &mut Vec<ControlError>) -> Settings {
    match load(&paths.config_file) {
        Ok(report) => {
            if let Some(first) = report.problems.first() {
                let file = paths.config_file.display();
                let then = match report.settings.held() {
                    Some(_) => "everything stays on your machines until it is mended",
                    None => "the default is used instead",
                };
                let message = format!("{first} in {file}; {then}");
                troubles.push(ControlError::new(BAD_SETTINGS, message, first.hint.clone()));
            }
            report.settings
        }
        Err(error) => {
            let why = format!("the settings file cannot be read ({error})");
            troubles.push(error.into());
            Settings { never_cloud: NeverCloudSettings::unread(why), ..Settings::default() }
        }
    }
}
