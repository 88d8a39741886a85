//! Clients of OpenAI Responses: Codex, and the `responses` of the SDKs. What each request holds was seen with Codex 0.169.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use branchline_sim::{Answer, Ask, Fault, Gate, Model, Script, Sim, Stop};
use branchline_tests::session::png;
use branchline_tests::{Opened, Stand};
use serde_json::{Value, json};

use crate::rig::{
    CLOUD, CODER, HARD, VISION, anthropic, backend, both, lmstudio, local, respond, respond_streamed, seeing,
    told_responses, used,
};

const PATH: &str = "/v1/responses";
const PATCH: &str = "*** Begin Patch\n*** Add File: a.txt\n+\"hello\"\n*** End Patch";

/// A request of Codex in this conversation.
fn codex(items: &[Value]) -> Value {
    let developer =
        |text: &str| json!({"type": "message", "role": "developer", "content": [{"type": "input_text", "text": text}]});
    let machine = "<environment_context>\n  <cwd>/srv/app</cwd>\n  <shell>bash</shell>\n</environment_context>";
    let mut input = vec![developer("You are a coding agent."), developer("Approval policy is never."), user(machine)];
    input.extend_from_slice(items);
    let function = |name: &str, member: &str| {
        json!({"type": "function", "name": name, "description": "Does it.", "strict": false, "parameters": {"type": "object",
            "properties": {member: {"type": "string"}}, "required": [member], "additionalProperties": false}})
    };
    json!({"model": "auto", "input": input, "stream": true, "store": false, "tool_choice": "auto", "parallel_tool_calls": true,
        "reasoning": {"summary": "auto"}, "include": ["reasoning.encrypted_content"], "prompt_cache_key": "s-1",
        "client_metadata": {"turn_id": "t"}, "tools": [
            function("exec_command", "cmd"),
            {"type": "custom", "name": "apply_patch", "description": "Edits files.",
                "format": {"type": "grammar", "syntax": "lark", "definition": "start: \"x\""}},
            {"type": "namespace", "name": "multi_agent_v1", "tools": [function("spawn_agent", "message")]},
            {"type": "web_search", "external_web_access": true}]})
}

fn user(text: &str) -> Value {
    json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]})
}

/// A call as the client returns it in history, with its result.
fn called(call: &Value, output: &Value) -> [Value; 2] {
    let (id, name) = (&call["id"], &call["name"]);
    match call["kind"].as_str() {
        Some("custom_tool_call") => [
            json!({"type": "custom_tool_call", "call_id": id, "name": name, "input": call["input"]}),
            json!({"type": "custom_tool_call_output", "call_id": id, "output": output}),
        ],
        _ => [
            json!({"type": "function_call", "call_id": id, "name": name, "namespace": call["namespace"],
                "arguments": call["input"].to_string()}),
            json!({"type": "function_call_output", "call_id": id, "output": output}),
        ],
    }
}

async fn at(sim: &Sim, name: &str) -> Stand {
    Stand::start(&backend(name, sim)).await
}

#[tokio::test]
async fn a_client_gets_a_whole_answer() {
    let sim = lmstudio().await;
    sim.script(used(40, 30, 3));
    let stand = Stand::start(&local(&sim)).await;
    let mut body = respond("say hello");
    body["metadata"] = json!({"run": "7"});
    let reply = stand.post(PATH, &body).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let answer = reply.json();
    assert_eq!(
        (&answer["object"], &answer["status"], &answer["metadata"]["run"]),
        (&json!("response"), &json!("completed"), &json!("7"))
    );
    assert_eq!(answer["output"][0]["content"][0]["text"], "Done.");
    assert_eq!(
        (&answer["usage"]["input_tokens"], &answer["usage"]["input_tokens_details"]["cached_tokens"]),
        (&json!(40), &json!(30))
    );
    assert_eq!(reply.header("x-branchline-model"), format!("lmstudio:{CODER}"));
    let record = stand.record().await;
    assert_eq!(
        (record.protocol_in.as_str(), record.upstream_protocol.as_deref()),
        ("openai_responses", Some("openai_chat"))
    );
    assert_eq!((record.usage.input, record.usage.cache_read, record.usage.output), (10, 30, 3));
    sim.verdict().unwrap();
}

#[tokio::test]
async fn a_client_gets_a_stream_from_every_kind_of_server() {
    for sim in [Sim::lmstudio(), Sim::llamacpp(), Sim::ollama(), Sim::vllm()] {
        let sim = sim.model(Model::llm(CODER).loaded().tools().reasoning().context(131_072)).start().await.unwrap();
        sim.script(Answer::thinking("Let me see.").and_text("One two three."));
        let stand = Stand::start(&format!("{}backends.box.local = true\n", backend("box", &sim))).await;
        let told = told_responses(&stand.post(PATH, &respond_streamed("say hello")).await);
        assert_eq!((told.text().as_str(), &told.stop_reason), ("One two three.", &json!("completed")));
        assert_eq!(told.content[0]["thinking"], "Let me see.");
        assert!(told.usage["output_tokens"].as_u64() > Some(0), "{told:?}");
        sim.verdict().unwrap();
    }
}

#[tokio::test]
async fn calls_of_every_kind_come_back_in_the_shape_the_client_knows() {
    let (home, cloud) = (lmstudio().await, anthropic().await);
    for (sim, name) in [(&home, "lmstudio"), (&cloud, "anthropic")] {
        let answer = Answer::text("Working.")
            .and_call("exec_command", json!({"cmd": "ls"}))
            .and_call("apply_patch", json!({"input": PATCH}))
            .and_call("multi_agent_v1__spawn_agent", json!({"message": "look"}));
        sim.script(Script::when_text_contains("do it", answer).once());
        sim.script(Script::when(|ask: &Ask| ask.outcomes.len() == 3, Answer::text("All done.")));
        let stand = at(sim, name).await;
        let told = told_responses(&stand.post(PATH, &codex(&[user("do it")])).await);
        let calls: Vec<Value> = told.calls().into_iter().cloned().collect();
        let kinds: Vec<&str> = calls.iter().filter_map(|call| call["kind"].as_str()).collect();
        assert_eq!(kinds, ["function_call", "custom_tool_call", "function_call"], "{name}");
        assert_eq!((&calls[0]["input"]["cmd"], &calls[1]["input"]), (&json!("ls"), &json!(PATCH)));
        assert_eq!((&calls[2]["namespace"], &calls[2]["name"]), (&json!("multi_agent_v1"), &json!("spawn_agent")));
        let mut items = vec![user("do it")];
        let done: Vec<[Value; 2]> = calls.iter().map(|call| called(call, &json!("fine"))).collect();
        items.extend(done.iter().map(|pair| pair[0].clone()));
        items.extend(done.iter().map(|pair| pair[1].clone()));
        let told = told_responses(&stand.post(PATH, &codex(&items)).await);
        assert_eq!(told.text(), "All done.", "{name}");
        let calls = sim.calls();
        let tools = calls[1].body["tools"].as_array().unwrap().len();
        assert_eq!(tools, 3, "a search only OpenAI runs is not offered: {:?}", calls[1].body["tools"]);
        assert!(calls[1].contains("(lark)"), "the grammar is part of the description");
        let dropped = stand.record().await.dropped;
        assert!(dropped.iter().any(|lost| lost.path == "tools[3]"), "{dropped:?}");
        sim.verdict().unwrap();
    }
}

#[tokio::test]
async fn a_call_written_as_text_becomes_one_of_free_text() {
    let sim = lmstudio().await;
    let text = format!("<tool_call>\n{}\n</tool_call>", json!({"name": "apply_patch", "arguments": {"input": PATCH}}));
    sim.script(Answer::text(text));
    let stand = Stand::start(&local(&sim)).await;
    let told = told_responses(&stand.post(PATH, &codex(&[user("mend it")])).await);
    let calls = told.calls();
    assert_eq!((&calls[0]["kind"], &calls[0]["input"]), (&json!("custom_tool_call"), &json!(PATCH)), "{told:?}");
    assert!(stand.record().await.repairs.iter().any(|said| said.contains("1 call written as text")));
}

#[tokio::test]
async fn every_request_of_a_session_begins_with_the_one_before() {
    let sim = lmstudio().await;
    sim.script(Script::computed(|ask: &Ask| match ask.outcomes.last() {
        Some(outcome) if outcome.text.contains("step 5") => Answer::text("Done."),
        _ => Answer::thinking("Next.").and_call("exec_command", json!({"cmd": format!("step {}", ask.messages)})),
    }));
    let stand = Stand::start(&local(&sim)).await;
    let mut items = vec![user("go on")];
    for step in 1..=5 {
        let told = told_responses(&stand.post(PATH, &codex(&items)).await);
        items.push(json!({"type": "reasoning", "id": "rs", "summary": [{"type": "summary_text", "text": "Next."}],
            "content": null, "encrypted_content": null}));
        items.extend(called(told.calls()[0], &json!(format!("step {step}"))));
    }
    told_responses(&stand.post(PATH, &codex(&items)).await);
    items.push(json!({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Done."}]}));
    items.push(user("thank you"));
    told_responses(&stand.post(PATH, &codex(&items)).await);
    let calls = sim.calls();
    assert_eq!(calls.len(), 7);
    for pair in calls.windows(2) {
        assert_eq!(pair[1].shared_prefix_bytes, pair[0].prompt_bytes, "request {}", pair[1].index);
    }
    sim.verdict().unwrap();
}

#[tokio::test]
async fn the_score_is_taken_from_the_humans_words_alone() {
    let (home, cloud) = (lmstudio().await, anthropic().await);
    let stand = Stand::start(&both(&home, &cloud)).await;
    let project = format!("# AGENTS.md instructions for /srv/app\n\n<INSTRUCTIONS>\n{HARD}\n</INSTRUCTIONS>");
    told_responses(&stand.post(PATH, &codex(&[user(&project), user("say hello")])).await);
    let record = stand.record().await;
    assert_eq!(record.backend.as_deref(), Some("lmstudio"), "{:?}", record.decision);
    told_responses(&stand.post(PATH, &codex(&[user(HARD)])).await);
    assert_eq!(stand.record().await.backend.as_deref(), Some("anthropic"));
    home.verdict().unwrap();
    cloud.verdict().unwrap();
}

#[tokio::test]
async fn thoughts_of_the_cloud_return_as_it_signed_them() {
    let cloud = anthropic().await;
    let thinking = Answer::thinking("The cloud thinks.").and_call("exec_command", json!({"cmd": "ls"}));
    cloud.script(Script::when_text_contains("think", thinking).once());
    cloud.script(Script::after_tool_result("exec_command", Answer::text("Done.")));
    let stand = at(&cloud, "anthropic").await;
    let told = told_responses(&stand.post(PATH, &codex(&[user("think")])).await);
    let sealed = told.content[0]["sealed"].clone();
    assert!(sealed.as_str().is_some_and(|sealed| sealed.starts_with("branchline.signed.")), "{told:?}");
    let mut items = vec![user("think")];
    items.push(json!({"type": "reasoning", "id": "rs", "content": null, "encrypted_content": sealed,
        "summary": [{"type": "summary_text", "text": told.content[0]["thinking"]}]}));
    items.extend(called(told.calls()[0], &json!("a.txt")));
    assert_eq!(told_responses(&stand.post(PATH, &codex(&items)).await).text(), "Done.");
    let signature = sealed.as_str().unwrap().trim_start_matches("branchline.signed.").to_owned();
    assert!(cloud.calls()[1].contains(&signature), "{}", String::from_utf8_lossy(&cloud.calls()[1].raw));
    cloud.verdict().unwrap();
}

#[tokio::test]
async fn pictures_are_described_in_messages_and_results() {
    let sim = seeing().await;
    sim.script(Script::for_model(VISION, Answer::text("A red square.")));
    let stand = Stand::start(&local(&sim)).await;
    let picture = |seed: u8| json!({"type": "input_image", "detail": "high", "image_url": format!("data:image/png;base64,{}", STANDARD.encode(png(seed)))});
    let shown = json!({"type": "message", "role": "user", "content": [
        {"type": "input_text", "text": "<image name=[Image #1] path=\"/tmp/a.png\">"}, picture(1),
        {"type": "input_text", "text": "</image>"}, {"type": "input_text", "text": "what is it?"}]});
    let call =
        json!({"id": "c1", "name": "exec_command", "kind": "function_call", "input": {"cmd": "x"}, "namespace": null});
    let mut items = vec![shown];
    items.extend(called(&call, &json!([picture(2)])));
    told_responses(&stand.post(PATH, &codex(&items)).await);
    assert_eq!(sim.requests_for(VISION).len(), 2);
    let coder = &sim.requests_for(CODER)[0];
    assert!(coder.contains("A red square.") && !coder.contains("image_url"));
    assert_eq!(stand.record().await.images.total, 2);
    sim.verdict().unwrap();
}

#[tokio::test]
async fn a_session_is_known_by_its_header_or_its_cache_key_and_subagents_by_their_thread() {
    let sim = lmstudio().await;
    let stand = Stand::start(&local(&sim)).await;
    stand.post(PATH, &codex(&[user("one")])).await;
    assert_eq!(stand.record().await.session.as_deref(), Some("s-1"));
    let headers = [("session-id", "s-2"), ("thread-id", "t-1"), ("x-openai-subagent", "collab_spawn")];
    stand.post_with(PATH, &codex(&[user("two")]), &headers).await;
    let record = stand.record().await;
    assert_eq!((record.session.as_deref(), record.agent.as_deref()), (Some("s-2"), Some("t-1")));
    assert_eq!(record.decision.kind.as_str(), "subagent");
}

#[tokio::test]
async fn codex_is_kept_waiting_with_events_it_counts() {
    let sim = lmstudio().await;
    let gate = Gate::new();
    sim.script(Answer::text("At last.").head_waits(&gate));
    let stand =
        Stand::start(&format!("server.early_headers_ms = 10\nserver.ping_interval_ms = 100\n{}", local(&sim))).await;
    let mut opened = stand.open(PATH, &codex(&[user("say hello")]), &[]).await;
    let mut text = String::new();
    while text.matches("event: response.in_progress").count() < 4 {
        let piece = opened.0.chunk().await.unwrap().unwrap();
        text.push_str(&String::from_utf8_lossy(&piece));
    }
    gate.open();
    let reply = Opened(opened.0).into_reply().await;
    let told = told_responses(&branchline_tests::Reply { text: text + &reply.text, ..reply });
    assert!(told.pings_before_content >= 3 && told.text() == "At last.", "{told:?}");
}

#[tokio::test]
async fn what_refers_to_something_kept_is_refused_with_a_hint() {
    let sim = lmstudio().await;
    let stand = Stand::start(&local(&sim)).await;
    for (name, value) in
        [("previous_response_id", json!("resp_1")), ("conversation", json!({"id": "c"})), ("background", json!(true))]
    {
        let mut body = respond("say hello");
        body[name] = value;
        let reply = stand.post(PATH, &body).await;
        assert_eq!(reply.status, 400, "{}", reply.text);
        let message = reply.json()["error"]["message"].as_str().unwrap_or_default().to_owned();
        assert!(message.starts_with(name) && message.contains("hint: "), "{message}");
    }
    let mut body = respond("say hello");
    body["store"] = true.into();
    assert_eq!(stand.post(PATH, &body).await.status, 200);
    // Those that were refused have records as well, and any may be the first to be written.
    let is_told = async |stand: &Stand| {
        let records = stand.records().await;
        records.into_iter().find(|record| record.dropped.iter().any(|lost| lost.path == "store"))
    };
    stand.wait_for("a record that says so", is_told).await;
    assert_eq!(sim.calls().len(), 1);
}

#[tokio::test]
async fn a_prompt_that_fits_nowhere_has_the_code_that_makes_codex_compact() {
    let small = Model::llm(CODER).loaded().tools().context(2_000);
    let sim = Sim::lmstudio().model(small).start().await.unwrap();
    let stand = Stand::start(&local(&sim)).await;
    let long = "words and more words ".repeat(2_000);
    let reply = stand.post(PATH, &codex(&[user(&long)])).await;
    assert_eq!(
        (reply.status, &reply.json()["error"]["code"]),
        (400, &json!("context_length_exceeded")),
        "{}",
        reply.text
    );
}

#[tokio::test]
async fn an_answer_cut_at_the_limit_says_so_and_one_that_died_fails() {
    let sim = lmstudio().await;
    let stand = Stand::start(&local(&sim)).await;
    sim.script(Answer::text("half an ans").stop(Stop::MaxTokens));
    let told = told_responses(&stand.post(PATH, &respond_streamed("say hello")).await);
    assert_eq!((told.text().as_str(), &told.stop_reason), ("half an ans", &json!("max_output_tokens")));
    let many = "A rather long answer of many words that is cut in the middle. ".repeat(4);
    sim.script(Answer::text(many).with_fault(Fault::DieAfter { bytes: 900, reset: true }));
    let told = told_responses(&stand.post(PATH, &respond_streamed("say hello")).await);
    assert_eq!(told.error.unwrap()["code"], "server_error");
}

#[tokio::test]
async fn with_the_local_server_gone_the_cloud_answers() {
    let (home, cloud) = (lmstudio().await, anthropic().await);
    let stand = Stand::start(&both(&home, &cloud)).await;
    home.stop().await;
    cloud.script(Answer::text("From the cloud."));
    let told = told_responses(&stand.post(PATH, &codex(&[user("say hello")])).await);
    assert_eq!(told.text(), "From the cloud.");
    assert!(stand.record().await.fallback.is_some());
    cloud.verdict().unwrap();
}

#[tokio::test]
async fn a_search_that_is_all_on_offer_goes_to_who_runs_searches() {
    let (home, cloud) = (lmstudio().await, anthropic().await);
    let stand = Stand::start(&both(&home, &cloud)).await;
    cloud.script(Answer::text("Found."));
    let mut body = respond_streamed("look it up");
    body["tools"] = json!([{"type": "web_search"}]);
    assert_eq!(told_responses(&stand.post(PATH, &body).await).text(), "Found.");
    assert_eq!(cloud.calls()[0].body["tools"][0]["type"], "web_search_20250305");
    assert!(cloud.calls()[0].body["model"] == CLOUD && home.calls().is_empty());
    cloud.verdict().unwrap();
}

#[tokio::test]
async fn the_token_is_taken_from_the_header_codex_is_given() {
    let sim = lmstudio().await;
    let stand = Stand::start(&local(&sim)).await;
    for (name, value) in [("authorization", format!("Bearer {}", stand.token())), ("x-branchline-token", stand.token())]
    {
        let request = stand.http().post(format!("{}{PATH}", stand.url)).header(name, value);
        let request = request.header("content-type", "application/json").body(respond("say hello").to_string());
        assert_eq!(request.send().await.unwrap().status(), 200, "{name}");
    }
}

#[tokio::test]
async fn a_compaction_of_codex_is_known_for_one() {
    let sim = lmstudio().await;
    let stand = Stand::start(&local(&sim)).await;
    let words = "You are performing a CONTEXT CHECKPOINT COMPACTION. Create a handoff summary for another LLM.";
    told_responses(&stand.post(PATH, &codex(&[user("one"), user(words)])).await);
    assert_eq!(stand.record().await.decision.kind.as_str(), "compaction");
}
