use proptest::prelude::*;

use super::*;
use crate::strip_reminders;

fn scored(human: &str) -> Score {
    score(&TurnText { human, structure: Structure::default() }, &Weights::default())
}

fn scored_in(human: &str, structure: Structure) -> Score {
    score(&TurnText { human, structure }, &Weights::default())
}

const EASY: &[&str] = &[
    "",
    "hi",
    "yes",
    "continue",
    "thanks, looks good",
    "what does this function do?",
    "What is a mutex?",
    "fix the typo in README",
    "rename foo to bar",
    "Rename `get_user` to `fetch_user` in src/user.rs",
    "summarize this",
    "summarize the changes in CHANGELOG.md",
    "translate this comment to English",
    "run the tests",
    "add a comment to this function",
    "list the files in src",
    "show me the git log",
    "what's the version of node here?",
    "write a commit message for the staged changes",
    "bump the version to 1.2.3",
    "add a docstring to parse()",
    "format this JSON",
    "How do I undo the last commit?",
    "Write a haiku about rain",
    "Add a --verbose flag to the CLI in src/main.rs",
    "remove the unused import in app.tsx",
    "change the button colour to blue",
    "Write a function that reverses a string",
    "Create a .gitignore for a Rust project",
    "sort these lines alphabetically",
    "was ist ein Mutex?",
    "Übersetze diesen Satz ins Englische",
    "traduis ce texte en anglais",
    "¿qué es un puntero?",
    "什么是互斥锁?",
    "把这段话翻译成英文",
];

const HARD: &[&str] = &[
    "Design and implement a lock-free queue with proofs of linearizability, then benchmark it against a mutex-based one.",
    "Debug this race condition and refactor the module across files:\nthread 'main' panicked at src/pool.rs:88\n    at Pool::take (src/pool.rs:88)\nIt happens only under load; find the root cause first.",
    "Refactor the authentication module across the codebase to use async traits, migrate all call sites, and ensure backward compatibility.",
    "Architect a multi-tenant, fault-tolerant event pipeline with exactly-once delivery. Compare the trade-offs of each approach step by step.",
    "Analyze the memory leak in src/cache.rs, src/pool.rs and src/server.rs, find the root cause, and redesign the eviction so that it cannot come back.",
    "Prove that the algorithm terminates, derive its time complexity, and implement it in Rust.",
    "Migrate the database layer from Diesel to sqlx with zero downtime. First design the migration plan, then implement it, and ensure that every transaction keeps its guarantees.",
    "Implement a distributed consensus protocol (Raft) from scratch with leader election and log compaction; write tests for the edge cases.",
    "Investigate why the tests are flaky under concurrency, diagnose the deadlock and fix it without changing the public API.",
    "Design a type system with higher-kinded types for this interpreter, prove soundness, and implement inference.",
    "Optimize the query planner: analyze the bottlenecks, redesign the join ordering algorithm, and benchmark before and after.",
    "ultrathink: design the architecture of a plugin system with sandboxing, then implement the loader",
    "Entwirf und implementiere eine verteilte Architektur, analysiere die Engpässe und beweise die Konsistenz.",
    "设计并实现一个无锁队列,证明其线性一致性,然后优化性能",
];

#[test]
fn easy_prompts_stay_under_the_default_threshold() {
    for text in EASY {
        let score = scored(text);
        assert!(score.value < 50, "{text}: {score:#?}");
    }
}

#[test]
fn hard_prompts_reach_the_default_threshold() {
    for text in HARD {
        let score = scored(text);
        assert!(score.value >= 50, "{text}: {score:#?}");
    }
}

#[test]
fn every_hard_prompt_is_above_every_easy_one() {
    let easiest = HARD.iter().map(|text| scored(text).raw).fold(f32::MAX, f32::min);
    let hardest = EASY.iter().map(|text| scored(text).raw).fold(f32::MIN, f32::max);
    assert!(hardest + 10.0 < easiest, "{hardest} {easiest}");
}

#[test]
fn an_easy_request_stays_easy_with_a_long_paste_behind_it() {
    let paste = "and the meeting went on about the remote control and its colour. ".repeat(300);
    assert!(scored(&format!("Summarize this:\n\n{paste}")).value < 30);
    assert!(scored(&format!("{paste}\n\nTranslate the text above.")).value < 30);
}

#[test]
fn each_signal_fires_on_what_it_is_named_for() {
    let on = |structure| (String::from("go on with it"), structure);
    let none = Structure::default();
    let rows: Vec<(Signal, (String, Structure))> = vec![
        (Signal::Tokens, on(none)),
        (Signal::ComplexWords, ("refactor it".into(), none)),
        (Signal::SimpleWords, ("rename it".into(), none)),
        (Signal::Structure, ("- a\n- b\n```\nx\n```".into(), none)),
        (Signal::ReasoningCues, ("weigh the trade-offs".into(), none)),
        (Signal::Files, ("look into src/lib.rs".into(), none)),
        (Signal::StackTrace, ("thread 'main' panicked at x".into(), none)),
        (Signal::PlanMode, on(Structure { plan_mode: true, ..none })),
        (Signal::Effort, on(Structure { effort: Some(Effort::Max), ..none })),
        (Signal::Failures, on(Structure { failures_in_turn: 1, ..none })),
        (Signal::ToolLoop, on(Structure { tool_results_in_turn: 1, ..none })),
        (Signal::History, on(Structure { tool_results_total: 9, ..none })),
        (Signal::Context, on(Structure { prompt_tokens: 90_000, ..none })),
        (Signal::Images, on(Structure { images: 1, ..none })),
    ];
    for (signal, (text, structure)) in rows {
        let score = scored_in(&text, structure);
        let point = score.points.iter().find(|point| point.signal == signal);
        assert!(point.is_some_and(|point| !point.why.is_empty()), "{signal:?}: {score:#?}");
    }
}

#[test]
fn one_thing_is_told_as_one() {
    let why = |images, text: &str| {
        let score = scored_in(text, Structure { images, ..Structure::default() });
        score.points.into_iter().map(|point| point.why).collect::<Vec<_>>().join("; ")
    };
    assert!(why(1, "go on\n```\nx\n```").contains("1 code block"), "{}", why(1, "```\nx\n```"));
    assert!(!why(1, "go on\n```\nx\n```").contains("blocks"));
    assert!(why(1, "go on").ends_with("1 image"), "{}", why(1, "go on"));
    assert!(why(2, "go on").ends_with("2 images"), "{}", why(2, "go on"));
}

#[test]
fn points_name_their_words_strongest_first() {
    let score = scored("fix, refactor and prove it");
    let words = score.points.iter().find(|point| point.signal == Signal::ComplexWords);
    assert_eq!(words.map(|point| point.why.as_str()), Some("keywords: prove, refactor, fix"));
}

#[test]
fn a_weight_of_zero_switches_a_signal_off() {
    let weights = Weights { complex_words: 0.0, ..Weights::default() };
    let score = score(&TurnText { human: "refactor it", structure: Structure::default() }, &weights);
    assert!(score.points.iter().all(|point| point.signal != Signal::ComplexWords));
}

#[test]
fn a_score_survives_json() {
    let score = scored("Refactor src/main.rs step by step");
    let json = serde_json::to_string(&score).unwrap();
    assert!(json.contains("\"complex_words\""), "{json}");
    assert_eq!(serde_json::from_str::<Score>(&json).unwrap(), score);
}

fn any_structure() -> impl Strategy<Value = Structure> {
    let counts = (any::<u64>(), any::<u64>(), any::<u32>(), any::<u32>(), any::<u32>(), any::<u32>());
    let effort = prop_oneof![
        Just(None),
        Just(Some(Effort::Low)),
        Just(Some(Effort::Medium)),
        Just(Some(Effort::High)),
        Just(Some(Effort::Max))
    ];
    (counts, any::<bool>(), effort).prop_map(|(counts, plan_mode, effort)| Structure {
        prompt_tokens: counts.0,
        human_tokens: counts.1,
        tool_results_in_turn: counts.2,
        files_named: counts.3,
        failures_in_turn: counts.4,
        images: counts.5,
        plan_mode,
        effort,
        ..Structure::default()
    })
}

proptest! {
    #[test]
    fn any_text_and_any_counts_give_a_score_in_range(text in "\\PC*|(?s).{0,400}", structure in any_structure()) {
        let score = scored_in(&text, structure);
        prop_assert!(score.value <= 100);
        prop_assert!(score.raw.is_finite());
        let sum: f32 = score.points.iter().map(|point| point.points).sum();
        prop_assert!((sum - score.raw).abs() < 0.01);
        prop_assert_eq!(score.value, score.raw.clamp(0.0, 100.0) as u8);
    }

    #[test]
    fn texts_longer_than_the_windows_never_panic(piece in "(?s).{1,40}", times in 300_usize..3000) {
        prop_assert!(scored(&piece.repeat(times)).raw.is_finite());
    }

    #[test]
    fn more_tool_results_never_lower_the_score(text in ".{0,80}", less in 0_u32..500, more in 0_u32..500) {
        let with = |count| scored_in(&text, Structure { tool_results_in_turn: count, ..Structure::default() }).raw;
        prop_assert!(with(less + more) >= with(less));
    }

    #[test]
    fn more_failures_never_lower_the_score(text in ".{0,80}", less in 0_u32..50, more in 0_u32..50) {
        let with = |count| scored_in(&text, Structure { failures_in_turn: count, ..Structure::default() }).raw;
        prop_assert!(with(less + more) >= with(less));
    }

    #[test]
    fn reminders_do_not_change_the_score(
        before in "[^<]{0,80}", after in "[^<]{0,80}", inside in "[^<]{0,80}", place in 0..3
    ) {
        let reminder = format!("<system-reminder>{inside} prove and refactor</system-reminder>\n");
        let text = format!("{before}\n{after}");
        let with = match place {
            0 => format!("{reminder}{text}"),
            1 => format!("{before}\n{reminder}{after}"),
            _ => format!("{text}\n{reminder}"),
        };
        prop_assert_eq!(scored(&strip_reminders(&with)), scored(&strip_reminders(&text)));
    }
}
