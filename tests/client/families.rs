//! The real Claude Code writes files through every local server while the model writes its calls as text, each time in the
//! way of another family (`wire/src/recover/families`): one session per server, one file per family.

#![expect(clippy::unwrap_used, reason = "the steps of a test: what cannot be had fails it")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use branchline_control::commands::connect;
use branchline_sim::{Answer, Builder, Model, Pieces, Script, Sim};
use branchline_tests::Stand;
use branchline_tests::claude::{ClaudeCli, ClaudeCode};
use branchline_tests::client::ready_or_skip;
use serde_json::json;

/// The longest a session of all families takes on a busy machine.
const LIMIT: Duration = Duration::from_secs(300);
const MODEL: &str = "some/coder";
/// With quotes, tags, lines and blanks at their beginnings, as source code has them.
const CONTENT: &str = "fn main() {\n    println!(\"<b>{}</b>\", 'x'); // a & b\n}";

#[tokio::test(flavor = "multi_thread")]
async fn every_family_writes_its_file_through_lm_studio() {
    every_family("lmstudio", Sim::lmstudio(), "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_family_writes_its_file_through_llama_cpp() {
    every_family("llamacpp", Sim::llamacpp(), "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_family_writes_its_file_through_ollamas_own_endpoint() {
    every_family("ollama", Sim::ollama(), "context_length = 131072\n").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_family_writes_its_file_through_vllm() {
    every_family("vllm", Sim::vllm(), "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_family_writes_its_file_through_lm_studios_own_messages() {
    every_family("lmstudio", Sim::lmstudio(), "protocol = \"anthropic\"\n").await;
}

async fn every_family(name: &str, server: Builder, more: &str) {
    let Some(cli) = ready_or_skip(ClaudeCli::find().await) else { return };
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("work");
    let sim = server.model(Model::llm(MODEL).loaded().tools().context(131_072)).start().await.unwrap();
    let path = |at: usize| folder.join(format!("file-{at}.rs")).display().to_string();
    let texts: Vec<_> = (0..).map_while(|at| families(&path(at)).into_iter().nth(at)).collect();
    let names: Vec<_> = texts.iter().map(|(name, _)| *name).collect();
    let (count, asked) = (names.len(), Arc::new(AtomicUsize::new(0)));
    sim.script(Script::computed(move |ask| {
        if ask.tool("Write").is_none() {
            return Answer::text("No.");
        }
        let text = texts.get(asked.fetch_add(1, Ordering::SeqCst)).map(|(_, text)| text.clone());
        Answer::text(text.unwrap_or_else(|| "All are written.".to_owned())).pieces(Pieces::Chars(7))
    }));
    let settings = format!(
        "roles.coder = \"{name}:{MODEL}\"\n[backends.{name}]\nbase_url = \"{}\"\nretry_attempts = 0\n{more}",
        sim.url()
    );
    let stand = Stand::start(&settings).await;
    let run = ClaudeCode::new(&cli, &stand.url, &stand.token(), home.path()).prompt("write all the files");
    let run = run.args(["--permission-mode", "acceptEdits", "--allowedTools", "Write"]);
    let told = connect::env(&stand.engine, connect::EnvReq::default()).await.unwrap();
    let run = told.vars.into_iter().fold(run, |run, var| run.env(var.name, var.value));
    let outcome = run.run(LIMIT).await.unwrap();
    for (at, family) in names.iter().enumerate() {
        let written = std::fs::read_to_string(path(at)).unwrap_or_default();
        assert_eq!(written, CONTENT, "{name}: {family} ({at} of {count}): {outcome:#?}");
    }
    assert_eq!(outcome.stdout.trim(), "All are written.", "{name}");
    let records = stand.records().await;
    let repaired =
        records.iter().filter(|record| record.repairs.iter().any(|said| said.contains("1 call written as text")));
    assert_eq!(repaired.count(), count, "{name}: each is said in the log");
    assert_eq!(sim.violations(), [], "{name}");
}

/// A call of `Write` for this path as each family writes it.
fn families(path: &str) -> Vec<(&'static str, String)> {
    let arguments = json!({"file_path": path, "content": CONTENT}).to_string();
    let [mut all, more] = [json_families(&arguments), tagged_families(path)];
    all.extend(more);
    all.extend(deepseek(path, &arguments));
    all.extend(code_families(path));
    all.extend(channel_families(path, &arguments));
    all
}

/// Those that write JSON between marks.
fn json_families(a: &str) -> Vec<(&'static str, String)> {
    let call = format!("{{\"name\": \"Write\", \"arguments\": {a}}}");
    let parameters = format!("{{\"name\": \"Write\", \"parameters\": {a}}}");
    let command = format!("{{\"tool_name\": \"Write\", \"parameters\": {a}}}");
    vec![
        ("hermes", format!("<tool_call>\n{call}\n</tool_call>")),
        ("hermes behind thoughts", format!("<think>\nI write it.\n</think>\n\n<tool_call>\n{call}\n</tool_call>")),
        ("hermes behind text", format!("I write it now.\n\n<tool_call>\n{call}\n</tool_call>")),
        ("mistral nemo", format!("[TOOL_CALLS][{{\"name\": \"Write\", \"arguments\": {a}, \"id\": \"123456789\"}}]")),
        ("devstral", format!("[TOOL_CALLS]Write[ARGS]{a}")),
        ("mistral small", format!("[TOOL_CALLS]Write[CALL_ID]123456789[ARGS]{a}")),
        ("llama", format!("<|python_tag|>{parameters}")),
        ("llama, bare", parameters.clone()),
        ("llama, typed", format!("{{\"type\": \"function\", \"name\": \"Write\", \"parameters\": {a}}}<|eot_id|>")),
        ("functionary 3.1", format!("<function=Write>{a}</function>")),
        ("functionary 3.2", format!(">>>Write\n{a}")),
        ("firefunction", format!(" functools[{call}]")),
        ("minimax m1", format!("<tool_calls>[{call}]</tool_calls>")),
        ("command a", format!("<|START_ACTION|>[{{\"tool_call_id\": \"0\", {}]<|END_ACTION|>", &command[1..])),
        ("command r+", format!("Action: ```json\n[{command}]\n```")),
        ("nemotron", format!("<TOOLCALL>[{call}]</TOOLCALL>")),
        ("granite 20b", format!("<function_call> {call}")),
        ("granite 3", format!("<|tool_call|>[{call}]")),
        ("apertus", format!("<|tools_prefix|>[{{\"Write\": {a}}}]<|tools_suffix|>")),
        ("internlm", format!("<|action_start|><|plugin|>\n{parameters}<|action_end|>")),
        ("gigachat", format!("<|message_sep|>\n\nfunction call<|role_sep|>\n{call}")),
        ("longcat", format!("<longcat_tool_call>{call}</longcat_tool_call>")),
        ("k2 horizon, json", format!("<ifm|tool_calls><ifm|tool_call>{call}</ifm|tool_call></ifm|tool_calls>")),
        (
            "inkling",
            format!(
                "<|message_model|>Write<|content_invoke_tool_json|>{{\"name\":\"Write\",\"args\":{a}}}<|end_message|>"
            ),
        ),
        ("lm studio", format!("[TOOL_REQUEST]{call}[END_TOOL_REQUEST]")),
        ("xlam", format!("[{call}]")),
        ("xlam, fenced", format!("```json\n[{call}]\n```")),
        ("groq, failed", format!("Write{a}</function>")),
        ("groq, tool-use", format!("<tool-use>{{\"tool_calls\":[{call}]}}</tool-use>")),
    ]
}

/// Those that put each argument between tags of its own.
fn tagged_families(p: &str) -> Vec<(&'static str, String)> {
    let c = CONTENT;
    let xml = format!(
        "<function=Write>\n<parameter=file_path>\n{p}\n</parameter>\n<parameter=content>\n{c}\n</parameter>\n</function>"
    );
    let invoke = |open: &str, close: &str| {
        format!(
            "<{open}invoke name=\"Write\">\n<{open}parameter name=\"file_path\">{p}</{close}parameter>\n\
             <{open}parameter name=\"content\">{c}</{close}parameter>\n</{close}invoke>"
        )
    };
    let keyed = |key: &str, value: &str| {
        format!("<{key}>file_path</{key}><{value}>{p}</{value}><{key}>content</{key}><{value}>{c}</{value}>")
    };
    let plain = keyed("arg_key", "arg_value");
    let m3 = "]<]minimax[>[";
    vec![
        ("qwen3-coder", format!("<tool_call>\n{xml}\n</tool_call>")),
        ("qwen3-coder, unopened", format!("{xml}\n</tool_call>")),
        ("seed-oss", format!("<seed:tool_call>\n{xml}\n</seed:tool_call>")),
        (
            "glm 4.5",
            format!(
                "<tool_call>Write\n<arg_key>file_path</arg_key>\n<arg_value>{p}</arg_value>\n<arg_key>content</arg_key>\n\
                 <arg_value>{c}</arg_value>\n</tool_call>"
            ),
        ),
        ("glm 4.7", format!("<tool_call>Write{plain}</tool_call>")),
        ("hunyuan 3", format!("<tool_calls><tool_call>Write<tool_sep>{plain}</tool_call></tool_calls>")),
        ("hunyuan 4", format!("<tool_calls><tool_call>Write{plain}</tool_call></tool_calls>")),
        (
            "hunyuan, open",
            format!(
                "<tool_calls:opensource><tool_call:opensource>Write<tool_sep:opensource>{}</tool_call:opensource></tool_calls:opensource>",
                keyed("arg_key:opensource", "arg_value:opensource")
            ),
        ),
        ("iquest", format!("<iquest_tool_call>Write{plain}</iquest_tool_call>")),
        (
            "k2 horizon",
            format!(
                "<ifm|tool_calls><ifm|tool_call>Write{}</ifm|tool_call></ifm|tool_calls>",
                keyed("ifm|arg_key", "ifm|arg_value")
            ),
        ),
        ("minimax m2", format!("<minimax:tool_call>\n{}\n</minimax:tool_call>", invoke("", ""))),
        (
            "minimax m3",
            format!(
                "{m3}<tool_call>\n{m3}<invoke name=\"Write\">{m3}<file_path>{p}{m3}</file_path>{m3}<content>{c}{m3}</content>\
                 {m3}</invoke>\n{m3}</tool_call>"
            ),
        ),
        ("dots", format!("<dots_function_call>\n{}\n</dots_function_call>", invoke("", ""))),
        (
            "muse",
            format!(
                "<|start|>assistant to=tools<|message|><atem:function_calls>{}</atem:function_calls>",
                invoke("atem:", "atem:")
            ),
        ),
        (
            "minicpm",
            format!(
                "<function name=\"Write\"><param name=\"file_path\">{p}</param><param name=\"content\">{c}</param></function>"
            ),
        ),
    ]
}

fn deepseek(p: &str, a: &str) -> Vec<(&'static str, String)> {
    let c = CONTENT;
    let dsml = |block: &str, space: &str| {
        let tag = format!("｜DSML｜{space}");
        format!(
            "<{tag}{block}>\n<{tag}invoke name=\"Write\">\n<{tag}parameter name=\"file_path\" string=\"true\">{p}</{tag}parameter>\n\
             <{tag}parameter name=\"content\" string=\"true\">{c}</{tag}parameter>\n</{tag}invoke>\n</{tag}{block}>"
        )
    };
    let (begin, end) = ("<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>", "<｜tool▁call▁end｜><｜tool▁calls▁end｜>");
    vec![
        ("deepseek v3", format!("{begin}function<｜tool▁sep｜>Write\n```json\n{a}\n```{end}")),
        ("deepseek v3.1", format!("{begin}Write<｜tool▁sep｜>{a}{end}")),
        ("deepseek v3.2", dsml("function_calls", "")),
        ("deepseek v4", dsml("tool_calls", "")),
        ("deepseek v4.1", dsml("calls", " ")),
    ]
}

/// Those that write a line of Python, or nearly.
fn code_families(p: &str) -> Vec<(&'static str, String)> {
    let python = format!("Write(file_path={}, content={})", json!(p), json!(CONTENT));
    vec![
        ("llama 4", format!("[{python}]")),
        ("olmo 3", format!("<function_calls>\n{python}\n</function_calls>")),
        ("lfm2", format!("<|tool_call_start|>[{python}]<|tool_call_end|>")),
        ("gemma 3", format!("```tool_code\n{python}\n```")),
        (
            "gemma 4",
            format!("<|tool_call>call:Write{{file_path:<|\"|>{p}<|\"|>,content:<|\"|>{CONTENT}<|\"|>}}<tool_call|>"),
        ),
        (
            "functiongemma",
            format!(
                "<start_function_call>call:Write{{file_path:<escape>{p}<escape>,content:<escape>{CONTENT}<escape>}}<end_function_call>"
            ),
        ),
    ]
}

/// Those that speak in channels or sections.
fn channel_families(p: &str, a: &str) -> Vec<(&'static str, String)> {
    let argument = |key: &str, value: &str| {
        format!("<|open|>argument key=\"{key}\" type=\"string\"<|sep|>{value}<|close|>argument<|sep|>")
    };
    let (path, content) = (argument("file_path", p), argument("content", CONTENT));
    vec![
        ("gpt-oss", format!("<|channel|>commentary to=functions.Write <|constrain|>json<|message|>{a}<|call|>")),
        (
            "gpt-oss, started",
            format!("<|start|>assistant to=functions.Write<|channel|>commentary json<|message|>{a}<|call|>"),
        ),
        (
            "gpt-oss, behind thoughts",
            format!(
                "<|channel|>analysis<|message|>I write it.<|end|><|start|>assistant<|channel|>commentary to=functions.Write \
                 <|constrain|>json<|message|>{a}<|call|>"
            ),
        ),
        (
            "kimi k2",
            format!(
                "<|tool_calls_section_begin|><|tool_call_begin|>functions.Write:0<|tool_call_argument_begin|>{a}<|tool_call_end|>\
                 <|tool_calls_section_end|>"
            ),
        ),
        (
            "kimi k3",
            format!(
                "<|open|>tools<|sep|><|open|>call tool=\"Write\" index=\"1\"<|sep|>{path}{content}<|close|>call<|sep|>\
                 <|close|>tools<|sep|>"
            ),
        ),
    ]
}
