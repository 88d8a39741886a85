//! Answers that need no model.

use branchline_wire::codec::encode_response;
use branchline_wire::hub::{Block, Request, Response, StopReason, Usage};
use branchline_wire::text::Text;
use bytes::Bytes;
use http::StatusCode;

use crate::journal::Journal;
use crate::line::Line;
use crate::record::Outcome;
use crate::relay::say_whole;

/// Claude Code asks with one token whether it may ask at all (protocols B.9).
pub(crate) async fn quota(line: &mut Line, journal: &mut Journal, request: &Request<'_>) {
    let answer = Response {
        id: Text::plain("msg_quota"),
        model: request.model.borrowed(),
        content: vec![Block::from_text(Text::plain("ok"))],
        stop_reason: Some(StopReason::MaxTokens),
        usage: Usage { input: Some(1), output: Some(1), ..Usage::default() },
        ..Response::default()
    };
    line.say("x-branchline-model", "none");
    if request.stream {
        say_whole(line, &answer);
        line.flush().await;
    } else {
        line.whole(StatusCode::OK, Bytes::from(encode_response(line.protocol(), &answer, line.created())));
    }
    journal.done(Outcome::AnsweredHere, 200);
}
