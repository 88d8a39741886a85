//! One genuine example for every format of `recover/families`, and texts that only look like one. Every text is
//! read whole, in single bytes' worth of characters, and in threes.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what fails here fails the test")]

use std::sync::LazyLock;

use branchline_wire::collect::Collector;
use branchline_wire::hub::Failure;
use branchline_wire::hub::{
    Block, BlockKind, BlockStart, Delta, Event, FailureKind, Response, StopReason, Tool, Usage,
};
use branchline_wire::json::Json;
use branchline_wire::recover::{Recovery, Report, Why, recover_response};
use branchline_wire::text::Text;

const SCHEMA: &str =
    r#"{"type":"object","properties":{"a":{"type":"integer"},"s":{"type":"string"},"b":{"type":"boolean"}}}"#;

fn tool(name: &'static str) -> Tool<'static> {
    Tool { name: Text::escaped(name), input_schema: Some(Json::trusted(SCHEMA)), ..Tool::default() }
}

static TOOLS: LazyLock<[Tool<'static>; 3]> = LazyLock::new(|| [tool("f"), tool("g"), tool("Bash")]);

/// An answer as `T:text`, `K:thoughts`, `C:name arguments`, one per block.
fn shown(response: &Response<'_>) -> Vec<String> {
    let show = |block: &Block<'_>| match &block.kind {
        BlockKind::Text { text } => format!("T:{}", text.decode()),
        BlockKind::Thinking { thinking, .. } => format!("K:{}", thinking.decode()),
        BlockKind::ToolUse { id, name, input } => {
            assert!(!id.is_empty());
            format!("C:{} {}", name.decode(), input.as_str())
        }
        other => panic!("{other:?}"),
    };
    response.content.iter().map(show).collect()
}

fn feed(mut recovery: Recovery<'_>, events: Vec<Event<'_>>) -> (Response<'static>, Report) {
    let mut collector = Collector::default();
    for event in events {
        recovery.event(event, &mut |event| collector.event(&event));
    }
    recovery.finish(&mut |event| collector.event(&event));
    (collector.finish().unwrap(), recovery.report())
}

fn text_events(text: &str, step: usize, thinking: bool) -> Vec<Event<'static>> {
    let chars: Vec<char> = text.chars().collect();
    let delta = |piece: &[char]| {
        let text = Text::plain(&piece.iter().collect::<String>()).into_owned();
        Event::Delta(if thinking { Delta::Thinking(text) } else { Delta::Text(text) })
    };
    let mut events = vec![Event::BlockStart(if thinking { BlockStart::Thinking } else { BlockStart::Text })];
    events.extend(chars.chunks(step).map(delta));
    events.push(Event::BlockStop);
    events
}

fn end(reason: StopReason) -> [Event<'static>; 2] {
    [Event::Stop { reason, stop_sequence: None, usage: Usage::default() }, Event::End]
}

fn read(recovery: impl Fn() -> Recovery<'static>, text: &str, reason: StopReason) -> (Vec<String>, StopReason, Report) {
    let mut results = [usize::MAX, 1, 3].map(|step| {
        let mut events = text_events(text, step.min(1 << 20), false);
        events.extend(end(reason));
        let (response, report) = feed(recovery(), events);
        (shown(&response), response.stop_reason.unwrap(), report)
    });
    assert_eq!(results[0], results[1], "{text}");
    assert_eq!(results[0], results[2], "{text}");
    std::mem::replace(&mut results[0], (Vec::new(), reason, Report::default()))
}

fn answer(text: &str) -> (Vec<String>, StopReason, Report) {
    read(|| Recovery::new(&*TOOLS), text, StopReason::EndTurn)
}

/// Checks that a text gives these blocks.
fn gives(text: &str, blocks: &[&str]) {
    let (read, reason, report) = answer(text);
    assert_eq!(read, blocks, "{text}");
    let called = blocks.iter().any(|block| block.starts_with("C:"));
    assert_eq!(reason, if called { StopReason::ToolUse } else { StopReason::EndTurn }, "{text} {report}");
}

/// Checks that a text stays what it is, byte for byte.
fn stays(text: &str) {
    gives(text, &[&format!("T:{text}")]);
}

const F: &str = r#"C:f {"a":1}"#;

#[test]
fn every_family_is_recovered() {
    let texts = [
        "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}\n</tool_call>",
        "<tool_call>\n<function=f>\n<parameter=a>\n1\n</parameter>\n</function>\n</tool_call>",
        "<function=f>\n<parameter=a>\n1\n</parameter>\n</function>\n</tool_call>",
        "<seed:tool_call>\n<function=f>\n<parameter=a>1</parameter>\n</function>\n</seed:tool_call>",
        r#"[TOOL_CALLS][{"name": "f", "arguments": {"a": 1}, "id": "123456789"}]"#,
        r#"[TOOL_CALLS]f[ARGS]{"a": 1}"#,
        r#"[TOOL_CALLS]f[CALL_ID]123456789[ARGS]{"a": 1}"#,
        r#"f[ARGS]{"a": 1}"#,
        r#"<|python_tag|>{"name": "f", "parameters": {"a": 1}}"#,
        r#"{"name": "f", "parameters": {"a": 1}}"#,
        r#"{"type": "function", "name": "f", "parameters": {"a": 1}}<|eot_id|>"#,
        "[f(a=1)]",
        "<function_calls>\nf(a=1)\n</function_calls>",
        "<|tool_call_start|>[f(a=1)]<|tool_call_end|>",
        r#"<function=f>{"a": 1}</function>"#,
        ">>>f\n{\"a\": 1}",
        r#" functools[{"name": "f", "arguments": {"a": 1}}]"#,
        "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>f\n```json\n{\"a\": 1}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
        "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>f<｜tool▁sep｜>{\"a\":1}<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
        "<｜DSML｜function_calls>\n<｜DSML｜invoke name=\"f\">\n<｜DSML｜parameter name=\"a\" string=\"false\">1</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜function_calls>",
        "<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"f\">\n<｜DSML｜parameter name=\"a\" string=\"false\">1</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜tool_calls>",
        "<｜DSML｜ calls>\n<｜DSML｜ invoke name=\"f\">\n<｜DSML｜ parameter name=\"a\" string=\"false\">1</｜DSML｜ parameter>\n</｜DSML｜ invoke>\n</｜DSML｜ calls>",
        "<tool_call>f\n<arg_key>a</arg_key>\n<arg_value>1</arg_value>\n</tool_call>",
        "<tool_call>f<arg_key>a</arg_key><arg_value>1</arg_value></tool_call>",
        "<tool_calls><tool_call>f<tool_sep><arg_key>a</arg_key><arg_value>1</arg_value></tool_call></tool_calls>",
        "<tool_calls><tool_call>f<arg_key>a</arg_key><arg_value>1</arg_value></tool_call></tool_calls>",
        "<tool_calls:opensource><tool_call:opensource>f<tool_sep:opensource><arg_key:opensource>a</arg_key:opensource><arg_value:opensource>1</arg_value:opensource></tool_call:opensource></tool_calls:opensource>",
        "<iquest_tool_call>f<arg_key>a</arg_key><arg_value>1</arg_value></iquest_tool_call>",
        "<|tool_call>call:f{a:1}<tool_call|>",
        "<start_function_call>call:f{a:1}<end_function_call>",
        "```tool_code\nf(a=1)\n```",
        "```tool_code\nprint(f(a=1))\n```",
        "<|channel|>commentary to=functions.f <|constrain|>json<|message|>{\"a\":1}<|call|>",
        "<|start|>assistant to=functions.f<|channel|>commentary json<|message|>{\"a\":1}<|call|>",
        "<|channel|>analysis to=functions.f<|message|>{\"a\":1}<|call|>",
        "<|tool_calls_section_begin|><|tool_call_begin|>functions.f:0<|tool_call_argument_begin|>{\"a\":1}<|tool_call_end|><|tool_calls_section_end|>",
        "<|open|>tools<|sep|><|open|>call tool=\"f\" index=\"1\"<|sep|><|open|>argument key=\"a\" type=\"number\"<|sep|>1<|close|>argument<|sep|><|close|>call<|sep|><|close|>tools<|sep|>",
        "<minimax:tool_call>\n<invoke name=\"f\">\n<parameter name=\"a\">1</parameter>\n</invoke>\n</minimax:tool_call>",
        "]<]minimax[>[<tool_call>\n]<]minimax[>[<invoke name=\"f\">]<]minimax[>[<a>1]<]minimax[>[</a>]<]minimax[>[</invoke>\n]<]minimax[>[</tool_call>",
        "<tool_calls>[{\"name\": \"f\", \"arguments\": {\"a\": 1}}]</tool_calls>",
        "<|START_ACTION|>[{\"tool_call_id\": \"0\", \"tool_name\": \"f\", \"parameters\": {\"a\": 1}}]<|END_ACTION|>",
        "Action: ```json\n[{\"tool_name\": \"f\", \"parameters\": {\"a\": 1}}]\n```",
        "<TOOLCALL>[{\"name\": \"f\", \"arguments\": {\"a\": 1}}]</TOOLCALL>",
        "<function_call> {\"name\": \"f\", \"arguments\": {\"a\": 1}}",
        "<|tool_call|>[{\"name\": \"f\", \"arguments\": {\"a\": 1}}]",
        "<|tools_prefix|>[{\"f\": {\"a\": 1}}]<|tools_suffix|>",
        "<|action_start|><|plugin|>\n{\"name\": \"f\", \"parameters\": {\"a\": 1}}<|action_end|>",
        "<|message_sep|>\n\nfunction call<|role_sep|>\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}",
        "<function name=\"f\"><param name=\"a\">1</param></function>",
        "<longcat_tool_call>{\"name\": \"f\", \"arguments\": {\"a\": 1}}</longcat_tool_call>",
        "<dots_function_call>\n<invoke name=\"f\">\n<parameter name=\"a\">1</parameter>\n</invoke>\n</dots_function_call>",
        "<ifm|tool_calls><ifm|tool_call>f<ifm|arg_key>a</ifm|arg_key>(<ifm|arg_type>int</ifm|arg_type>)<ifm|arg_value>1</ifm|arg_value></ifm|tool_call></ifm|tool_calls>",
        "<ifm|tool_calls><ifm|tool_call>f<ifm|arg_key>a</ifm|arg_key><ifm|arg_type>int</ifm|arg_type><ifm|arg_value>1</ifm|arg_value></ifm|tool_call></ifm|tool_calls>",
        "<ifm|tool_calls><ifm|tool_call>{\"name\": \"f\", \"arguments\": {\"a\": 1}}</ifm|tool_call></ifm|tool_calls>",
        "<|message_model|>f<|content_invoke_tool_json|>{\"name\":\"f\",\"args\":{\"a\": 1}}<|end_message|>",
        "<|start|>assistant to=tools<|message|><atem:function_calls><atem:invoke name=\"f\"><atem:parameter name=\"a\">1</atem:parameter></atem:invoke></atem:function_calls>",
        "[TOOL_REQUEST]{\"name\": \"f\", \"arguments\": {\"a\": 1}}[END_TOOL_REQUEST]",
        "[{\"name\": \"f\", \"arguments\": {\"a\": 1}}]",
        "```json\n[{\"name\": \"f\", \"arguments\": {\"a\": 1}}]\n```",
        "<tool_call>[{\"name\": \"f\", \"arguments\": {\"a\": 1}}]</tool_call>",
        "f{\"a\": 1}</function>",
        "<tool-use>{\"tool_calls\":[{\"name\": \"f\", \"arguments\": {\"a\": 1}}]}</tool-use>",
        "<tool-use>{\"tool_calls\":[{\"id\": \"1\", \"type\": \"function\", \"function\": {\"name\": \"f\"}, \"parameters\": {\"a\": 1}}]}</tool-use>",
    ];
    for text in texts {
        gives(text, &[F]);
    }
}

#[test]
fn a_call_without_arguments_is_recovered() {
    for text in [
        "<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"g\"/>\n</｜DSML｜tool_calls>",
        "<tool_call>g\n</tool_call>",
        "<function=g>\n</function>",
        "[g()]",
        "<tool_call>{\"name\": \"g\", \"arguments\": {}}</tool_call>",
        "<tool_call>{\"name\": \"g\"}</tool_call>",
    ] {
        gives(text, &["C:g {}"]);
    }
}

#[test]
fn every_marker_of_thoughts_is_read() {
    for text in [
        "<think>\nhm\n</think>\n\nyes",
        "<seed:think>hm\n</seed:think>yes",
        "[THINK]hm\n[/THINK]yes",
        "<|channel|>analysis<|message|>hm\n<|end|><|start|>assistant<|channel|>final<|message|>yes",
        "<|channel|>analysis<|message|>hm\n<|end|><|channel|>final<|message|>yes<|return|>",
        "<|channel>thought\nhm\n<channel|>yes",
        "<|START_THINKING|>hm\n<|END_THINKING|><|START_RESPONSE|>yes<|END_RESPONSE|>",
        "<|START_THINKING|>hm\n<|END_THINKING|><|START_TEXT|>yes<|END_TEXT|>",
        "<mm:think>hm\n</mm:think>yes",
        "<|open|>think<|sep|>hm\n<|close|>think<|sep|><|open|>response<|sep|>yes<|close|>response<|sep|>",
        "<ifm|think>hm\n</ifm|think>yes",
        "<ifm|think_fast>hm\n</ifm|think_fast>yes",
        "<ifm|think_faster>hm\n</ifm|think_faster>yes",
        "<think:opensource>hm\n</think:opensource>yes",
        "<think>hm\n</think>\n<response>\nyes</response>",
        "Here is my thought process: hm\nHere is my response: yes",
        "<|start|>assistant to=self<|message|>hm\n<|end|><|start|>assistant to=user<|message|>yes",
    ] {
        gives(text, &["K:hm\n", "T:yes"]);
    }
}

#[test]
fn thoughts_whose_beginning_stood_in_the_prompt_are_known_once_that_was_learned() {
    for text in
        ["hm\n</think>\n\nyes", "hm\n[BEGIN FINAL RESPONSE]\nyes", "<think>\nhm\n</think>yes", "hm\n</seed:think>yes"]
    {
        let (blocks, _, _) = read(|| Recovery::new(&*TOOLS).thinking_first(), text, StopReason::EndTurn);
        assert_eq!(blocks, ["K:hm\n", "T:yes"], "{text}");
    }
    let (blocks, _, report) = answer("hm\n</think>\n\nyes");
    assert_eq!(blocks, ["T:hm\n", "T:yes"]);
    assert!(report.prefilled, "worth remembering");
    assert_eq!(answer("First this.</think>Then that").0, ["T:First this.", "T:Then that"], "DeepSeek V3.1");
    let mut response = Response {
        content: vec![Block::from_text(Text::plain("hm\n</think>\n\nyes").into_owned())],
        stop_reason: Some(StopReason::EndTurn),
        ..Response::default()
    };
    recover_response(&mut response, &*TOOLS);
    assert_eq!(shown(&response), ["K:hm\n", "T:yes"], "a whole answer needs no memory");
}

#[test]
fn an_answer_wrongly_taken_for_thoughts_is_still_given() {
    let first = || Recovery::new(&*TOOLS).thinking_first();
    let (blocks, reason, report) =
        read(first, "yes <tool_call>{\"name\": \"g\", \"arguments\": {}}</tool_call>", StopReason::EndTurn);
    assert_eq!(blocks[1..], ["T:yes ", "C:g {}"]);
    assert_eq!(reason, StopReason::ToolUse);
    assert!(report.unclosed, "what was remembered is wrong");
    let (blocks, reason, _) = read(first, "still thinking", StopReason::MaxTokens);
    assert_eq!((blocks, reason), (vec!["K:still thinking".to_owned()], StopReason::MaxTokens));
}

#[test]
fn text_around_calls_and_several_calls_are_kept_in_order() {
    let call = "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}\n</tool_call>";
    gives(&format!("Let me see.\n\n{call}\n{call}\n"), &["T:Let me see.\n\n", F, F]);
    gives(&format!("It says \"yes\"{call}"), &["T:It says \"yes\"", F]);
    gives(&format!("<think>hm</think>{call}and on"), &["K:hm", F, "T:and on"]);
    gives(&format!("{call}\n<function=g>\n</function>"), &[F, "C:g {}"]);
    gives(
        "<tool_call>{\"name\":\"f\",\"arguments\":{\"a\":1}}\n{\"name\":\"g\",\"arguments\":{}}</tool_call>",
        &[F, "C:g {}"],
    );
    gives("[TOOL_CALLS]f[ARGS]{\"a\": 1}[TOOL_CALLS]g[ARGS]{}", &[F, "C:g {}"]);
    gives("{\"name\":\"f\",\"parameters\":{\"a\":1}}; {\"name\":\"g\",\"parameters\":{}}", &[F, "C:g {}"]);
    gives(
        "<|python_tag|>{\"name\":\"f\",\"parameters\":{\"a\":1}}; {\"name\":\"g\",\"parameters\":{}}",
        &[F, "C:g {}"],
    );
    gives("[f(a=1), g()]", &[F, "C:g {}"]);
    gives(">>>all\nLet me see.\n>>>f\n{\"a\": 1}>>>g\n{}", &["T:Let me see.\n", F, "C:g {}"]);
    gives(
        "<minimax:tool_call>\n<invoke name=\"f\">\n<parameter name=\"a\">1</parameter>\n</invoke>\n<invoke name=\"g\">\n</invoke>\n</minimax:tool_call>",
        &[F, "C:g {}"],
    );
    gives(
        "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>commentary<|message|>Let me.<|end|><|start|>assistant<|channel|>commentary to=functions.f <|constrain|>json<|message|>{\"a\":1}<|call|>",
        &["K:hm", "T:Let me.", F],
    );
}

#[test]
fn strings_may_hold_what_would_close_the_call() {
    gives(
        "<tool_call>{\"name\": \"f\", \"arguments\": {\"s\": \"a </tool_call> <tool_call> b\"}}</tool_call>",
        &[r#"C:f {"s":"a </tool_call> <tool_call> b"}"#],
    );
    gives(
        "<function=f>\n<parameter=s>\nx </parameter> y </function> z\n</parameter>\n</function>",
        &[r#"C:f {"s":"x </parameter> y </function> z"}"#],
    );
    gives(
        "<tool_call>f\n<arg_key>s</arg_key>\n<arg_value></arg_value> a</arg_value>\n</tool_call>",
        &[r#"C:f {"s":"</arg_value> a"}"#],
    );
    gives("[f(s=\"a)] b\")]", &[r#"C:f {"s":"a)] b"}"#]);
    gives("[TOOL_CALLS]f[ARGS]{\"s\": \"}[TOOL_CALLS]g[ARGS]{}\"}", &[r#"C:f {"s":"}[TOOL_CALLS]g[ARGS]{}"}"#]);
    gives("<|tool_call>call:f{s:<|\"|>a}<tool_call|> {<|\"|>}<tool_call|>", &[r#"C:f {"s":"a}<tool_call|> {"}"#]);
}

#[test]
fn values_take_the_type_the_schema_says() {
    gives(
        "<function=f>\n<parameter=s>\n5\n</parameter>\n<parameter=b>True</parameter>\n</function>",
        &[r#"C:f {"s":"5","b":true}"#],
    );
    gives(
        "<tool_call>{\"name\":\"f\",\"arguments\":{\"a\":\"5\",\"b\":\"true\",\"s\":7}}</tool_call>",
        &[r#"C:f {"a":5,"b":true,"s":"7"}"#],
    );
    gives("<tool_call>{\"name\":\"f\",\"arguments\":{\"a\":\"five\"}}</tool_call>", &[r#"C:f {"a":"five"}"#]);
    gives("<tool_call>{\"name\":\"f\",\"arguments\":\"{\\\"a\\\": 1}\"}</tool_call>", &[r#"C:f {"a": 1}"#]);
    gives("<tool_call>{\"name\":\"functions.F\",\"arguments\":{\"a\":1}}</tool_call>", &[F]);
}

#[test]
fn json_is_mended_where_its_meaning_is_certain() {
    for text in [
        "<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": 1,}}</tool_call>",
        "<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": 1}</tool_call>",
        "<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": 1}",
        "<tool_call>{'name': 'f', 'arguments': {'a': 1}}</tool_call>",
        "[TOOL_CALLS]f[ARGS]{'a': 1,}",
    ] {
        gives(text, &[F]);
        assert!(answer(text).2.calls[0].repaired, "{text}");
    }
    gives(
        "<tool_call>{\"name\": \"f\", \"arguments\": {\"s\": \"one\ntwo\"}}</tool_call>",
        &["C:f {\"s\":\"one\\ntwo\"}"],
    );
}

#[test]
fn a_missing_closing_tag_does_no_harm_where_the_model_was_done() {
    gives("<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}", &[F]);
    gives("<function=f>\n<parameter=a>\n1\n</parameter>\n", &[F]);
    gives("<function=f>{\"a\": 1}", &[F]);
    gives("Well.\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}\n</tool_call>", &["T:Well.\n", F]);
}

#[test]
fn a_truncated_call_stays_text_and_is_reported() {
    for text in [
        "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"s\": \"rm -rf /tmp",
        "<tool_call>\n{\"name\": \"f\", \"arguments\": ",
        "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 1",
        "<function=f>\n<parameter=s>\nhalf",
        "[TOOL_CALLS]f[ARGS]{\"s\": \"ha",
        "{\"name\": \"f\", \"parameters\": {\"s\": \"",
        "[f(a=1, s=\"x",
        "<tool_call>f\n<arg_key>s</arg_key>\n<arg_value>ha",
        "<|channel|>commentary to=functions.f <|constrain|>json<|message|>{\"s\":\"ha",
        "<|tool_call>call:f{s:<|\"|>ha",
    ] {
        for reason in [StopReason::EndTurn, StopReason::MaxTokens] {
            let (blocks, stop, report) = read(|| Recovery::new(&*TOOLS), text, reason);
            assert_eq!(blocks, [format!("T:{text}")]);
            assert_eq!(stop, StopReason::MaxTokens, "{text}");
            assert!(report.truncated() && report.left[0].name.ends_with('f'), "{text} {report:?}");
        }
    }
    let text = "<tool_call>{\"name\": \"f\", \"arguments\": {\"s\": \"x\"}";
    let (blocks, stop, _) = read(|| Recovery::new(&*TOOLS), text, StopReason::ContextWindow);
    assert_eq!((blocks, stop), (vec![format!("T:{text}")], StopReason::ContextWindow));
    // Complete as far as it goes, but more may have been coming.
    let (blocks, stop, _) =
        read(|| Recovery::new(&*TOOLS), "<function=f>\n<parameter=a>\n1\n</parameter>\n", StopReason::MaxTokens);
    assert_eq!((blocks.len(), stop), (1, StopReason::MaxTokens));
    let (blocks, stop, _) = answer("<function=g>\n</function>\n<function=f>\n<parameter=s>\n<function=g>\n</function>");
    assert_eq!(blocks, ["C:g {}", "T:<function=f>\n<parameter=s>\n<function=g>\n</function>"]);
    assert_eq!(stop, StopReason::MaxTokens);
}

#[test]
fn what_merely_shows_a_call_stays_text() {
    let call = "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}\n</tool_call>";
    stays(&format!("Like this:\n```xml\n{call}\n```\nSo."));
    stays(&format!("Like this:\n~~~\n{call}\n~~~\n"));
    stays("Write `<tool_call>{\"name\": \"f\", \"arguments\": {}}</tool_call>` then.");
    stays("The <tool_call> tag begins a call, </tool_call> ends it.");
    stays("The </think> tag, \"</think>\" and (</think>) end thoughts; <think> begins them.");
    stays("A model writes <|im_end|> at the end and [THINK] at the start.");
    stays("In harmony, <|channel|>commentary to=functions.f<|message|>{\"a\":1}<|call|> is a call.");
    stays("Use {\"name\": \"f\", \"arguments\": {\"a\": 1}} as the body.");
    stays("{\"name\": \"f\", \"arguments\": {\"a\": 1}} is what to send.");
    stays("{\"name\": \"Ann\", \"age\": 7}");
    stays("{\"name\": \"f\", \"version\": \"1.0\"}");
    stays("[1, 2, 3]");
    stays("[f(a=1)] would call it.");
    stays("[link](f(a=1))");
    stays("f{\"a\": 1} is short for it");
    stays("```json\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}\n```\nThat is the format.");
    stays("It writes \"<tool_call>{\\\"name\\\"\" and ('<function=g>\n</function>') there.");
    stays("let call = \"[TOOL_CALLS]f[ARGS]{}\";");
    stays("Action: run `ls`");
    stays(">>> f(a=1)\n1");
    stays("a < b && c > d, vec![1], x[0], Vec<Vec<u8>>, <tool_cal, 1 << 2");
    stays("    ");
    stays("\n\nindented\n");
}

#[test]
fn a_call_of_an_unknown_tool_stays_text_and_so_does_what_it_holds() {
    stays("<tool_call>\n{\"name\": \"rm\", \"arguments\": {\"a\": 1}}\n</tool_call>");
    stays(
        "<function=rm>\n<parameter=s>\n<function=f>\n<parameter=a>1</parameter>\n</function>\n</parameter>\n</function>",
    );
    stays("[TOOL_CALLS]rm[ARGS]{\"a\": 1}");
    let (_, _, report) = answer("<tool_call>{\"name\": \"rm\", \"arguments\": {}}</tool_call>");
    assert_eq!((report.left[0].name.as_str(), report.left[0].why), ("rm", Why::UnknownTool));
    assert!(report.to_string().contains("no such tool"));
    let call = "<tool_call>{\"name\": \"g\", \"arguments\": {}}</tool_call>";
    gives(&format!("{}{call}", call.replace('g', "h")), &[&format!("T:{}", call.replace('g', "h")), "C:g {}"]);
}

#[test]
fn unreadable_calls_stay_text() {
    let text = "<tool_call>{\"name\": \"f\", \"arguments\": {\"s\": \"say \"hi\"\"}}</tool_call>";
    stays(text);
    assert_eq!(answer(text).2.left[0].why, Why::Unreadable);
}

#[test]
fn leaked_specials_are_taken_out() {
    for text in [
        "yes<|im_end|>",
        "yes<|eot_id|>",
        "yes<|end|>",
        "yes<|return|>",
        "yes<｜end▁of▁sentence｜>",
        "yes<eos>",
        "yes<turn|>",
        "[/INST]yes",
    ] {
        let (blocks, _, report) = answer(text);
        assert_eq!(blocks[0], "T:yes", "{text}");
        assert_eq!((blocks.len(), report.specials), (1, 1), "{text}");
    }
}

#[test]
fn calls_in_thoughts_count_when_nothing_else_was_said() {
    let call = "<tool_call>\n<function=f>\n<parameter=a>\n1\n</parameter>\n</function>\n</tool_call>";
    let thought = |text: &str, said: &str| {
        let mut events = text_events(text, 4, true);
        if !said.is_empty() {
            events.extend(text_events(said, 4, false));
        }
        events.extend(end(StopReason::EndTurn));
        let (response, report) = feed(Recovery::new(&*TOOLS), events);
        (shown(&response).split_off(1), response.stop_reason.unwrap(), report)
    };
    let (blocks, reason, report) = thought(&format!("I call f.\n{call}"), "");
    assert_eq!((blocks, reason), (vec![F.to_owned()], StopReason::ToolUse));
    assert!(report.calls[0].in_thinking);
    assert_eq!(thought(&format!("I call f.\n{call}"), "Done.").0, ["T:Done."]);
    assert_eq!(thought(&format!("Not {call} but something else."), "").0, [""; 0]);
    assert_eq!(thought("<function=f>\n<parameter=s>\nhalf", "").1, StopReason::MaxTokens);
    let (blocks, _, _) = answer(&format!("<think>I call f.\n{call}\n</think>\n"));
    assert_eq!(blocks[1..], [F]);
    let (blocks, _, _) = answer(&format!("<think>I call f.\n{call}"));
    assert_eq!(blocks[1..], [F]);
}

fn native(name: &'static str, arguments: &'static str) -> [Event<'static>; 3] {
    [
        Event::BlockStart(BlockStart::ToolUse { id: Text::escaped("toolu_x"), name: Text::escaped(name) }),
        Event::Delta(Delta::Arguments(Text::plain(arguments).into_owned())),
        Event::BlockStop,
    ]
}

#[test]
fn beside_native_calls_only_thoughts_are_looked_for() {
    let text = "<think>hm</think>see <tool_call>{\"name\": \"g\", \"arguments\": {}}</tool_call>";
    let mut events: Vec<_> = native("f", "{}").into();
    events.extend(text_events(text, 5, false));
    events.extend(end(StopReason::ToolUse));
    let (response, report) = feed(Recovery::new(&*TOOLS), events);
    assert_eq!(shown(&response)[..2], ["C:f {}", "K:hm"]);
    assert!(shown(&response)[2].starts_with("T:see <tool_call>") && report.calls.is_empty());
}

#[test]
fn a_call_that_came_as_text_and_natively_is_one_call() {
    let run = |arguments| {
        let mut events = text_events("<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": 1}}</tool_call>", 5, false);
        events.extend(native("f", arguments));
        events.extend(end(StopReason::ToolUse));
        let (response, report) = feed(Recovery::new(&*TOOLS), events);
        (shown(&response), report.repeated)
    };
    assert_eq!(run("{\"a\": 1}"), (vec![F.to_owned()], 1));
    assert_eq!(run("{\"a\":2}"), (vec![F.to_owned(), "C:f {\"a\":2}".to_owned()], 0));
}

#[test]
fn what_is_held_when_the_stream_fails_comes_out_as_text() {
    let mut events = text_events("a <tool_call>{\"name\": \"f\", \"argu", 3, false);
    events.pop();
    events.push(Event::Error(Failure::new(FailureKind::Api, "gone")));
    let mut recovery = Recovery::new(&*TOOLS);
    let mut seen = Vec::new();
    for event in events {
        recovery.event(event, &mut |event| {
            seen.push(match event {
                Event::Delta(Delta::Text(text)) => text.decode().into_owned(),
                Event::Error(_) => "!".to_owned(),
                Event::BlockStop => "]".to_owned(),
                _ => String::new(),
            });
        });
    }
    recovery.finish(&mut |_| panic!("nothing follows an error"));
    assert_eq!(seen.concat(), "a <tool_call>{\"name\": \"f\", \"argu]!");
}

#[test]
fn without_tools_only_thoughts_are_looked_for() {
    let text = "<think>hm</think><tool_call>{\"name\": \"f\", \"arguments\": {}}</tool_call>";
    let (blocks, _, _) = read(|| Recovery::new(&[]), text, StopReason::EndTurn);
    assert_eq!(blocks, ["K:hm", "T:<tool_call>{\"name\": \"f\", \"arguments\": {}}</tool_call>"]);
}

#[test]
fn escapes_of_the_wire_hide_no_marker() {
    let mut events = vec![Event::BlockStart(BlockStart::Text)];
    let wire = r#"\u003ctool_call\u003e{\"name\": \"f\", \"arguments\": {\"a\": 1}}\u003c/tool_call\u003e"#;
    events.push(Event::Delta(Delta::Text(Text::escaped(wire))));
    events.push(Event::BlockStop);
    events.extend(end(StopReason::EndTurn));
    assert_eq!(shown(&feed(Recovery::new(&*TOOLS), events).0), [F]);
}

#[test]
fn two_families_in_one_answer_are_both_read() {
    gives(
        "[TOOL_CALLS]f[ARGS]{\"a\": 1}\n<invoke name=\"g\">\n</invoke>\n<|tool_call>call:Bash{s:<|\"|>ls<|\"|>}<tool_call|>",
        &[F, "C:g {}", r#"C:Bash {"s":"ls"}"#],
    );
}

#[test]
fn a_long_call_is_read_in_little_time() {
    let content = "let x = vec![\"a\\\\n\", \"<b>\"]; // </parameter> {}\\n".repeat(4000);
    let text = format!(
        "<tool_call>{{\"name\": \"f\", \"arguments\": {{\"s\": \"{}\"}}}}</tool_call>",
        content.replace('"', "\\\"")
    );
    let mut events = text_events(&text, 4, false);
    events.extend(end(StopReason::EndTurn));
    let (response, _) = feed(Recovery::new(&*TOOLS), events);
    assert_eq!(response.content.len(), 1);
    assert!(shown(&response)[0].starts_with("C:f"));
}
