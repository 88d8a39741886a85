//! Where this invocation's settings and data are.

use branchline_settings::{Paths, Report, Settings, load};

use crate::args::Global;
use crate::error::Result;
use crate::out;

/// What every command begins with.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) paths: Paths,
    pub(crate) json: bool,
}

impl Context {
    pub(crate) fn new(global: Global) -> Result<Self> {
        Ok(Self { paths: Paths::find(global.config, global.data_dir)?, json: global.json })
    }

    pub(crate) fn report(&self) -> Result<Report> {
        Ok(load(&self.paths.config_file)?)
    }

    /// The settings, which must be good: an engine is to run on them.
    pub(crate) fn settings(&self) -> Result<Settings> {
        let report = self.report()?;
        out::problems(&[], &report.warnings);
        Ok(report.into_settings()?)
    }

    /// The settings as far as they are good: to find an engine, or for a question that hangs on none of them.
    pub(crate) fn settings_as_far_as_good(&self) -> Settings {
        self.report().map(|report| report.settings).unwrap_or_default()
    }
}
