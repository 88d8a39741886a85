//! Bodies for the log, as far as the settings want them (`log.bodies`).

use branchline_settings::schema::Bodies;
use serde_json::Value;

use crate::call::Call;
use crate::send::as_text;

/// Members whose text says what something is and not what somebody wrote.
const PLAIN: [&str; 15] = [
    "type",
    "role",
    "model",
    "name",
    "id",
    "tool_use_id",
    "tool_call_id",
    "call_id",
    "media_type",
    "stop_reason",
    "finish_reason",
    "object",
    "code",
    "effort",
    "display",
];
/// Longest text of such a member that is kept: nobody's name is longer.
const LONGEST_NAME: usize = 200;

/// How the bodies of a call are written down. The doctor's long texts are nobody's concern.
pub(crate) fn wanted(call: &Call) -> Bodies {
    if call.doctor { Bodies::Off } else { call.world.settings.log.bodies }
}

/// What is kept of a body.
pub(crate) fn to_keep(how: Bodies, body: &[u8]) -> Option<String> {
    match how {
        Bodies::Off => None,
        Bodies::Redacted => Some(redacted(&as_text(body))),
        Bodies::Full => Some(as_text(body).into_owned()),
    }
}

/// The structure with the lengths of the texts; of a stream, that of each event.
fn redacted(text: &str) -> String {
    if let Ok(value) = serde_json::from_str::<Value>(text) {
        return masked("", value).to_string();
    }
    if !text.contains("data:") {
        return length(text);
    }
    text.lines().map(redacted_line).collect::<Vec<_>>().join("\n")
}

fn redacted_line(line: &str) -> String {
    match line.strip_prefix("data:").map(str::trim) {
        None | Some("[DONE]") => line.chars().take(LONGEST_NAME).collect(),
        Some(data) => match serde_json::from_str::<Value>(data) {
            Ok(value) => format!("data: {}", masked("", value)),
            Err(_) => format!("data: {}", length(data)),
        },
    }
}

fn masked(member: &str, value: Value) -> Value {
    match value {
        Value::String(text) if PLAIN.contains(&member) && text.len() <= LONGEST_NAME => Value::String(text),
        Value::String(text) => Value::String(length(&text)),
        Value::Array(items) => items.into_iter().map(|item| masked("", item)).collect(),
        Value::Object(members) => {
            members.into_iter().map(|(name, value)| (name.clone(), masked(&name, value))).collect()
        }
        other => other,
    }
}

fn length(text: &str) -> String {
    format!("[{} characters]", text.chars().count())
}

/// Whether a text stands for one that was not kept.
pub(crate) fn is_mask(text: &str) -> bool {
    let count = text.strip_prefix('[').and_then(|text| text.strip_suffix(" characters]"));
    count.is_some_and(|count| !count.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redacted_body_keeps_what_things_are_and_how_long_they_are() {
        let body =
            r#"{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"hällo"}]}],"max_tokens":5}"#;
        let kept = to_keep(Bodies::Redacted, body.as_bytes()).unwrap();
        let wanted = body.replace("hällo", "[5 characters]");
        assert_eq!(kept, wanted);
    }

    #[test]
    fn a_redacted_stream_keeps_its_events() {
        let stream = "event: x\ndata: {\"type\":\"x\",\"text\":\"abc\"}\n\ndata: [DONE]\n\n";
        let kept = to_keep(Bodies::Redacted, stream.as_bytes()).unwrap();
        assert_eq!(kept, "event: x\ndata: {\"type\":\"x\",\"text\":\"[3 characters]\"}\n\ndata: [DONE]\n");
    }

    #[test]
    fn what_cannot_be_read_is_only_counted() {
        assert_eq!(to_keep(Bodies::Redacted, b"secret").as_deref(), Some("[6 characters]"));
        assert_eq!(to_keep(Bodies::Off, b"{}"), None);
    }
}
