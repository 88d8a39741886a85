//! Answers that need no model. What is said here must be what the client takes for an answer: seen with
//! the real one, which sets the title and shows no suggestion.

use branchline_routing::Kind;
use branchline_wire::codec::encode_response;
use branchline_wire::hub::{Block, Request, Response, StopReason, Usage};
use branchline_wire::text::Text;
use bytes::Bytes;
use http::StatusCode;
use serde_json::json;

use crate::inbound::Inbound;
use crate::journal::Journal;
use crate::line::Line;
use crate::record::Outcome;
use crate::relay::say_whole;

/// Longest title, in words and in characters: what clients ask models for.
const TITLE_WORDS: usize = 7;
const TITLE_CHARS: usize = 60;

/// Answers a request that needs no model.
pub(crate) async fn here(line: &mut Line, journal: &mut Journal, inbound: &Inbound<'_>) {
    let said = said(inbound.turn.kind, &inbound.turn.human, inbound.request.output_schema.is_some());
    let quota = inbound.turn.kind == Kind::QuotaProbe;
    let answer = Response {
        id: Text::plain("msg_branchline"),
        model: inbound.request.model.borrowed(),
        content: vec![Block::from_text(Text::plain(&said))],
        stop_reason: Some(if quota { StopReason::MaxTokens } else { StopReason::EndTurn }),
        usage: Usage { input: Some(1), output: Some(1), ..Usage::default() },
        ..Response::default()
    };
    if !line.committed() {
        line.say("x-branchline-model", "none");
    }
    send(line, &inbound.request, &answer).await;
    journal.done(Outcome::AnsweredHere, 200);
}

async fn send(line: &mut Line, request: &Request<'_>, answer: &Response<'_>) {
    if request.stream {
        say_whole(line, answer);
        line.flush().await;
    } else {
        line.whole(StatusCode::OK, Bytes::from(encode_response(line.protocol(), answer, line.asked())));
    }
}

/// The text of the answer. `as_json` where the client wants an object.
fn said(kind: Kind, human: &str, as_json: bool) -> String {
    match kind {
        Kind::Title if as_json => json!({ "title": title(human) }).to_string(),
        Kind::Title => title(human),
        Kind::Topic => json!({ "isNewTopic": false, "title": null }).to_string(),
        // Nothing to suggest, nothing to recap: the client shows nothing.
        Kind::Suggestion | Kind::Recap => String::new(),
        _ => "ok".to_owned(),
    }
}

/// The first words of the question, as a sentence.
fn title(human: &str) -> String {
    let session = between(human, "<session>", "</session>").unwrap_or(human);
    let line = session.lines().map(str::trim).find(|line| line.chars().any(char::is_alphanumeric)).unwrap_or_default();
    let mut title = String::new();
    for word in line.split_whitespace().take(TITLE_WORDS) {
        if title.chars().count() + word.chars().count() >= TITLE_CHARS {
            break;
        }
        title.push_str(if title.is_empty() { "" } else { " " });
        title.push_str(word);
    }
    if title.is_empty() {
        // One long word, or a language that does not part its words.
        title = line.chars().take(TITLE_CHARS / 2).collect();
    }
    let title = title.trim_matches(|c: char| c.is_whitespace() || ".,;:!?#*`\"'-–>".contains(c));
    let mut letters = title.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => "New session".to_owned(),
    }
}

fn between<'t>(text: &'t str, open: &str, close: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(open)?;
    Some(rest.split_once(close).map_or(rest, |(inside, _)| inside))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_made_of_the_first_words() {
        for (human, expected) in [
            ("fix the login button of the settings page please", "Fix the login button of the settings"),
            (
                "<session>\nadd a test for it\n</session>\n\nWrite the title in the user's language.",
                "Add a test for it",
            ),
            ("```\n## plan: rewrite, then test!\n```", "Plan: rewrite, then test"),
            ("결제 모듈 리팩토링", "결제 모듈 리팩토링"),
            ("", "New session"),
        ] {
            assert_eq!(title(human), expected);
        }
        assert_eq!(title(&"語".repeat(400)).chars().count(), 30);
    }

    #[test]
    fn what_wants_an_object_gets_one() {
        let value: serde_json::Value = serde_json::from_str(&said(Kind::Title, "say \"hi\"", true)).unwrap();
        assert_eq!(value, json!({"title": "Say \"hi"}));
        assert_eq!(said(Kind::Suggestion, "x", false), "");
    }
}
