//! What people who ran Claude Code on their own models ran into, by the bug reports of such tools, each on every
//! server that has it. The simulators reproduce the bug; the issue numbers say where it was seen.

use branchline_control::commands::connect;
use branchline_sim::{Answer, Ask, Builder, Fault, Gate, Model, Pieces, Script, Sim, Stop};
use branchline_tests::session::{Session, image, png, tools};
use branchline_tests::{Reply, Stand};
use serde_json::{Value, json};

use crate::rig::{
    CLOUD, CODER, VISION, anthropic, ask, ask_streamed, backend, chat, go_on, seeing, text_of, told, with_picture,
};

/// The servers people run at home, by the names of their presets.
const AT_HOME: [&str; 4] = ["lmstudio", "llamacpp", "ollama", "vllm"];
/// The protocols each of them speaks.
const PROTOCOLS: [&str; 2] = ["openai_chat", "anthropic"];
const COUNT: &str = "/v1/messages/count_tokens?beta=true";

fn profile(name: &str) -> Builder {
    match name {
        "lmstudio" => Sim::lmstudio(),
        "llamacpp" => Sim::llamacpp(),
        "ollama" => Sim::ollama(),
        _ => Sim::vllm(),
    }
}

/// A model for the coder's work that sees nothing.
fn coder() -> Model {
    Model::llm(CODER).loaded().tools().context(131_072)
}

async fn server(name: &str, model: Model) -> Sim {
    profile(name).model(model).start().await.unwrap()
}

/// A server at home and an engine that speaks this protocol with it.
async fn at_home(name: &str, protocol: &str, model: Model) -> (Sim, Stand) {
    let sim = server(name, model).await;
    let settings = format!("{}backends.{name}.protocol = \"{protocol}\"\n", backend(name, &sim));
    let stand = Stand::start(&settings).await;
    (sim, stand)
}

fn fine(sim: &Sim, what: &str) {
    sim.verdict().unwrap_or_else(|error| panic!("{what}: {error}: {:#?}", sim.violations()));
}

/// The words with which Claude Code is made to compact.
fn too_long(reply: &Reply) -> bool {
    let body = reply.json();
    let message = body["error"]["message"].as_str().unwrap_or_default();
    reply.status == 400 && message.starts_with("prompt is too long: ") && message.ends_with(" maximum")
}

#[tokio::test]
async fn row_01_the_billing_line_of_a_new_session_costs_no_prompt_cache() {
    for (name, protocol) in AT_HOME.iter().flat_map(|name| PROTOCOLS.map(|protocol| (name, protocol))) {
        let (sim, stand) = at_home(name, protocol, coder()).await;
        for id in ["one-session", "two-session"] {
            let mut session = Session::new(id);
            session.says("say hello");
            go_on(&stand, &mut session).await;
        }
        let calls = sim.calls();
        assert!(calls.iter().all(|call| !call.contains("x-anthropic-billing-header")), "{name} {protocol}");
        assert_eq!(calls[1].shared_prefix_bytes, calls[0].prompt_bytes, "{name} {protocol}");
        fine(&sim, name);
    }
}

#[tokio::test]
async fn row_02_system_messages_in_mid_conversation_reach_every_server() {
    for (name, protocol) in AT_HOME.iter().flat_map(|name| PROTOCOLS.map(|protocol| (name, protocol))) {
        let (sim, stand) = at_home(name, protocol, coder().without_inline_system()).await;
        sim.script(Script::when_text_contains("say hello", Answer::call("Read", json!({"file_path": "/a"}))));
        let mut session = Session::new("inline");
        session.says("say hello");
        go_on(&stand, &mut session).await;
        session.results(vec![(json!("contents"), false)]);
        session.system("Budget: 4000 tokens are left.");
        go_on(&stand, &mut session).await;
        let last = sim.calls().pop().unwrap();
        assert!(
            last.contains("Working folder: /srv/demo") && last.contains("Budget: 4000 tokens"),
            "{name} {protocol}"
        );
        fine(&sim, &format!("{name} {protocol}"));
    }
}

#[tokio::test]
async fn row_02_a_claude_that_knows_no_such_messages_gets_them_folded() {
    let cloud = Sim::anthropic().model(Model::cloud("claude-sonnet-5").without_inline_system()).start().await.unwrap();
    let settings = format!("roles.cloud = \"anthropic:claude-sonnet-5\"\n{}", backend("anthropic", &cloud));
    let stand = Stand::start(&settings).await;
    let mut session = Session::new("old").model("cloud");
    session.says("say hello");
    for text in ["and again", "and once more"] {
        go_on(&stand, &mut session).await;
        session.says(text);
    }
    go_on(&stand, &mut session).await;
    assert!(cloud.calls().last().unwrap().contains("Working folder: /srv/demo"));
    assert_eq!(cloud.calls().len(), 4, "refused once, and that is remembered");
    assert!(stand.record().await.edits.iter().any(|edit| edit.contains("folded")), "and said");
}

#[tokio::test]
async fn row_03_templates_that_want_the_system_message_first_get_it_there() {
    for name in AT_HOME {
        let (sim, stand) = at_home(name, "openai_chat", coder()).await;
        let mut body = chat("first");
        body["messages"] = json!([
            {"role": "user", "content": "first"},
            {"role": "system", "content": "Rule one: be brief."},
            {"role": "assistant", "content": "Yes."},
            {"role": "user", "content": "second"},
            {"role": "system", "content": "Rule two: be kind."}]);
        let reply = stand.post("/v1/chat/completions", &body).await;
        assert_eq!(reply.status, 200, "{name}: {}", reply.text);
        let call = sim.calls().pop().unwrap();
        assert!(call.contains("Rule one") && call.contains("Rule two"), "{name}");
        fine(&sim, name);
    }
}

/// A tool whose schema holds all that grammar compilers choked on.
fn hard_to_compile() -> Value {
    json!([{"name": "Search", "description": "Searches.", "input_schema": {"type": "object", "properties": {
        "query": {"type": "string", "pattern": "^\\d+[A-Z]*$", "maxLength": 100_000},
        "when": {"type": "string", "format": "date-time"},
        "paths": {"type": "array", "items": {"type": "string", "pattern": "^/"}, "maxItems": 20_000}},
        "required": ["query"], "additionalProperties": false}}])
}

#[tokio::test]
async fn row_04_a_schema_no_grammar_can_be_made_of_is_simplified_and_that_is_remembered() {
    for (name, protocol) in ["lmstudio", "llamacpp"].iter().flat_map(|name| PROTOCOLS.map(|protocol| (*name, protocol)))
    {
        let refusing = profile(name).refuse_schema_keyword("pattern").refuse_schema_keyword("format");
        let refusing = refusing.refuse_schema_keyword("additionalProperties").refuse_repetitions_over(2_000);
        let sim = refusing.model(coder()).start().await.unwrap();
        sim.script(Script::always(Answer::call("Search", json!({"query": "7A"}))));
        let settings = format!("{}backends.{name}.protocol = \"{protocol}\"\n", backend(name, &sim));
        let stand = Stand::start(&settings).await;
        let mut body = ask_streamed("search for 7A");
        body["tools"] = hard_to_compile();
        for _ in 0..2 {
            let told = told(&stand.post("/v1/messages", &body).await);
            assert_eq!(told.calls()[0]["input"], json!({"query": "7A"}), "{name}");
        }
        let statuses: Vec<_> = sim.calls().iter().map(|call| call.status.unwrap()).collect();
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 2, "{name}: {statuses:?}");
        assert_eq!(statuses.last_chunk(), Some(&[200, 200]), "{name}: asked only once in vain, {statuses:?}");
        let record = stand.record().await;
        let said = |word: &str| record.dropped.iter().any(|dropped| format!("{dropped:?}").contains(word));
        assert!(said("pattern") && said("format"), "{name}: {:?}", record.dropped);
        fine(&sim, name);
    }
}

#[tokio::test]
async fn row_05_pictures_in_tool_results_reach_a_model_that_sees() {
    for (name, protocol) in AT_HOME.iter().flat_map(|name| PROTOCOLS.map(|protocol| (name, protocol))) {
        let sees = Model::vlm(VISION).loaded().tools().context(131_072);
        let sim = server(name, sees).await;
        let settings = format!(
            "roles.coder = \"{name}:{VISION}\"\n{}backends.{name}.protocol = \"{protocol}\"\naliases.sees.model = \"{name}:{VISION}\"\n\
             aliases.sees.capabilities.vision = true\n",
            backend(name, &sim)
        );
        let stand = Stand::start(&settings).await;
        sim.script(Script::when_text_contains("read it", Answer::call("Read", json!({"file_path": "/a.png"}))));
        let mut session = Session::new("lift").model("sees");
        session.says("read it");
        go_on(&stand, &mut session).await;
        session.results(vec![(json!([{"type": "text", "text": "the file"}, image(&png(3))]), false)]);
        go_on(&stand, &mut session).await;
        let data = image(&png(3))["source"]["data"].as_str().unwrap().to_owned();
        let last = sim.calls().pop().unwrap();
        assert!(last.contains(&data) && last.contains("the file"), "{name} {protocol}");
        fine(&sim, &format!("{name} {protocol}"));
    }
}

#[tokio::test]
async fn row_06_pictures_are_described_by_themselves_once_and_never_at_the_price_of_the_turn() {
    let sim = seeing().await;
    sim.script(Script::for_model(VISION, Answer::fault(Fault::status(500, "out of memory"))).once());
    sim.script(Script::for_model(VISION, Answer::text("A red button.")));
    sim.script(Script::for_model(CODER, Answer::text("Seen.")));
    let stand = Stand::start(&format!("{}backends.lmstudio.retry_attempts = 0\n", backend("lmstudio", &sim))).await;
    let asked = || async { text_of(&stand.post("/v1/messages", &with_picture("what is it?", 1)).await) };
    for _ in 0..3 {
        assert_eq!(asked().await, "Seen.");
    }
    let read = sim.requests_for(CODER);
    assert!(read[0].contains("<<IMAGE: not described"), "it fails open");
    assert!(read[1].contains("A red button.>>") && read[2].contains("A red button.>>"));
    assert_eq!(sim.requests_for(VISION).len(), 2, "once in vain, once for good");
    let helpless = |call: &branchline_sim::Received| call.body.get("tools").is_none();
    assert!(read.iter().all(helpless), "no tool is needed for it");
    fine(&sim, "described");
}

#[tokio::test]
async fn row_07_a_turn_with_a_picture_can_go_to_the_model_that_sees() {
    let sim = seeing().await;
    sim.script(Script::for_model(VISION, Answer::text("I see a stack trace.")));
    let stand = Stand::start(&format!("{}vision.mode = \"route\"\n", backend("lmstudio", &sim))).await;
    let reply = stand.post("/v1/messages", &with_picture("what is wrong?", 1)).await;
    assert_eq!(text_of(&reply), "I see a stack trace.");
    assert_eq!(reply.header("x-branchline-model"), format!("lmstudio:{VISION}"));
    assert!(sim.requests_for(CODER).is_empty());
    fine(&sim, "routed");
}

/// A picture of so many bytes.
fn large_png(bytes: usize) -> Vec<u8> {
    let small = png(1);
    // Behind signature and header stands a text chunk; this one is as long as it has to be.
    let (head, tail) = small.split_at(33);
    let length = u32::try_from(bytes).unwrap().to_be_bytes();
    let mut large = head.to_vec();
    large.extend_from_slice(&length);
    large.extend_from_slice(b"tEXt");
    large.extend((0..bytes).map(|at| u8::try_from(at % 251).unwrap()));
    large.extend_from_slice(&[0; 4]);
    large.extend_from_slice(tail);
    large
}

#[tokio::test]
async fn row_08_large_pictures_are_not_too_large() {
    let sim = seeing().await;
    let stand = Stand::start(&backend("lmstudio", &sim)).await;
    // Three of 9 MB: 36 MB of base64, more than Anthropic itself would take.
    let pictures = [9_000_000, 9_000_001, 9_000_002].map(|bytes| image(&large_png(bytes)));
    let mut body = ask("what is different?");
    let content = pictures.into_iter().chain([json!({"type": "text", "text": "what is different?"})]);
    body["messages"][0]["content"] = content.collect();
    let reply = stand.post("/v1/messages", &body).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_eq!(sim.requests_for(VISION).len(), 3);
    assert_eq!(stand.record().await.images.described, 3);
    body["model"] = json!(format!("lmstudio:{VISION}"));
    assert_eq!(stand.post("/v1/messages", &body).await.status, 200, "nor for a model that sees by itself");
    assert_eq!(sim.calls().last().unwrap().raw.len() / 1_000_000, 36);
    fine(&sim, "large");
}

/// What Claude Code asks when its model called WebSearch.
fn search() -> Value {
    let mut body = ask_streamed("Perform a web search for the query: rust async traits");
    body["tools"] = json!([{"type": "web_search_20250305", "name": "web_search", "max_uses": 8}]);
    body["tool_choice"] = json!({"type": "auto"});
    body
}

#[tokio::test]
async fn row_09_a_web_search_is_made_where_it_can_be_made() {
    let (home, cloud) = (server("lmstudio", coder()).await, anthropic().await);
    let found = Answer::text("I search.").and_search("rust async traits", "https://example.org/a", "Async traits");
    cloud.script(Script::when(
        |ask: &Ask| ask.body["tools"][0]["name"] == "web_search",
        found.and_text("They are stable."),
    ));
    let settings = format!("{}{}routing.threshold = 100\n", backend("lmstudio", &home), backend("anthropic", &cloud));
    let stand = Stand::start(&settings).await;
    let told = told(&stand.post("/v1/messages", &search()).await);
    let kinds: Vec<_> = told.content.iter().map(|block| block["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["text", "server_tool_use", "web_search_tool_result", "text"]);
    assert_eq!(told.content[2]["content"][0]["url"], "https://example.org/a");
    assert!(home.calls().is_empty());
    fine(&cloud, "search");
}

#[tokio::test]
async fn row_09_without_a_cloud_a_web_search_ends_at_once_and_says_why() {
    let (sim, stand) = at_home("lmstudio", "openai_chat", coder()).await;
    sim.script(Script::always(Answer::text("I know of async traits from memory only.")));
    let told = told(&stand.post("/v1/messages", &search()).await);
    assert!(told.complete && told.calls().is_empty(), "{told:?}");
    let record = stand.record().await;
    let said = |reason: &String| reason == "no cloud model is set up";
    assert!(record.decision.reasons.iter().any(said), "{:?}", record.decision.reasons);
    assert!(record.dropped.iter().any(|dropped| dropped.path == "tools[0]"), "{:?}", record.dropped);
    assert!(sim.calls()[0].contains("nothing was searched"), "or it would make up what it found");
    fine(&sim, "no search");
}

#[tokio::test]
async fn row_10_fifty_counts_at_once_are_answered_while_the_model_works() {
    for name in AT_HOME {
        let sim = server(name, coder()).await;
        let stand = Stand::start(&format!("{}backends.{name}.concurrency = 1\n", backend(name, &sim))).await;
        let gate = Gate::new();
        sim.script(Script::when_text_contains("work for long", Answer::text("Done.").head_waits(&gate)));
        let (working, body) = (ask_streamed("work for long"), counted("one"));
        let working = stand.post("/v1/messages", &working);
        let counting = async {
            sim.wait_for_call(1).await.unwrap();
            let counts = (0..50).map(|_| stand.post(COUNT, &body));
            let counts = futures_util::future::join_all(counts).await;
            gate.open();
            counts
        };
        let (worked, counts) = tokio::join!(working, counting);
        assert_eq!(told(&worked).text(), "Done.");
        for reply in counts {
            assert!(reply.status == 200 && reply.json()["input_tokens"].as_u64() > Some(500), "{name} {}", reply.text);
        }
        assert_eq!(sim.calls().len(), 1, "{name}: no model is asked to count");
        let asked = sim.requests().iter().filter(|request| request.body.get("messages").is_some()).count() - 1;
        assert!(asked <= 4, "{name}: the same question was asked {asked} times");
        fine(&sim, name);
    }
}

/// A request to be counted, with system, tools and a short message.
fn counted(id: &str) -> Value {
    let mut session = Session::new(id);
    session.says("say hello");
    let mut body = session.body();
    for field in ["stream", "metadata", "context_management", "max_tokens"] {
        body.as_object_mut().unwrap().remove(field);
    }
    body
}

#[tokio::test]
async fn row_11_counts_hold_the_system_prompt_and_the_tools() {
    for name in AT_HOME {
        let (sim, stand) = at_home(name, "openai_chat", coder()).await;
        let mut session = Session::new("one");
        session.says("say hello");
        go_on(&stand, &mut session).await;
        let real = sim.calls()[0].prompt_tokens;
        let count = async |body: &Value| stand.post(COUNT, body).await.json()["input_tokens"].as_u64().unwrap();
        let whole = count(&counted("one")).await;
        let mut bare = counted("one");
        bare.as_object_mut().unwrap().retain(|key, _| key == "model" || key == "messages");
        assert!(whole * 100 >= real * 95 && whole * 100 <= real * 110, "{name}: {whole} counted, {real} read");
        assert!(count(&bare).await * 3 < whole, "{name}: system and tools are most of it");
    }
}

#[tokio::test]
async fn row_12_a_prompt_over_the_window_makes_the_client_compact_or_goes_where_it_fits() {
    let long = "the quick brown fox jumps over the lazy dog. ".repeat(5_000);
    for name in AT_HOME {
        let (sim, stand) = at_home(name, "openai_chat", Model::llm(CODER).loaded().tools().context(32_768)).await;
        let reply = stand.post("/v1/messages", &ask_streamed(&long)).await;
        assert!(too_long(&reply), "{name}: {} {}", reply.status, reply.text);
        assert!(reply.text.contains("> 32512 maximum"), "{name}: room for the answer is left: {}", reply.text);
        assert!(sim.calls().is_empty(), "{name}: minutes of reading for nothing");
        let cloud = anthropic().await;
        let settings = format!("{}{}", backend(name, &sim), backend("anthropic", &cloud));
        let stand = Stand::start(&settings).await;
        let reply = stand.post("/v1/messages", &ask_streamed(&long)).await;
        assert_eq!(reply.header("x-branchline-model"), format!("anthropic:{CLOUD}"), "{name}: {}", reply.text);
    }
}

#[tokio::test]
async fn row_13_the_client_is_told_a_small_window_in_the_way_it_obeys() {
    let sim = server("lmstudio", Model::llm(CODER).loaded().tools().context(65_536)).await;
    let stand = Stand::start(&backend("lmstudio", &sim)).await;
    let vars = connect::env(&stand.engine, connect::EnvReq::default()).await.unwrap().vars;
    let value = |name: &str| vars.iter().find(|var| var.name == name).map(|var| var.value.as_str());
    // It keeps 13,000 tokens free above the answer; an eighth of this window is enough.
    assert_eq!(value("CLAUDE_CODE_MAX_CONTEXT_TOKENS"), Some("70344"));
    assert_eq!(value("CLAUDE_CODE_AUTO_COMPACT_WINDOW"), None, "it is raised to 100000 and would not fit");
    for name in ["ANTHROPIC_MODEL", "ANTHROPIC_DEFAULT_SONNET_MODEL", "ANTHROPIC_DEFAULT_HAIKU_MODEL"] {
        assert!(value(name).is_some_and(|model| !model.contains("claude")), "the window of a claude is not believed");
    }
}

#[tokio::test]
async fn row_14_ollama_never_cuts_a_prompt_without_a_word() {
    let model = || Model::llm("qwen3:8b").tools().context(4_096).max_context(131_072);
    let long = "the quick brown fox jumps over the lazy dog. ".repeat(1_200);
    let sim = server("ollama", model()).await;
    let stand = Stand::start(&backend("ollama", &sim)).await;
    let reply = stand.post("/v1/messages", &ask_streamed(&long)).await;
    assert!(too_long(&reply) && reply.text.contains("> 4096 maximum"), "{}", reply.text);
    assert!(sim.calls().is_empty());
    for path in ["/v1/messages", "/v1/chat/completions"] {
        let sim = server("ollama", model()).await;
        let stand = Stand::start(&format!("{}backends.ollama.context_length = 65536\n", backend("ollama", &sim))).await;
        let mut body = if path == "/v1/messages" { ask(&long) } else { chat(&long) };
        body["model"] = "local".into();
        assert_eq!(stand.post(path, &body).await.status, 200, "{path}");
        let call = sim.calls().pop().unwrap();
        assert_eq!((call.path.as_str(), &call.body["options"]["num_ctx"]), ("/api/chat", &json!(65_536)), "{path}");
        assert!(call.prompt_tokens > 8_000, "{path}: all of it was read");
        fine(&sim, path);
    }
}

#[tokio::test]
async fn row_15_while_a_prompt_is_read_the_client_hears_events_and_not_comments() {
    let ping = branchline_settings::Settings::default().server.ping_interval_ms;
    assert!(ping <= 10_000, "Claude Code gives up after 15 s without an event: {ping}");
    for (name, protocol) in AT_HOME.iter().flat_map(|name| PROTOCOLS.map(|protocol| (name, protocol))) {
        for at_head in [true, false] {
            let sim = server(name, coder()).await;
            let settings = format!(
                "server.early_headers_ms = 10\nserver.ping_interval_ms = 20\n{}backends.{name}.protocol = \"{protocol}\"\n",
                backend(name, &sim)
            );
            let stand = Stand::start(&settings).await;
            let gate = Gate::new();
            let answer = Answer::text("At last.");
            sim.script(if at_head { answer.head_waits(&gate) } else { answer.body_waits(&gate) });
            let mut opened = stand.open("/v1/messages", &ask_streamed("say hello"), &[]).await;
            let mut text = String::new();
            while text.matches("event: ping\ndata: {\"type\":\"ping\"}\n\n").count() < 3 {
                text.push_str(&String::from_utf8_lossy(&opened.0.chunk().await.unwrap().unwrap()));
            }
            assert!(!text.contains("\n:") && !text.starts_with(':'), "{name}: comments do not count: {text}");
            gate.open();
            let rest = opened.into_reply().await;
            let told = told(&Reply { text: text + &rest.text, ..rest });
            assert_eq!((told.text().as_str(), told.complete), ("At last.", true), "{name} {protocol}");
        }
    }
}

#[tokio::test]
async fn row_16_a_long_prefill_is_not_taken_for_a_dead_server() {
    for name in AT_HOME {
        for (at_head, after_role) in [(true, false), (false, false), (false, true)] {
            let sim = server(name, coder()).await;
            // Inside an answer this server may be silent for 50 ms; before its first word it reads.
            let settings = format!(
                "server.early_headers_ms = 10\nserver.ping_interval_ms = 60\n{}backends.{name}.idle_timeout_ms = 50\n\
                 backends.{name}.first_byte_timeout_ms = 60000\n",
                backend(name, &sim)
            );
            let stand = Stand::start(&settings).await;
            let gate = Gate::new();
            let answer = Answer::text("At last.").pieces(Pieces::Whole);
            sim.script(match (at_head, after_role) {
                (true, _) => answer.head_waits(&gate),
                (_, false) => answer.body_waits(&gate),
                _ => answer.waits_after(0, &gate),
            });
            let mut opened = stand.open("/v1/messages", &ask_streamed("say hello"), &[]).await;
            let mut text = String::new();
            while text.matches("event: ping").count() < 5 {
                text.push_str(&String::from_utf8_lossy(&opened.0.chunk().await.unwrap().unwrap()));
                assert!(!text.contains("event: error"), "{name} {at_head} {after_role}: {text}");
            }
            gate.open();
            let rest = opened.into_reply().await;
            let told = told(&Reply { text: text + &rest.text, ..rest });
            assert_eq!((told.text().as_str(), told.complete), ("At last.", true), "{name}");
            assert_eq!(sim.calls().len(), 1, "{name}: it was asked again in the meantime");
        }
    }
}

#[tokio::test]
async fn row_17_calls_written_as_text_are_calls_on_every_server() {
    let texts = [
        "<tool_call>\n<function=Read>\n<parameter=file_path>\n/a.rs\n</parameter>\n<parameter=limit>\n20\n</parameter>\n</function>\n</tool_call>",
        "<function=Read>\n<parameter=file_path>\n/a.rs\n</parameter>\n<parameter=limit>\n20\n</parameter>\n</function>\n</tool_call>",
        "<tool_call>\n{\"name\": \"Read\", \"arguments\": {\"file_path\": \"/a.rs\", \"limit\": \"20\"}}\n</tool_call>",
    ];
    for (name, protocol) in AT_HOME.iter().flat_map(|name| PROTOCOLS.map(|protocol| (name, protocol))) {
        let (sim, stand) = at_home(name, protocol, coder()).await;
        for text in texts {
            for streamed in [true, false] {
                sim.script(Answer::text("I look.\n").and_text(text).pieces(Pieces::Chars(5)));
                let mut body = ask_streamed("look");
                body["tools"] = tools();
                body["stream"] = streamed.into();
                let call = the_call(&stand.post("/v1/messages", &body).await);
                let wanted = json!({"file_path": "/a.rs", "limit": 20});
                assert_eq!(call, Some(("Read".into(), wanted)), "{name} {protocol} {streamed} {text}");
            }
        }
        fine(&sim, name);
    }
}

/// The name and the arguments of the one call of an answer.
fn the_call(reply: &Reply) -> Option<(String, Value)> {
    let content = match reply.json()["content"].as_array() {
        Some(content) => content.clone(),
        None => told(reply).content,
    };
    let call = content.into_iter().find(|block| block["type"] == "tool_use")?;
    Some((call["name"].as_str()?.to_owned(), call["input"].clone()))
}

#[tokio::test]
async fn row_18_no_arguments_are_an_empty_object() {
    for (name, protocol) in AT_HOME.iter().flat_map(|name| PROTOCOLS.map(|protocol| (name, protocol))) {
        let (sim, stand) = at_home(name, protocol, coder()).await;
        let ways: &[&str] = if *protocol == *"anthropic" { &["", "{}"] } else { &["", "{}", "null"] };
        for arguments in ways {
            for streamed in [true, false] {
                sim.script(Answer::default().and_raw_call("Now", *arguments));
                let mut body = ask_streamed("what time is it?");
                body["tools"] = json!([{"name": "Now", "description": "The time.", "input_schema": {"type": "object", "properties": {}}}]);
                body["stream"] = streamed.into();
                let reply = stand.post("/v1/messages", &body).await;
                assert_eq!(
                    the_call(&reply),
                    Some(("Now".into(), json!({}))),
                    "{name} {protocol} {streamed} {arguments:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn row_18_arguments_that_can_mean_one_thing_only_are_mended_while_they_stream() {
    let broken = [
        (r"{'file_path': '/a.rs', 'limit': 5,}", json!({"file_path": "/a.rs", "limit": 5}), "mended"),
        ("{\"file_path\": \"/a\n.rs\"", json!({"file_path": "/a\n.rs"}), "mended"),
        (r#"{"file_path": "/a.rs", "limit": "5"}"#, json!({"file_path": "/a.rs", "limit": 5}), "types of the schema"),
        (r#""{\"file_path\": \"/a.rs\"}""#, json!({"file_path": "/a.rs"}), "mended"),
    ];
    for (name, protocol) in AT_HOME.iter().flat_map(|name| PROTOCOLS.map(|protocol| (name, protocol))) {
        let (sim, stand) = at_home(name, protocol, coder()).await;
        for (arguments, meant, words) in &broken {
            for pieces in [Pieces::Chars(1), Pieces::Chars(5), Pieces::Whole] {
                // An answer in Anthropic's protocol that came whole cannot hold broken JSON.
                for streamed in [true, false].into_iter().filter(|streamed| *streamed || protocol != "anthropic") {
                    let call = Answer::text("I read.").and_raw_call("Read", *arguments).stop(Stop::ToolUse);
                    sim.script(call.pieces(pieces));
                    let mut body = ask_streamed("read it");
                    body["tools"] = tools();
                    body["stream"] = streamed.into();
                    let reply = stand.post("/v1/messages", &body).await;
                    let what = format!("{name} {protocol} {streamed} {arguments}: {}", reply.text);
                    assert_eq!(the_call(&reply), Some(("Read".into(), meant.clone())), "{what}");
                    assert!(reply.text.contains("\"stop_reason\":\"tool_use\""), "{what}");
                    let repairs = stand.record().await.repairs;
                    assert!(repairs.iter().any(|said| said.contains(words)), "{what}: {repairs:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn row_18_a_call_without_the_arguments_it_was_cut_off_before_is_not_called() {
    for (name, protocol) in AT_HOME.iter().flat_map(|name| PROTOCOLS.map(|protocol| (name, protocol))) {
        let (sim, stand) = at_home(name, protocol, coder()).await;
        for streamed in [true, false] {
            sim.script(Answer::text("I list.").and_raw_call("Now", "").stop(Stop::MaxTokens));
            let mut body = ask_streamed("what time is it?");
            body["tools"] = json!([{"name": "Now", "description": "The time.", "input_schema": {"type": "object", "properties": {}}}]);
            body["stream"] = streamed.into();
            let reply = stand.post("/v1/messages", &body).await;
            assert_eq!(the_call(&reply), None, "{name} {protocol} {streamed}: {}", reply.text);
            assert!(reply.text.contains("\"stop_reason\":\"max_tokens\""), "{name} {protocol}: {}", reply.text);
        }
    }
}

#[tokio::test]
async fn row_18_broken_arguments_never_become_a_call_without_arguments() {
    let broken = [
        ("{\"file_path\": \"/a.rs\", \"content\": \"fn ma", Stop::MaxTokens),
        ("{\"file_path\": \"/a.rs\", \"content\": \"fn ma", Stop::ToolUse),
        ("{\"file_path\": \"/a.rs\", \"content\": \"say \"hi\"\"}", Stop::ToolUse),
    ];
    for name in AT_HOME {
        let (sim, stand) = at_home(name, "openai_chat", coder()).await;
        for (arguments, stop) in &broken {
            for streamed in [true, false] {
                sim.script(Answer::text("I write.").and_raw_call("Write", *arguments).stop(stop.clone()));
                let mut body = ask_streamed("write it");
                body["tools"] = tools();
                body["stream"] = streamed.into();
                let reply = stand.post("/v1/messages", &body).await;
                let what = format!("{name} {streamed} {arguments}: {}", reply.text);
                // Claude Code keeps under this name what it cannot parse, and tells the model so.
                if streamed {
                    let deltas = reply.events();
                    let pieces = deltas.iter().filter_map(|event| event["delta"]["partial_json"].as_str());
                    assert_eq!(pieces.collect::<String>(), *arguments, "{what}");
                } else {
                    let (_, input) = the_call(&reply).unwrap();
                    assert_eq!(input, json!({"__unparsedToolInput": {"raw": arguments}}), "{what}");
                }
                // SDKs read what there is of a cut call as if it were whole; the reason tells them that it is not.
                let limited = reply.text.contains("\"stop_reason\":\"max_tokens\"");
                assert_eq!(limited, arguments.ends_with("fn ma"), "{what}");
                let repairs = stand.record().await.repairs;
                assert!(repairs.iter().any(|said| said.contains("arguments of 1 call")), "{what}: {repairs:?}");
            }
        }
    }
}
