//! What recovery costs per delta. The bar: an ordinary delta of 20 bytes under 50 ns.

#![expect(clippy::unwrap_used, reason = "a bench that cannot run has nothing to say")]

use std::hint::black_box;

use branchline_wire::hub::{BlockStart, Delta, Event, Tool};
use branchline_wire::json::Json;
use branchline_wire::recover::{Recovery, render_call};
use branchline_wire::text::Text;
use criterion::{Criterion, criterion_group, criterion_main};

fn tools() -> Vec<Tool<'static>> {
    ["Bash", "Edit", "Glob", "Grep", "Read", "Write"]
        .map(|name| Tool {
            name: Text::escaped(name),
            input_schema: Some(Json::trusted(r#"{"type":"object","properties":{"content":{"type":"string"}}}"#)),
            ..Tool::default()
        })
        .into()
}

/// A recovery in the middle of a sentence.
fn talking<'t>(tools: &'t [Tool<'t>]) -> Recovery<'t> {
    let mut recovery = Recovery::new(tools);
    recovery.event(Event::BlockStart(BlockStart::Text), &mut |_| ());
    recovery.event(Event::Delta(Delta::Text(Text::escaped("Let me see "))), &mut |_| ());
    recovery
}

fn bench(criterion: &mut Criterion) {
    let tools = tools();
    criterion.bench_function("the event alone, ordinary", |b| {
        let out: &mut dyn FnMut(Event<'_>) = &mut |event| drop(black_box(event));
        b.iter(|| out(Event::Delta(Delta::Text(Text::escaped(black_box(" and then it goes on"))))));
    });
    for (name, delta) in [
        ("an ordinary delta", " and then it goes on"),
        ("a delta with a line break", r" the end.\n\nThen, on"),
        ("a delta with brackets", " if a < b { v[i] }..."),
    ] {
        let mut recovery = talking(&tools);
        criterion.bench_function(name, |b| {
            b.iter(|| {
                let delta = Event::Delta(Delta::Text(Text::escaped(black_box(delta))));
                recovery.event(delta, &mut |event| drop(black_box(event)));
            });
        });
    }
    let content = "let list = vec![\"a\", \"<b>\"]; // {}\n".repeat(1500);
    let arguments = serde_json::json!({ "content": content }).to_string();
    for family in ["hermes", "qwen3-coder"] {
        let call = render_call(family, "Write", &arguments).unwrap();
        let chars: Vec<char> = call.chars().collect();
        let deltas: Vec<_> =
            chars.chunks(4).map(|piece| Text::plain(&piece.iter().collect::<String>()).into_owned()).collect();
        criterion.bench_function(&format!("a {family} call of 50 KB in deltas of 4"), |b| {
            b.iter(|| {
                let mut recovery = talking(&tools);
                for delta in &deltas {
                    recovery.event(Event::Delta(Delta::Text(delta.borrowed())), &mut |event| drop(black_box(event)));
                }
                recovery.finish(&mut |event| drop(black_box(event)));
            });
        });
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
