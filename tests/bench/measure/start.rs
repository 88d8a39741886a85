//! Cold start: from the start of the process to the first 200 on `/health`.

use std::time::Duration;

use serde::Serialize;

use super::{ms, quantile};
use crate::error::Result;
use crate::program::Home;

/// In ms.
#[derive(Debug, Serialize)]
pub(crate) struct Start {
    /// In a new data folder: database and tokens are made.
    pub(crate) first: f64,
    pub(crate) median: f64,
    pub(crate) p90: f64,
    pub(crate) starts: usize,
}

/// Starts and stops the program again and again.
pub(crate) fn measure(home: &Home, starts: usize) -> Result<Start> {
    let first = ms(home.serve()?.1);
    let mut times: Vec<Duration> = (0..starts).map(|_| Ok(home.serve()?.1)).collect::<Result<_>>()?;
    Ok(Start { first, median: quantile(&mut times, 0.5), p90: quantile(&mut times, 0.9), starts })
}
