//! What is measured, one file each.

pub(crate) mod cpu;
pub(crate) mod latency;
pub(crate) mod memory;
pub(crate) mod prefix;
pub(crate) mod scorer;
pub(crate) mod start;

use std::time::Duration;

/// Milliseconds of a duration.
pub(crate) fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// The value that `share` (0 to 1) of the samples do not exceed, in ms; 0 for no samples.
pub(crate) fn quantile(samples: &mut [Duration], share: f64) -> f64 {
    if samples.is_empty() {
        return 0.0;
    }
    samples.sort_unstable();
    let last = samples.len() - 1;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the last index")]
    let at = (last as f64 * share).round() as usize;
    ms(samples[at.min(last)])
}
