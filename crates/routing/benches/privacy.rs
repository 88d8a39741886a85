//! What `never_cloud` costs: a request of 400 KB in which nothing of it is found, which is nearly every request.

use std::hint::black_box;

use branchline_routing::{Finder, NeverCloud, PathGlob};
use branchline_wire::Protocol;
use branchline_wire::codec::decode_request;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde_json::{Value, json};

const LINE: &str =
    "    let value = parser.parse(&input)?; // \"keeps\" the state\n\tif value.is_empty() { return Err(Empty) }\n";

/// A session of an agent: half of it what tools gave back, in blocks of 8 KB.
fn session(bytes: usize) -> Value {
    let block = LINE.repeat(8 * 1024 / LINE.len());
    let turns = (0..bytes / (8 * 1024)).map(|at| match at % 2 {
        0 => json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": block}]}),
        _ => json!({"role": "assistant", "content": [{"type": "text", "text": block}]}),
    });
    json!({"model": "auto", "max_tokens": 9, "messages": turns.collect::<Vec<_>>()})
}

fn rules(words: usize, paths: usize) -> NeverCloud {
    let words: Vec<String> = (0..words).map(|at| format!("project falcon{at}")).collect();
    let paths: Vec<_> = (0..paths).map(|at| (format!("paths[{at}]"), PathGlob::new(&format!("secrets{at}")))).collect();
    let finder = Finder::words(&words, |at| format!("texts[{at}]")).and_then(|finder| finder.and_paths(&paths));
    NeverCloud { finder: finder.unwrap_or_default(), ..NeverCloud::default() }
}

fn bench(criterion: &mut Criterion) {
    let text = session(400 * 1024).to_string();
    let Ok(request) = decode_request(Protocol::Anthropic, &text) else { return };
    let mut group = criterion.benchmark_group("never_cloud, 400 KB");
    group.throughput(Throughput::Bytes(text.len() as u64));
    for (words, paths) in [(1, 0), (4, 0), (4, 4), (20, 10)] {
        let rules = rules(words, paths);
        let name = format!("{words} words, {paths} paths");
        group.bench_function(name, |b| b.iter(|| rules.find(black_box(&request), None)));
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
