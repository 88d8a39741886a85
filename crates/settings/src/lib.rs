//! Settings: the schema, loading and checking the user's file, saving it, provider presets, paths, keys and tokens.
//!
//! Read `schema` first, then `load` (text -> `Report`) and `save` (changes -> text). `presets` holds what is known about
//! providers, `resolve` lays the settings over it. Not here: watching the file, and what a setting means for a request.

mod alias;
mod base_url;
mod check;
mod compile;
mod error;
mod export;
pub mod import;
mod kept;
mod key_path;
mod keyring;
mod load;
mod outline;
mod paths;
pub mod presets;
pub mod prices;
mod project;
mod resolve;
mod save;
pub mod schema;
mod secrets;
mod tokens;

pub use alias::FoundAlias;
pub use base_url::BaseUrl;
pub use compile::home_folder;
pub use error::{Result, SettingsError};
pub use export::{export, to_json};
pub use load::{Problem, Report, check, load};
pub use outline::json_schema;
pub use paths::Paths;
pub use presets::Preset;
pub use project::{PROJECT_FILE, ProjectSettings};
pub use resolve::{Auth, ResolvedBackend, Retry, Timeouts};
pub use save::{Change, edit, imagine, replace, reset, save, set};
pub use schema::{ModelRef, Role, Settings};
pub use secrets::{Key, KeyList, KeySource, KeyStore, Secret, key_env_name};
pub use tokens::Tokens;

/// The commented defaults: documentation, and a file that says the same as no file.
pub const DEFAULTS_TOML: &str = include_str!("defaults.toml");

#[cfg(test)]
mod defaults_tests;
#[cfg(test)]
mod docs_tests;
