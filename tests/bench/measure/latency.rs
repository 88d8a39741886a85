//! Added latency, time to the first token and chunk delivery: all lanes in turn, request by request, so that
//! whatever else the machine does meets all of them.

use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;

use super::quantile;
use crate::bodies::Shape;
use crate::error::Result;
use crate::lane::{Lane, Way};
use crate::upstream::{Manner, Upstream};

/// Requests per lane that are not counted: connections are opened, caches filled.
const WARM_UP: usize = 5;

/// Figures of one lane, in ms. What is "added" is over the direct way in the same run.
#[derive(Debug, Serialize)]
pub(crate) struct Figures {
    pub(crate) body: &'static str,
    pub(crate) streamed: bool,
    #[serde(serialize_with = "name")]
    pub(crate) way: Way,
    pub(crate) requests: usize,
    pub(crate) median: f64,
    pub(crate) added_median: f64,
    pub(crate) added_p90: f64,
    /// Of a stream: until the first token.
    pub(crate) added_first: f64,
    pub(crate) delivery_median: f64,
    pub(crate) delivery_p99: f64,
}

fn name<S: serde::Serializer>(way: &Way, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_str(way.name())
}

#[derive(Default)]
struct Samples {
    total: Vec<Duration>,
    first: Vec<Duration>,
    delivery: Vec<Duration>,
    arrived: Option<Bytes>,
}

/// Measures all lanes with one kind of request.
pub(crate) async fn measure(
    lanes: &[Lane],
    upstream: &Upstream,
    shape: Shape,
    manner: Manner,
    rounds: usize,
) -> Result<Vec<Figures>> {
    upstream.answer(manner);
    let request = shape.request(manner.streamed)?;
    let mut samples: Vec<Samples> = lanes.iter().map(|_| Samples::default()).collect();
    for round in 0..rounds + WARM_UP {
        for step in 0..lanes.len() {
            // Each round begins with another lane: none always follows the same one.
            let at = (round + step) % lanes.len();
            let exchange = lanes[at].exchange(upstream, manner, &request).await?;
            let arrived = upstream.last();
            lanes[at].check_arrived(&request, &arrived, samples[at].arrived.as_ref())?;
            samples[at].arrived = Some(arrived);
            if round >= WARM_UP {
                samples[at].total.push(exchange.total);
                samples[at].first.push(exchange.first);
                samples[at].delivery.extend(exchange.delivery);
            }
        }
    }
    Ok(figures(lanes, shape, manner, samples))
}

fn figures(lanes: &[Lane], shape: Shape, manner: Manner, mut samples: Vec<Samples>) -> Vec<Figures> {
    let direct = lanes.iter().position(|lane| lane.way == Way::Direct).unwrap_or(0);
    let base = &mut samples[direct];
    let (median, p90) = (quantile(&mut base.total, 0.5), quantile(&mut base.total, 0.9));
    let first = quantile(&mut base.first, 0.5);
    let each = lanes.iter().zip(&mut samples);
    each.map(|(lane, of_lane)| Figures {
        body: shape.name,
        streamed: manner.streamed,
        way: lane.way,
        requests: of_lane.total.len(),
        median: quantile(&mut of_lane.total, 0.5),
        added_median: quantile(&mut of_lane.total, 0.5) - median,
        added_p90: quantile(&mut of_lane.total, 0.9) - p90,
        added_first: quantile(&mut of_lane.first, 0.5) - first,
        delivery_median: quantile(&mut of_lane.delivery, 0.5),
        delivery_p99: quantile(&mut of_lane.delivery, 0.99),
    })
    .collect()
}
