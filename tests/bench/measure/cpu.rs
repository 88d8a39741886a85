//! Processor time per request, from `/proc/PID/stat` over many requests.

use serde::Serialize;

use crate::bodies::SHAPES;
use crate::error::Result;
use crate::lane::Lane;
use crate::upstream::{Manner, Upstream};

/// Processor time of one lane for a request of 100 KB.
#[derive(Debug, Serialize)]
pub(crate) struct Cpu {
    pub(crate) way: &'static str,
    pub(crate) requests: usize,
    /// User and system, in ms.
    pub(crate) ms: f64,
}

/// Measures every lane that has a program.
pub(crate) async fn measure(lanes: &[Lane], upstream: &Upstream, requests: usize) -> Result<Vec<Cpu>> {
    let manner = Manner::at_once(false);
    upstream.answer(manner);
    let request = SHAPES[0].request(false)?;
    let mut measured = Vec::new();
    for lane in lanes {
        let Some(program) = &lane.program else { continue };
        let before = program.cpu_ms()?;
        for _ in 0..requests {
            lane.exchange(upstream, manner, &request).await?;
        }
        let ms = (program.cpu_ms()? - before) / requests as f64;
        measured.push(Cpu { way: lane.way.name(), requests, ms });
    }
    Ok(measured)
}
