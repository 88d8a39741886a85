//! What a score costs.

use std::hint::black_box;
use std::time::{Duration, Instant};

use branchline_routing::Weights;
use branchline_routing::score::{TurnText, score};
use branchline_routing::signals::Structure;

use super::quantile;

const PROSE: &str = "Design and implement the parser in src/parse.rs, then compare it with the old one. \
    However, it must not allocate; why does `fn main()` panic?\n- first item\n    let x = call(1);\n";

/// Median time for 100 KB of human text, in µs.
pub(crate) fn measure(times: usize) -> f64 {
    let text = PROSE.repeat(100_000 / PROSE.len());
    let weights = Weights::default();
    let once = |_| {
        let started = Instant::now();
        black_box(score(black_box(&TurnText { human: &text, structure: Structure::default() }), &weights));
        started.elapsed()
    };
    let mut samples: Vec<Duration> = (0..times).map(once).collect();
    quantile(&mut samples, 0.5) * 1000.0
}
