//! The figures against the bars of docs/benchmarks.md, as a table or as JSON.

use std::fmt::Write;

use serde::Serialize;

use crate::lane::Way;
use crate::measure::cpu::Cpu;
use crate::measure::latency::Figures;
use crate::measure::memory::Memory;
use crate::measure::prefix::Prefix;
use crate::measure::start::Start;

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) latency: Vec<Figures>,
    /// 100 KB, 64 pieces 2 ms apart.
    pub(crate) delivery: Vec<Figures>,
    pub(crate) cpu: Vec<Cpu>,
    pub(crate) scorer_us: f64,
    pub(crate) memory: Vec<Memory>,
    pub(crate) start: Start,
    pub(crate) prefix: Prefix,
}

/// One bar.
#[derive(Debug, Serialize)]
pub(crate) struct Bar {
    pub(crate) what: String,
    pub(crate) bar: &'static str,
    pub(crate) measured: String,
    pub(crate) met: bool,
}

impl Report {
    /// The figures of a lane for a body.
    fn figures(&self, body: &str, streamed: bool, way: Way) -> Option<&Figures> {
        self.latency.iter().find(|row| row.body == body && row.streamed == streamed && row.way == way)
    }

    fn added(&self, body: &str, streamed: bool, way: Way) -> f64 {
        self.figures(body, streamed, way).map_or(f64::NAN, |row| row.added_median)
    }

    /// All bars.
    pub(crate) fn bars(&self) -> Vec<Bar> {
        let mut bars = Vec::new();
        for (way, pipe, limit, bar) in [
            (Way::Passed, Way::BytesPipe, 3.0, "at most 3x the bytes pipe"),
            (Way::Translated, Way::ValuePipe, 0.7, "at most 0.7x the value pipe"),
        ] {
            let (ours, theirs) = (self.added("100 KB", false, way), self.added("100 KB", false, pipe));
            bars.push(Bar {
                what: format!("added latency, 100 KB, {}", way.name()),
                bar,
                measured: format!("{ours:.3} ms against {theirs:.3} ms: {:.2}x", ours / theirs),
                met: ours <= limit * theirs,
            });
        }
        self.processor(&mut bars);
        self.streaming(&mut bars);
        self.memory(&mut bars);
        bars.push(Bar {
            what: "cold start to /health".into(),
            bar: "within 25 ms",
            measured: format!(
                "{:.1} ms (p90 {:.1}, in a new folder {:.1})",
                self.start.median, self.start.p90, self.start.first
            ),
            met: self.start.median <= 25.0,
        });
        bars.push(Bar {
            what: format!("unchanged prompt prefix over {} turns", self.prefix.turns),
            bar: "100 % reused",
            measured: format!("{:.2} % of {} bytes", self.prefix.percent(), self.prefix.possible),
            met: self.prefix.reused == self.prefix.possible,
        });
        bars
    }

    fn processor(&self, bars: &mut Vec<Bar>) {
        let translated = self.cpu.iter().find(|row| row.way == Way::Translated.name()).map_or(f64::NAN, |row| row.ms);
        bars.push(Bar {
            what: "processor time, 100 KB translated".into(),
            bar: "under 0.5 ms",
            measured: format!("{translated:.3} ms"),
            met: translated < 0.5,
        });
        bars.push(Bar {
            what: "score of 100 KB".into(),
            bar: "under 100 µs",
            measured: format!("{:.1} µs", self.scorer_us),
            met: self.scorer_us < 100.0,
        });
    }

    fn streaming(&self, bars: &mut Vec<Bar>) {
        let of = |way: Way| self.delivery.iter().find(|row| row.way == way);
        let Some(pipe) = of(Way::BytesPipe) else { return };
        for row in [Way::Passed, Way::Translated].into_iter().filter_map(of) {
            let ratio = row.delivery_median / pipe.delivery_median;
            bars.push(Bar {
                what: format!("chunk delivery, {}", row.way.name()),
                bar: "median at most 1.2x the bytes pipe, p99 under 1 ms",
                measured: format!("{ratio:.2}x, p99 {:.2} ms (pipe {:.2})", row.delivery_p99, pipe.delivery_p99),
                met: ratio <= 1.2 && row.delivery_p99 < 1.0,
            });
        }
    }

    fn memory(&self, bars: &mut Vec<Bar>) {
        for row in &self.memory {
            for (what, bar, limit, measured) in [
                ("idle".to_owned(), "under 12 MB", 12.0, row.idle),
                ("64 requests of 400 KB in flight".to_owned(), "under 150 MB", 150.0, row.in_flight),
                (format!("{} s after", row.seconds), "under 40 MB", 40.0, row.after),
            ] {
                bars.push(Bar {
                    what: format!("memory, {what}, {}", row.way),
                    bar,
                    measured: format!("{measured:.1} MB"),
                    met: measured < limit,
                });
            }
        }
    }

    /// As JSON.
    pub(crate) fn json(&self, judged: bool) -> serde_json::Value {
        let bars = if judged { self.bars() } else { Vec::new() };
        serde_json::json!({ "bars": bars, "figures": self })
    }

    /// As text; without judgement where too little was measured for one.
    pub(crate) fn text(&self, judged: bool) -> String {
        let mut text = String::new();
        self.write_latency(&mut text);
        self.write_rest(&mut text);
        if judged {
            write_bars(&mut text, &self.bars());
        }
        text
    }

    fn write_latency(&self, text: &mut String) {
        line(
            text,
            &["body", "", "way", "median ms", "added", "added p90", "first token", "to its pipe"].map(String::from),
        );
        for row in &self.latency {
            let pipe = if row.way == Way::Translated { Way::ValuePipe } else { Way::BytesPipe };
            let ratio = row.added_median / self.added(row.body, row.streamed, pipe);
            let is_ours = matches!(row.way, Way::Passed | Way::Translated);
            line(
                text,
                &[
                    row.body.into(),
                    if row.streamed { "streamed" } else { "whole" }.into(),
                    row.way.name().into(),
                    format!("{:.3}", row.median),
                    format!("{:+.3}", row.added_median),
                    format!("{:+.3}", row.added_p90),
                    if row.streamed { format!("{:+.3}", row.added_first) } else { String::new() },
                    if is_ours { format!("{ratio:.2}x") } else { String::new() },
                ],
            );
        }
    }

    fn write_rest(&self, text: &mut String) {
        _ = writeln!(text, "\nchunk delivery, 64 pieces 2 ms apart, and processor time of a 100 KB request");
        for row in &self.delivery {
            let (way, median, p99) = (row.way.name(), row.delivery_median, row.delivery_p99);
            _ = writeln!(text, "  {way:<27} median {median:.3} ms, p99 {p99:.3} ms");
        }
        for row in &self.cpu {
            _ = writeln!(text, "  {:<27} {:.3} ms of processor time", row.way, row.ms);
        }
        for row in &self.memory {
            _ = writeln!(text, "  {:<27} {} threads at most", row.way, row.threads);
        }
    }
}

fn line(text: &mut String, cells: &[String; 8]) {
    let [body, manner, way, numbers @ ..] = cells;
    _ = write!(text, "{body:<7} {manner:<9} {way:<27}");
    for number in numbers {
        _ = write!(text, " {number:>11}");
    }
    text.push('\n');
}

fn write_bars(text: &mut String, bars: &[Bar]) {
    text.push('\n');
    for bar in bars {
        let verdict = if bar.met { "met" } else { "NOT met" };
        _ = writeln!(text, "{verdict:<8} {:<66} {} ({})", bar.what, bar.measured, bar.bar);
    }
}
