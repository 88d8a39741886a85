//! `branchline demo play`: a session of a coding agent against the simulated models, request by request.

use std::process::ExitCode;
use std::time::Duration;

use branchline_control::commands::demo::DemoPlayed;
use branchline_proxy::LiveEvent;
use branchline_wire::sse::Parser;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::json;

use crate::context::Context;
use crate::door;
use crate::error::{Error, Result};
use crate::out::{self, BOLD, DIM, line};

/// How long the last request may take from the answer to the log.
const LAST_EVENT: Duration = Duration::from_secs(2);

pub(crate) async fn play(context: &Context, quick: bool) -> Result<ExitCode> {
    let client = door::must_run(context).await?;
    // Listening first: the first request is answered at once.
    let mut show = Show { quiet: context.json, seen: 0, body: client.events().await?, parser: Parser::default() };
    let request = json!({ "quick": quick });
    let played = tokio::select! {
        played = client.rpc("demo.play", &request) => played?,
        end = show.until(None) => return end.map(|()| ExitCode::SUCCESS),
    };
    let played: DemoPlayed = serde_json::from_value(played).map_err(|error| Error::BrokenOff(error.to_string()))?;
    // What is not seen by then is in the log.
    let _ = tokio::time::timeout(LAST_EVENT, show.until(Some(played.requests))).await;
    if context.json {
        out::json(&played);
    } else {
        let hint = "branchline log ID says everything about one of them";
        line!("{BOLD}{} requests{BOLD:#}  {DIM}{hint}{DIM:#}", played.requests);
    }
    Ok(ExitCode::SUCCESS)
}

/// What happens, as it happens.
struct Show {
    quiet: bool,
    /// Requests that are over.
    seen: u32,
    body: Incoming,
    parser: Parser,
}

impl Show {
    /// Shows what happens until so many requests are over, or until the engine goes away.
    async fn until(&mut self, requests: Option<u32>) -> Result<()> {
        while requests.is_none_or(|requests| self.seen < requests) {
            let Some(Ok(frame)) = self.body.frame().await else {
                return Err(Error::BrokenOff("it was stopped".into()));
            };
            let Some(bytes) = frame.data_ref() else { continue };
            let (quiet, seen) = (self.quiet, &mut self.seen);
            let pushed = self.parser.push(bytes, |_, data| {
                let Ok(event) = serde_json::from_str::<LiveEvent>(data) else { return };
                *seen += u32::from(matches!(event, LiveEvent::RequestFinished { .. }));
                if !quiet {
                    super::serve::show(&event);
                }
            });
            pushed.map_err(|error| Error::BrokenOff(error.to_string()))?;
        }
        Ok(())
    }
}
