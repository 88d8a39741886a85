//! Memory of the program: idle, with many large requests in flight, and a while after.

use std::time::Duration;

use futures_util::future::try_join_all;
use serde::Serialize;

use crate::bodies::SHAPES;
use crate::error::{BenchError, Result};
use crate::lane::Lane;
use crate::program::Program;
use crate::upstream::{Manner, Upstream};

/// Requests in flight at the same time.
const IN_FLIGHT: usize = 64;

/// Resident memory in MB.
#[derive(Debug, Serialize)]
pub(crate) struct Memory {
    pub(crate) way: &'static str,
    pub(crate) idle: f64,
    /// The highest value seen while 64 requests of 400 KB were waiting for their answers or getting them.
    pub(crate) in_flight: f64,
    pub(crate) after: f64,
    /// Seconds between the last answer and `after`.
    pub(crate) seconds: u64,
    pub(crate) threads: usize,
}

/// Measures a lane whose program has done nothing yet.
pub(crate) async fn measure(lane: &Lane, upstream: &Upstream, seconds: u64) -> Result<Memory> {
    let Some(program) = &lane.program else {
        return Err(BenchError::Program(format!("{} has no program", lane.way.name())));
    };
    let settle = Duration::from_secs(if seconds > 10 { 5 } else { 1 });
    tokio::time::sleep(settle).await;
    let idle = program.rss_mb()?;
    let (in_flight, threads) = flood(lane, program, upstream).await?;
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    Ok(Memory { way: lane.way.name(), idle, in_flight, after: program.rss_mb()?, seconds, threads })
}

async fn flood(lane: &Lane, program: &Program, upstream: &Upstream) -> Result<(f64, usize)> {
    let manner = Manner::at_once(true);
    upstream.answer(manner);
    upstream.hold(true);
    let request = SHAPES[1].request(true)?;
    let answers = try_join_all((0..IN_FLIGHT).map(|_| lane.exchange(upstream, manner, &request)));
    tokio::pin!(answers);
    let mut highest: f64 = 0.0;
    let mut threads = 0;
    let mut look = tokio::time::interval(Duration::from_millis(2));
    loop {
        tokio::select! {
            done = &mut answers => {
                done?;
                return Ok((highest, threads));
            }
            _ = look.tick() => {
                highest = highest.max(program.rss_mb()?);
                threads = program.threads()?.max(threads);
                if upstream.asked() >= IN_FLIGHT {
                    upstream.hold(false);
                }
            }
        }
    }
}
