//! What the scorer costs. The bar: 100 KB of human text under 100 µs.

use std::hint::black_box;

use branchline_routing::score::{TurnText, Weights, score};
use branchline_routing::signals::Structure;
use branchline_routing::strip_reminders;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const PROSE: &str = "Design and implement the parser in src/parse.rs, then compare it with the old one. \
    However, it must not allocate; why does `fn main()` panic?\n- first item\n    let x = call(1);\n";

fn bench(criterion: &mut Criterion) {
    let texts = [
        ("200 B", PROSE.to_owned()),
        ("4 KB", PROSE.repeat(4 * 1024 / PROSE.len())),
        ("100 KB", PROSE.repeat(100 * 1024 / PROSE.len())),
        ("100 KB of line breaks", "\n".repeat(100 * 1024)),
        ("100 KB of one keyword", "implement ".repeat(10 * 1024)),
        ("100 KB of dots", "a.rs ".repeat(20 * 1024)),
    ];
    let mut group = criterion.benchmark_group("score");
    for (name, text) in &texts {
        group.throughput(Throughput::Bytes(text.len() as u64));
        let turn = TurnText { human: text, structure: Structure::default() };
        group.bench_function(*name, |b| b.iter(|| score(black_box(&turn), &Weights::default())));
    }
    group.finish();
    let wrapped = format!("<system-reminder>{}</system-reminder>\n{PROSE}", texts[2].1);
    criterion.bench_function("strip_reminders/100 KB", |b| b.iter(|| strip_reminders(black_box(&wrapped))));
}

criterion_group!(benches, bench);
criterion_main!(benches);
