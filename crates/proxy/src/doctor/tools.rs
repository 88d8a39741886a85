//! Function calling: one call, two in one answer, going on from a result, and through a stream.

use serde_json::{Value, json};

use super::ask::Said;
use super::exam::{ANSWER, Exam, Found};
use super::{Verdict, advice};
use crate::replay::ToolCall;

/// The tool. Its schema has what grammars stumble over: a pattern and a format.
fn tools() -> Value {
    json!([{
        "name": "get_weather",
        "description": "The weather in one city.",
        "input_schema": {"type": "object", "required": ["city"], "additionalProperties": false, "properties": {
            "city": {"type": "string", "description": "Name of the city"},
            "days": {"type": "integer", "minimum": 0, "maximum": 14, "description": "Days to look ahead"},
            "date": {"type": "string", "format": "date", "pattern": "^\\d{4}-\\d{2}-\\d{2}$", "description": "First day"}
        }}
    }])
}

fn question(text: &str) -> Value {
    json!({"tools": tools(), "messages": [{"role": "user", "content": text}]})
}

/// One call with the right argument.
pub(super) async fn call(exam: &mut Exam<'_>) -> Found {
    let said = match exam.quick(question("What is the weather like? Call the tool get_weather for Paris.")).await {
        Ok(said) => said,
        Err(found) => return found,
    };
    match calls_for(&said, &["paris"]) {
        Ok(calls) => {
            exam.called = calls.first().cloned();
            exam.good(&said, seen(&calls))
        }
        Err(found) => found.unwrap_or_else(|| no_call(exam, &said)).of(&said),
    }
}

/// Two calls in one answer; an agent works with one at a time, only longer.
pub(super) async fn parallel(exam: &Exam<'_>) -> Found {
    let text = "I need the weather of two cities. Call get_weather for Oslo and for Lima, both calls in one answer.";
    let said = match exam.quick(question(text)).await {
        Ok(said) => said,
        Err(found) => return found,
    };
    match calls_for(&said, &["oslo", "lima"]) {
        Ok(calls) => exam.good(&said, seen(&calls)),
        Err(_) if calls_for(&said, &["oslo"]).is_ok() || calls_for(&said, &["lima"]).is_ok() => {
            Found::new(Verdict::Limited, "one call at a time: its turns take more requests").of(&said)
        }
        Err(found) => found.unwrap_or_else(|| no_call(exam, &said)).of(&said),
    }
}

/// Going on from a result: the answer must say what only the result knows.
pub(super) async fn round_trip(exam: &Exam<'_>) -> Found {
    let input = exam.called.as_ref().map_or_else(|| json!({"city": "Paris"}), |call| call.input.clone());
    let text =
        "What is the weather in Paris now? Call get_weather, then tell me the temperature and the name of the station.";
    let result = r#"{"city": "Paris", "temperature_celsius": 17, "station": "Heron-4821"}"#;
    let body = json!({"tools": tools(), "messages": [
        {"role": "user", "content": text},
        {"role": "assistant", "content": [
            {"type": "tool_use", "id": "toolu_01doctorscall0000000001", "name": "get_weather", "input": input}]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "toolu_01doctorscall0000000001", "content": result}]}
    ]});
    let said = match exam.quick(body).await {
        Ok(said) => said,
        Err(found) => return found,
    };
    let text = said.text();
    if text.contains("4821") && text.contains("17") {
        return exam.good(&said, "went on from the result of its call");
    }
    let reason = match (said.answer.tools.is_empty(), text.trim().is_empty()) {
        (false, _) => "it called again instead of reading the result",
        (true, true) => "it said nothing after the result of its call",
        (true, false) => "its answer does not say what the result said",
    };
    Found::fail(reason).hint(advice::no_call(exam)).of(&said)
}

/// The call of a stream, as agents ask for it.
pub(super) async fn stream(exam: &Exam<'_>) -> Found {
    let mut body = question("How is the weather? Call the tool get_weather for Cairo.");
    body["stream"] = json!(true);
    let said = match exam.quick(body).await {
        Ok(said) => said,
        Err(found) => return found,
    };
    match calls_for(&said, &["cairo"]) {
        Ok(calls) => exam.good(&said, format!("{}, in {} pieces", seen(&calls), said.pieces)),
        Err(found) => found.unwrap_or_else(|| no_call(exam, &said)).of(&said),
    }
}

/// The calls that name these cities, one for each. Without any call there is no finding yet.
fn calls_for(said: &Said, cities: &[&str]) -> Result<Vec<ToolCall>, Option<Found>> {
    let calls = &said.answer.tools;
    let names = |call: &&ToolCall, city: &str| {
        let given = call.input["city"].as_str().unwrap_or_default().to_lowercase();
        call.name == "get_weather" && given.contains(city)
    };
    let found: Vec<ToolCall> =
        cities.iter().filter_map(|city| calls.iter().find(|call| names(call, city)).cloned()).collect();
    if found.len() == cities.len() {
        return Ok(found);
    }
    match calls.first() {
        Some(call) => Err(Some(
            Found::fail(format!("it called {} with {}, which is not what was asked for", call.name, call.input))
                .hint("choose a model trained for tool use, or a larger quantization".to_owned()),
        )),
        None => Err(None),
    }
}

fn seen(calls: &[ToolCall]) -> String {
    let words: Vec<_> = calls.iter().map(|call| format!("{}({})", call.name, call.input)).collect();
    format!("called {}", words.join(" and "))
}

/// It made no call: what it did instead.
fn no_call(exam: &Exam<'_>, said: &Said) -> Found {
    let left = said.record.repairs.iter().find(|words| words.contains("left as text"));
    if let Some(words) = left {
        return Found::fail(format!("its call cannot be read: {words}")).hint(advice::no_call(exam));
    }
    if said.answer.stop_reason.as_deref() == Some("max_tokens") {
        let reason = format!("it used up {ANSWER} tokens before it called");
        return Found::fail(reason).hint(advice::thinks_too_long(exam));
    }
    Found::fail("it answered in words instead of calling the tool").hint(advice::no_call(exam))
}
