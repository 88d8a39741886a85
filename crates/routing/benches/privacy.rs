//! What `never_cloud` costs: a request in which nothing of it is found, which is nearly every request.

use std::hint::black_box;

use branchline_routing::{Finder, NeverCloud, PathGlob};
use branchline_wire::Protocol;
use branchline_wire::codec::decode_request;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde_json::{Value, json};

const LINE: &str =
    "    let value = parser.parse(&input)?; // \"keeps\" the state\n\tif value.is_empty() { return Err(Empty) }\n";

const FOREIGN: &str = "    let größe = \"straße\"; // naïve\n";

/// What credentials look like: with letters at the front, at the back, and with none that are always there.
const EXPRESSIONS: [&str; 4] =
    [r"/\bsk-[a-z0-9]{20,}/", r"/AKIA[0-9A-Z]{16}/", r"/[\w.]+@acme\.example/", r"/\b\d{3}-\d{2}-\d{4}\b/"];

/// A session of an agent: half of it what tools gave back, in blocks of 8 KB.
fn session(bytes: usize, line: &str) -> Value {
    let block = line.repeat(8 * 1024 / line.len());
    let turns = (0..bytes / (8 * 1024)).map(|at| match at % 2 {
        0 => json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": block}]}),
        _ => json!({"role": "assistant", "content": [{"type": "text", "text": block}]}),
    });
    json!({"model": "auto", "max_tokens": 9, "messages": turns.collect::<Vec<_>>()})
}

/// As some clients write what is no ASCII.
fn escaped(text: &str) -> String {
    let escape = |letter: char| match letter.is_ascii() {
        true => letter.to_string(),
        false => format!("\\u{:04x}", u32::from(letter)),
    };
    text.chars().map(escape).collect()
}

fn rules(words: usize, paths: usize, expressions: usize) -> NeverCloud {
    let words = (0..words).map(|at| format!("project falcon{at}"));
    let words: Vec<String> = words.chain(EXPRESSIONS.map(str::to_owned).into_iter().take(expressions)).collect();
    let paths: Vec<_> = (0..paths).map(|at| (format!("paths[{at}]"), PathGlob::new(&format!("secrets{at}")))).collect();
    let finder = Finder::words(&words, |at| format!("texts[{at}]")).and_then(|finder| finder.and_paths(&paths));
    NeverCloud { finder: finder.unwrap_or_default(), ..NeverCloud::default() }
}

fn bench(criterion: &mut Criterion) {
    for (size, text) in [
        ("100 KB", session(100 * 1024, LINE).to_string()),
        ("400 KB", session(400 * 1024, LINE).to_string()),
        ("400 KB with escapes", escaped(&session(400 * 1024, FOREIGN).to_string())),
    ] {
        let Ok(request) = decode_request(Protocol::Anthropic, &text) else { return };
        let mut group = criterion.benchmark_group(format!("never_cloud, {size}"));
        group.throughput(Throughput::Bytes(text.len() as u64));
        for (words, paths, expressions) in
            [(1, 0, 0), (4, 0, 0), (4, 4, 0), (20, 10, 0), (0, 0, 1), (0, 0, 3), (0, 0, 4), (20, 10, 4)]
        {
            let rules = rules(words, paths, expressions);
            let name = format!("{words} words, {paths} paths, {expressions} expressions");
            group.bench_function(name, |b| b.iter(|| rules.find(black_box(&request), None)));
        }
        group.finish();
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
