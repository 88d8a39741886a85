//! What can be said when the app is started.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;

use clap::Parser;

/// How the app starts the process of its window.
pub(crate) const WINDOW: &str = "--window";

/// Branchline in the tray: easy work to your own models, hard work to the cloud.
#[derive(Clone, Debug, Parser)]
#[command(name = "branchline-desktop", version)]
pub(crate) struct Args {
    /// Start in the tray, without the window
    #[arg(long)]
    pub(crate) hidden: bool,
    /// Simulated models, keys and data of its own: to look around with no model and no key
    #[arg(long)]
    pub(crate) demo: bool,
    /// Settings file instead of the usual one
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Data folder instead of the usual one
    #[arg(long, value_name = "FOLDER")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Show a page of the window for the app at the other end of the pipes
    #[arg(long, value_name = "PAGE", hide = true)]
    pub(crate) window: Option<String>,
}

impl Args {
    /// What tells this app from the usual one; `None` for that.
    pub(crate) fn own_name(&self) -> Option<String> {
        if self.demo {
            return Some("demo".to_owned());
        }
        let folder = self.data_dir.as_ref()?;
        let mut hasher = DefaultHasher::new();
        // Not the canonical name: a folder that is made only now has none.
        std::path::absolute(folder).unwrap_or_else(|_| folder.clone()).hash(&mut hasher);
        Some(format!("data{:016x}", hasher.finish()))
    }
}
