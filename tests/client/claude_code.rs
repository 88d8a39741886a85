//! The real Claude Code, through the whole engine, to a simulated LM Studio and a simulated cloud.
//!
//! Every journey is made twice: with all that `branchline env` says, and with address and token only.

#![expect(clippy::unwrap_used, reason = "the steps of a test: what cannot be had fails it")]

mod rig;

use std::collections::BTreeSet;

use branchline_proxy::record::Place;
use branchline_sim::{Answer, Ask, Door, Fault, Gate, Pieces, Script, Stop};
use rig::{CODER, Rig, Told, VISION, png, prefix_holds};
use serde_json::json;

/// What the vision model says of the test's picture.
const DESCRIPTION: &str = "A plain red rectangle, wider than tall.";

/// Well over the threshold for the words alone.
const HARD: &str = "Design a distributed architecture for our payment system: analyze the trade-offs between \
    event sourcing and a two-phase commit, prove that the consensus protocol is correct under network partitions, \
    refactor the concurrency model to remove the race condition and the deadlock, optimize the algorithm's time \
    complexity step by step, and plan a zero-downtime database migration with security review. Explain why each \
    choice is better than its alternatives, and what would have to be true for the opposite choice.\n\n\
    ```rust\nasync fn transfer(from: Account, to: Account) -> Result<(), Error> { todo!() }\n```";

macro_rules! journeys {
    ($($journey:ident),+ $(,)?) => {
        mod with_everything_branchline_env_says {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $journey() { super::$journey(super::Told::Everything).await; })+
        }
        mod with_address_and_token_only {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $journey() { super::$journey(super::Told::AddressAndToken).await; })+
        }
    };
}

journeys!(
    a_file_is_created_through_a_tool_loop,
    the_prompt_prefix_stays_through_a_long_tool_loop_and_into_the_next_turn,
    parallel_tools_run_and_all_results_come_back,
    arguments_that_do_not_fit_their_schema_come_back_as_an_error_that_names_them,
    arguments_that_are_not_quite_json_are_mended_and_the_call_runs,
    a_call_that_was_cut_off_is_never_run_and_the_model_is_told,
    a_subagent_works_on_the_local_model_too,
    subagents_side_by_side_do_not_disturb_each_other,
    the_context_command_is_answered_without_asking_a_model,
    a_deferred_tool_is_offered_once_the_client_fetched_it,
    a_picture_is_described_once_and_the_coder_reads_the_description,
    a_picture_typed_into_the_prompt_is_described_too,
    thinking_reaches_the_client_and_comes_back_without_breaking_anything,
    with_lm_studio_off_the_cloud_answers,
    when_lm_studio_goes_in_the_middle_of_a_tool_loop_the_cloud_goes_on,
    when_lm_studio_dies_in_the_middle_of_an_answer_the_client_gets_a_whole_one,
    when_lm_studio_is_back_the_next_turn_is_local_again,
    a_hard_turn_goes_to_the_cloud_with_its_whole_tool_loop,
    an_easy_turn_after_a_hard_one_is_local_again,
    a_rule_sends_a_turn_with_its_tool_loop_where_it_says,
    what_is_private_stays_here_though_the_user_insists_on_the_cloud,
    a_private_file_the_cloud_asks_for_keeps_the_rest_of_the_session_here,
    the_same_call_failing_three_times_moves_the_turn_to_the_cloud,
);

async fn a_file_is_created_through_a_tool_loop(told: Told) {
    let Some(rig) = Rig::start(told).await else { return };
    let path = rig.file("hello.txt");
    rig.lmstudio.script(Script::when_text_contains("create hello.txt", write(&rig, "hello.txt", "Hello\n")).once());
    rig.lmstudio.script(Script::after_tool_result("Write", Answer::text("The file is there.")));
    assert_eq!(rig.say("create hello.txt").await, "The file is there.");
    assert_eq!(std::fs::read_to_string(path).unwrap(), "Hello\n");
    assert_eq!(rig.coder_calls().len(), 2);
    for record in rig.records().await {
        assert_eq!((record.place, record.model.as_deref()), (Place::Local, Some(CODER)));
    }
    rig.cloud_was_left_alone();
    rig.ends_well().await;
}

async fn the_prompt_prefix_stays_through_a_long_tool_loop_and_into_the_next_turn(told: Told) {
    let Some(rig) = Rig::start(told).await else { return };
    rig.lmstudio.script(Script::computed(|ask| match ask.body["messages"].as_array().map_or(0, Vec::len) {
        length if length < 14 => bash(&format!("echo step {length}")),
        _ => Answer::text("All steps are done."),
    }));
    assert_eq!(rig.say("run the steps").await, "All steps are done.");
    let first_turn = rig.coder_calls().len();
    assert!(first_turn >= 6, "{first_turn}");
    rig.lmstudio.script(Script::when_text_contains("one more thing", Answer::text("Done as well.")));
    assert_eq!(rig.say_next("one more thing").await, "Done as well.");
    let calls = rig.coder_calls();
    assert_eq!(calls.len(), first_turn + 1);
    assert!(prefix_holds(&calls), "{}", lengths(&calls));
    rig.cloud_was_left_alone();
    rig.ends_well().await;
}

async fn parallel_tools_run_and_all_results_come_back(told: Told) {
    let Some(rig) = Rig::start(told).await else { return };
    rig.put("a.txt", "apples\n");
    rig.put("b.txt", "bananas\n");
    let both = Answer::text("I read both.")
        .and_call("Read", json!({"file_path": rig.file("a.txt")}))
        .and_call("Read", json!({"file_path": rig.file("b.txt")}));
    rig.lmstudio.script(Script::when_text_contains("read a.txt and b.txt", both).once());
    let done = Script::after_tool_result("apples", Answer::text("Apples and bananas."));
    rig.lmstudio.script(done.and(|ask| ask.outcomes.len() == 2 && ask.outcomes[1].text.contains("bananas")));
    assert_eq!(rig.say("read a.txt and b.txt").await, "Apples and bananas.");
    assert_eq!(rig.coder_calls().len(), 2);
    assert!(prefix_holds(&rig.coder_calls()));
    rig.cloud_was_left_alone();
    rig.ends_well().await;
}

/// Such calls are passed on as they are: the client itself says what is missing or of the wrong type, and the model tries
/// again (docs/ARCHITECTURE.md, Decisions).
async fn arguments_that_do_not_fit_their_schema_come_back_as_an_error_that_names_them(told: Told) {
    let Some(rig) = Rig::start(told).await else { return };
    let missing = json!({"file_path": rig.file("one.txt")});
    let wrong = json!({"file_path": rig.file("two.txt"), "content": ["Two"]});
    let turns = [
        ("one.txt", missing, vec!["InputValidationError", "`content` is missing"]),
        ("two.txt", wrong, vec!["InputValidationError", "`content`", "`string`", "`array`"]),
    ];
    for (file, arguments, words) in turns {
        let again = Script::when(move |ask| said_of(ask, &words), write(&rig, file, "Text\n"));
        rig.lmstudio.script(Script::when_text_contains(file, Answer::call("Write", arguments)).once());
        rig.lmstudio.script(again.once());
    }
    rig.lmstudio.script(Script::after_tool_result("Write", Answer::text("The file is there.")));
    assert_eq!(rig.say("create one.txt").await, "The file is there.");
    assert_eq!(rig.say_next("create two.txt").await, "The file is there.");
    assert_eq!(rig.coder_calls().len(), 6);
    for file in ["one.txt", "two.txt"] {
        assert_eq!(std::fs::read_to_string(rig.file(file)).unwrap(), "Text\n", "{file}");
    }
    rig.cloud_was_left_alone();
    rig.ends_well().await;
}

async fn arguments_that_are_not_quite_json_are_mended_and_the_call_runs(told: Told) {
    let Some(rig) = Rig::start(told).await else { return };
    let path = rig.file("hello.txt").display().to_string();
    let written = format!("{{'file_path': '{path}', 'content': 'it\\'s\nhere',}}");
    let call = Answer::text("I write it.").and_raw_call("Write", written).pieces(Pieces::Chars(3));
    rig.lmstudio.script(Script::when_text_contains("create hello.txt", call).once());
    rig.lmstudio.script(Script::after_tool_result("Write", Answer::text("The file is there.")));
    assert_eq!(rig.say("create hello.txt").await, "The file is there.");
    assert_eq!(std::fs::read_to_string(path).unwrap(), "it's\nhere");
    assert_eq!(rig.coder_calls().len(), 2);
    assert_eq!(rig.records().await[0].repairs, ["arguments of 1 call mended"]);
    rig.cloud_was_left_alone();
    rig.ends_well().await;
}

async fn a_call_that_was_cut_off_is_never_run_and_the_model_is_told(told: Told) {
    let Some(rig) = Rig::start(told).await else { return };
    for (stop, file) in [(Stop::MaxTokens, "one.txt"), (Stop::ToolUse, "two.txt")] {
        let written = format!("{{\"file_path\": \"{}\", \"content\": \"Te", rig.file(file).display());
        let cut = Answer::text("I write it.").and_raw_call("Write", written).stop(stop);
        let again = Script::when(|ask| said_of(ask, &["could not be parsed as JSON"]), write(&rig, file, "Text\n"));
        rig.lmstudio.script(Script::when_text_contains(file, cut).once());
        rig.lmstudio.script(again.once());
        rig.lmstudio.script(Script::after_tool_result("Write", Answer::text("The file is there.")).once());
        let prompt = format!("create {file}");
        let said = if file == "one.txt" { rig.say(&prompt).await } else { rig.say_next(&prompt).await };
        assert_eq!(said, "The file is there.");
        assert_eq!(std::fs::read_to_string(rig.file(file)).unwrap(), "Text\n", "{file}");
    }
    rig.cloud_was_left_alone();
    rig.ends_well().await;
}

fn said_of(ask: &Ask, words: &[&str]) -> bool {
    ask.outcomes.last().is_some_and(|outcome| words.iter().all(|word| outcome.text.contains(word)))
}

async fn a_subagent_works_on_the_local_model_too(told: Told) {
    let Some(rig) = Rig::start(told).await else { return };
    rig.put("notes.txt", "the word is plum\n");
    let delegate = Answer::call(
        "Agent",
        json!({"description": "Find the word", "prompt": "CHILD: look into notes.txt for the word",
            "subagent_type": "general-purpose", "run_in_background": false}),
    );
    rig.lmstudio.script(Script::when_text_contains("have somebody find the word", delegate).once());
    let read = Answer::call("Read", json!({"file_path": rig.file("notes.txt")}));
    rig.lmstudio.script(Script::when_text_contains("CHILD: look into", read).once());
    rig.lmstudio.script(after("Read", Answer::text("CHILD SAYS: plum")));
    rig.lmstudio.script(after("Agent", Answer::text("The word is plum.")));
    assert_eq!(rig.say("have somebody find the word").await, "The word is plum.");
    assert_eq!(rig.coder_calls().len(), 4);
    let records = rig.records().await;
    let by_agent = records.iter().filter(|record| record.agent.is_some());
    assert_eq!(by_agent.map(|record| record.decision.kind.as_str()).collect::<Vec<_>>(), ["subagent", "subagent"]);
    rig.cloud_was_left_alone();
    rig.ends_well().await;
}

async fn subagents_side_by_side_do_not_disturb_each_other(told: Told) {
    let Some(rig) = Rig::start(told).await else { return };
    let child = |word: &str| {
        json!({"description": format!("Think of {word}"), "prompt": format!("CHILD: think of {word}"),
            "subagent_type": "general-purpose", "run_in_background": false})
    };
    let both = Answer::call("Agent", child("plum")).and_call("Agent", child("pear"));
    rig.lmstudio.script(Script::when_text_contains("ask two others", both).once());
    // Neither child is answered before both have asked.
    let gate = Gate::new();
    for word in ["plum", "pear"] {
        let done = Answer::text(format!("I thought of {word}.")).head_waits(&gate);
        rig.lmstudio.script(Script::when_text_contains(format!("CHILD: think of {word}"), done));
    }
    let heard = |ask: &Ask| ask.outcomes.len() == 2 && ask.conversation.contains("I thought of plum.");
    rig.lmstudio.script(Script::when(heard, Answer::text("Plum and pear.")));
    let release = async {
        rig.lmstudio.wait_for_call(3).await.unwrap();
        gate.open();
    };
    let (said, ()) = tokio::join!(rig.say("ask two others"), release);
    assert_eq!(said, "Plum and pear.");
    assert_eq!(rig.coder_calls().len(), 4);
    let agents: BTreeSet<_> = rig.records().await.into_iter().filter_map(|record| record.agent).collect();
    assert_eq!(agents.len(), 2);
    rig.cloud_was_left_alone();
    rig.ends_well().await;
}

async fn the_context_command_is_answered_without_asking_a_model(told: Told) {
    let Some(rig) = Rig::start(told).await else { return };
    let said = rig.say("/context").await;
    assert!(said.contains("Context Usage"), "{said}");
    assert!(rig.coder_calls().is_empty(), "no model is asked to count");
    rig.cloud_was_left_alone();
    rig.ends_well().await;
}

async fn a_deferred_tool_is_offered_once_the_client_fetched_it(told: Told) {
    let Some(rig) = Rig::start(told).await else { return };
    let search = Answer::call("ToolSearch", json!({"query": "select:WebFetch", "max_results": 5}));
    rig.lmstudio.script(Script::when_text_contains("which tool fetches pages", search).once());
    let done = Script::after_tool_result("ToolSearch", Answer::text("WebFetch does."));
    rig.lmstudio.script(done.and(|ask| ask.tool("WebFetch").is_some()));
    assert_eq!(rig.say("which tool fetches pages").await, "WebFetch does.");
    for call in rig.coder_calls() {
        assert!(!call.contains("DeferredToolPlaceholder"), "offered to a model that must not call it");
        assert!(!call.contains("defer_loading"));
    }
    rig.cloud_was_left_alone();
    rig.ends_well().await;
}

async fn a_picture_is_described_once_and_the_coder_reads_the_description(told: Told) {
    let Some(rig) = Rig::start(told).await else { return };
    rig.put("shot.png", png());
    rig.lmstudio.script(Script::for_model(VISION, Answer::text(DESCRIPTION)));
    let read = Answer::call("Read", json!({"file_path": rig.file("shot.png")}));
    rig.lmstudio.script(Script::when_text_contains("look at shot.png", read));
    rig.lmstudio.script(informed("Read"));
    assert_eq!(rig.say("look at shot.png").await, "It is red.");
    let seen = rig.vision_calls();
    assert_eq!(seen.len(), 1);
    assert!(seen[0].contains("image_url"));
    assert_described(&rig);
    assert!(prefix_holds(&rig.coder_calls()));

    assert_eq!(rig.say("look at shot.png again, look at shot.png").await, "It is red.");
    assert_eq!(rig.vision_calls().len(), 1, "a known picture is not shown again");

    let rig = rig.restart_engine().await;
    assert_eq!(rig.say("and once more: look at shot.png").await, "It is red.");
    assert_eq!(rig.vision_calls().len(), 1, "nor after a restart");
    assert_described(&rig);
    rig.cloud_was_left_alone();
    rig.ends_well().await;
}

async fn a_picture_typed_into_the_prompt_is_described_too(told: Told) {
    let Some(rig) = Rig::start(told).await else { return };
    rig.put("shot.png", png());
    rig.lmstudio.script(Script::for_model(VISION, Answer::text(DESCRIPTION)));
    let described = |ask: &Ask| ask.conversation.contains(DESCRIPTION) && ask.all_pictures == 0;
    rig.lmstudio.script(Script::when(described, Answer::text("It is red.")));
    assert_eq!(rig.say("what colour has @shot.png ?").await, "It is red.");
    assert_eq!(rig.vision_calls().len(), 1);
    assert_described(&rig);
    rig.cloud_was_left_alone();
    rig.ends_well().await;
}

async fn thinking_reaches_the_client_and_comes_back_without_breaking_anything(told: Told) {
    let Some(rig) = Rig::start(told).await else { return };
    let first = Answer::thinking("I should look around first.")
        .and_call("Bash", json!({"command": "echo looked around", "description": "Look around"}));
    rig.lmstudio.script(Script::when_text_contains("think and look around", first).once());
    let second = Answer::thinking("That is all there is.").and_text("I looked around.");
    rig.lmstudio.script(Script::after_tool_result("Bash", second).once());
    assert_eq!(rig.say("think and look around").await, "I looked around.");
    // The client returns thoughts only if it was given them as such; this backend's history has no place for them.
    let records = rig.records().await;
    let returned = records[1].dropped.iter().any(|dropped| dropped.reason.contains("no thinking in history"));
    assert!(returned, "{:?}", records[1].dropped);
    assert!(prefix_holds(&rig.coder_calls()));
    rig.cloud_was_left_alone();

    let looking = Answer::thinking("The cloud thinks.").and_call("Bash", json!({"command": "echo in the cloud"}));
    rig.cloud.script(Script::when_text_contains("payment system", looking).once());
    rig.cloud.script(Script::after_tool_result("Bash", Answer::text("Here is the design.")));
    assert_eq!(rig.say_next(HARD).await, "Here is the design.");
    let calls = rig.cloud.calls();
    assert_eq!(calls.len(), 2);
    assert!(calls[1].contains(r#""signature":"Esim"#), "its own thoughts come back, as it signed them");

    rig.lmstudio.script(Script::when_text_contains("thank you", Answer::text("You are welcome.")));
    assert_eq!(rig.say_next("thank you").await, "You are welcome.");
    rig.ends_well().await;
}

async fn with_lm_studio_off_the_cloud_answers(told: Told) {
    let Some(rig) = Rig::start(told).await else { return };
    rig.lmstudio.stop().await;
    rig.cloud.script(Script::when_text_contains("create hello.txt", write(&rig, "hello.txt", "Hello\n")).once());
    rig.cloud.script(Script::after_tool_result("Write", Answer::text("The cloud made it.")));
    assert_eq!(rig.say("create hello.txt").await, "The cloud made it.");
    assert!(rig.file("hello.txt").exists());
    for record in rig.records().await {
        assert_eq!(record.place, Place::Cloud);
        assert!(record.fallback.is_some(), "it is said why: {record:#?}");
    }
    rig.ends_well().await;
}

async fn when_lm_studio_goes_in_the_middle_of_a_tool_loop_the_cloud_goes_on(told: Told) {
    let Some(rig) = Rig::start(told).await else { return };
    // The tool runs until the plug is pulled.
    let command = "until test -e unplugged; do sleep 0.05; done; echo the plug was pulled";
    let waiting = Answer::thinking("A local thought.").and_call("Bash", json!({"command": command}));
    rig.lmstudio.script(Script::when_text_contains("wait for the plug", waiting).once());
    rig.cloud.script(Script::after_tool_result("the plug was pulled", Answer::text("The cloud goes on.")));
    let unplug = async {
        rig.answered(1).await;
        rig.lmstudio.stop().await;
        rig.put("unplugged", "");
    };
    let (said, ()) = tokio::join!(rig.say("wait for the plug"), unplug);
    assert_eq!(said, "The cloud goes on.");
    assert_eq!((rig.coder_calls().len(), rig.cloud.calls().len()), (1, 1));
    let records = rig.records().await;
    assert_eq!(records.iter().map(|record| record.place).collect::<Vec<_>>(), [Place::Local, Place::Cloud]);
    assert!(records[1].fallback.is_some());
    let edits = &records[1].edits;
    assert!(edits.iter().any(|edit| edit.contains("Anthropic did not sign")), "{edits:?}");
    assert!(!rig.cloud.calls()[0].contains("A local thought."));
    rig.ends_well().await;
}

async fn when_lm_studio_dies_in_the_middle_of_an_answer_the_client_gets_a_whole_one(told: Told) {
    let Some(rig) = Rig::start(told).await else { return };
    let slammed = Gate::new();
    let breaking = Answer::text("This answer breaks off a good while before it is whole.")
        .body_waits(&slammed)
        .with_fault(Fault::DieAfter { bytes: 1_200, reset: true });
    rig.lmstudio.script(Script::when_text_contains("tell me", breaking));
    rig.cloud.script(Script::always(Answer::text("This one is whole.")));
    let crash = async {
        rig.lmstudio.wait_for_call(1).await.unwrap();
        rig.lmstudio.set_door(Door::Slammed);
        slammed.open();
    };
    let (said, ()) = tokio::join!(rig.say("tell me"), crash);
    assert!(said.ends_with("This one is whole."), "{said}");
    rig.nothing_wrong_was_sent();
    let records = rig.records().await;
    let broken: Vec<_> = records.iter().filter(|record| record.error.is_some()).collect();
    assert_eq!(broken.len(), 1, "{records:#?}");
}

async fn when_lm_studio_is_back_the_next_turn_is_local_again(told: Told) {
    let Some(mut rig) = Rig::start(told).await else { return };
    rig.stand = rig.stand.watching();
    rig.cloud.script(Script::always(Answer::text("From the cloud.")));
    rig.lmstudio.script(Script::always(Answer::text("From here.")));
    rig.lmstudio.stop().await;
    assert_eq!(rig.say("say hello").await, "From the cloud.");
    rig.lmstudio.restart_on_same_port().await.unwrap();
    rig.stand
        .wait_for("the backend to be back", async |stand| {
            (!stand.engine.world().down.contains_key("lmstudio")).then_some(())
        })
        .await;
    assert_eq!(rig.say_next("say hello again").await, "From here.");
    rig.ends_well().await;
}

async fn a_hard_turn_goes_to_the_cloud_with_its_whole_tool_loop(told: Told) {
    let Some(rig) = Rig::start(told).await else { return };
    rig.cloud.script(Script::computed(|ask| match ask.body["messages"].as_array().map_or(0, Vec::len) {
        length if length < 8 => bash(&format!("echo step {length}")),
        _ => Answer::text("Here is the design."),
    }));
    assert_eq!(rig.say(HARD).await, "Here is the design.");
    let calls = rig.cloud.calls();
    assert!(calls.len() >= 3, "{}", calls.len());
    assert!(prefix_holds(&calls), "{}", lengths(&calls));
    assert_eq!(rig.coder_calls().len(), 0);
    for record in rig.records().await {
        assert_eq!(record.place, Place::Cloud);
        assert_eq!(record.fallback, None);
    }
    rig.ends_well().await;
}

async fn an_easy_turn_after_a_hard_one_is_local_again(told: Told) {
    let Some(rig) = Rig::start(told).await else { return };
    rig.cloud.script(Script::always(Answer::thinking("Hard.").and_text("Here is the design.")));
    rig.lmstudio.script(Script::always(Answer::text("You are welcome.")));
    assert_eq!(rig.say(HARD).await, "Here is the design.");
    assert_eq!(rig.say_next("thank you").await, "You are welcome.");
    assert_eq!((rig.coder_calls().len(), rig.cloud.calls().len()), (1, 1));
    rig.ends_well().await;
}

const RULE: &str = "[[rules]]\nname = \"releases\"\nwhen = { text = \"release notes\" }\nthen = { role = \"cloud\" }\n";

async fn a_rule_sends_a_turn_with_its_tool_loop_where_it_says(told: Told) {
    let Some(rig) = Rig::start_with(told, RULE).await else { return };
    rig.cloud.script(Script::when_text_contains("release notes", write(&rig, "notes.md", "One\n")).once());
    rig.cloud.script(Script::after_tool_result("Write", Answer::text("They are written.")));
    rig.lmstudio.script(Script::always(Answer::text("You are welcome.")));
    assert_eq!(rig.say("write the release notes").await, "They are written.");
    assert_eq!((rig.coder_calls().len(), rig.cloud.calls().len()), (0, 2));
    for record in rig.records().await {
        let said = record.decision.reasons.iter().any(|reason| reason.contains("releases"));
        assert!(said, "{:?}", record.decision.reasons);
    }
    assert_eq!(rig.say_next("thank you").await, "You are welcome.");
    assert_eq!((rig.coder_calls().len(), rig.cloud.calls().len()), (1, 2), "a rule is asked for each turn");
    rig.ends_well().await;
}

const PRIVATE: &str = "[never_cloud]\npaths = [\"secrets\"]\n";

async fn what_is_private_stays_here_though_the_user_insists_on_the_cloud(told: Told) {
    let Some(rig) = Rig::start_with(told, PRIVATE).await else { return };
    let path = rig.put("secrets/key.txt", "the word is plum\n");
    let read = Answer::call("Read", json!({"file_path": path}));
    rig.lmstudio.script(Script::when_text_contains("read secrets/key.txt", read).once());
    rig.lmstudio.script(Script::after_tool_result("plum", Answer::text("It says plum.")));
    assert_eq!(rig.say_to("cloud", "read secrets/key.txt, then think hard about it").await, "It says plum.");
    rig.cloud_was_left_alone();
    for record in rig.records().await {
        assert_eq!(record.place, Place::Local);
        assert!(record.decision.private.is_some(), "{record:#?}");
    }
    rig.ends_well().await;
}

async fn a_private_file_the_cloud_asks_for_keeps_the_rest_of_the_session_here(told: Told) {
    let Some(rig) = Rig::start_with(told, PRIVATE).await else { return };
    let path = rig.put("secrets/key.txt", "the word is plum\n");
    let read = Answer::call("Read", json!({"file_path": path}));
    rig.cloud.script(Script::when_text_contains("find the word", read).once());
    rig.lmstudio.script(Script::after_tool_result("plum", Answer::text("It says plum.")));
    assert_eq!(rig.say_to("cloud", "find the word").await, "It says plum.");
    rig.lmstudio.script(Script::when_text_contains("thank you", Answer::text("You are welcome.")));
    assert_eq!(rig.say_next(&format!("thank you. {HARD}")).await, "You are welcome.");
    let seen = rig.cloud.calls();
    assert_eq!(seen.len(), 1, "the one that asked for it");
    assert!(!seen[0].contains("plum"), "what stands in it never left");
    rig.ends_well().await;
}

async fn the_same_call_failing_three_times_moves_the_turn_to_the_cloud(told: Told) {
    let Some(rig) = Rig::start(told).await else { return };
    rig.lmstudio.script(Script::when_text_contains("thank you", Answer::text("You are welcome.")));
    rig.lmstudio.script(Script::always(bash("echo it does not compile; exit 3")));
    rig.cloud.script(Script::when(|ask| ask.outcomes.len() == 1, write(&rig, "fixed.txt", "Now\n")).once());
    rig.cloud.script(Script::after_tool_result("Write", Answer::text("The cloud has fixed it.")));
    assert_eq!(rig.say("fix the build please").await, "The cloud has fixed it.");
    assert!(rig.file("fixed.txt").exists());
    let records = rig.records().await;
    let places: Vec<_> = records.iter().map(|record| record.place).collect();
    assert_eq!(places, [Place::Local, Place::Local, Place::Local, Place::Cloud, Place::Cloud]);
    let told: Vec<_> = records.iter().filter_map(|record| record.decision.escalated.as_deref()).collect();
    assert_eq!(told, ["the same call failed 3 times"], "once, and why");
    assert_eq!(rig.say_next("thank you").await, "You are welcome.");
    assert_eq!(rig.cloud.calls().len(), 2, "the next turn is its own");
    rig.ends_well().await;
}

fn write(rig: &Rig, name: &str, content: &str) -> Answer {
    Answer::text("I write it.").and_call("Write", json!({"file_path": rig.file(name), "content": content}))
}

/// Once the tool of this name has a result.
fn after(tool: &'static str, answer: Answer) -> Script {
    Script::when(move |ask| ask.outcomes.iter().any(|outcome| outcome.name == tool), answer)
}

fn bash(command: &str) -> Answer {
    Answer::call("Bash", json!({"command": command, "description": "A step"}))
}

/// Says what is in the picture once its description stands in the result of `tool`.
fn informed(tool: &str) -> Script {
    Script::after_tool_result(tool, Answer::text("It is red.")).and(|ask| ask.conversation.contains(DESCRIPTION))
}

/// No picture reached the coder, and the last of its prompts has the description at the picture's place.
fn assert_described(rig: &Rig) {
    let calls = rig.coder_calls();
    assert!(calls.iter().all(|call| !call.contains("image_url") && !call.contains("base64")));
    let last = calls.last().unwrap();
    assert!(last.contains("<<IMAGE DESCRIPTION (") && last.contains(DESCRIPTION));
}

fn lengths(calls: &[branchline_sim::Received]) -> String {
    calls.iter().map(|call| format!("{} of {}; ", call.shared_prefix_bytes, call.prompt_bytes)).collect()
}
