//! `branchline models`

use std::process::ExitCode;

use branchline_control::commands::models::ModelsRes;
use branchline_proxy::estimates::EstimateCard;
use branchline_proxy::probe::{ModelCard, ModelKind};
use serde_json::json;

use crate::args::ModelsCommand;
use crate::context::Context;
use crate::door::Door;
use crate::error::{Error, Exit, Result};
use crate::out::{self, line, note, while_waiting};
use crate::table::{self, tokens, yes_no};

pub(crate) async fn run(context: &Context, command: ModelsCommand) -> Result<ExitCode> {
    let door = Door::open(context).await?;
    match command {
        ModelsCommand::List => list(context, &door).await,
        ModelsCommand::Load { model, context: window } => {
            let request = json!({ "model": model, "context_length": window });
            let what = format!("loading {model}");
            let card: ModelCard = while_waiting(&what, door.ask("models.load", request)).await?;
            say(context, &card);
            Ok(ExitCode::SUCCESS)
        }
        ModelsCommand::Unload { model } => {
            let what = format!("unloading {model}");
            let work = door.ask::<ModelCard>("models.unload", json!({ "model": model }));
            say(context, &while_waiting(&what, work).await?);
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn say(context: &Context, card: &ModelCard) {
    if context.json {
        out::json(card);
        return;
    }
    let name = format!("{}:{}", card.backend, card.id);
    match (card.loaded, card.context_loaded) {
        (Some(true), Some(window)) => line!("{name} is loaded with a window of {window} tokens"),
        (Some(true), None) => line!("{name} is loaded"),
        _ => line!("{name} is not loaded"),
    }
}

async fn list(context: &Context, door: &Door) -> Result<ExitCode> {
    let found: ModelsRes = while_waiting("asking all backends", door.ask("models.refresh", json!({}))).await?;
    if context.json {
        out::json(&found);
        return Ok(ExitCode::SUCCESS);
    }
    if found.models.is_empty() {
        note!("no backend lists any model; `branchline doctor` says why");
        return Err(Error::Said(Exit::Unreachable));
    }
    let heads = ["model", "kind", "loaded", "context", "most", "sees", "tools", "size", "estimate", "role"];
    table::print(&heads, found.models.iter().map(|card| row(card, &found)).collect());
    if out::is_terminal() {
        line!("A role that is not set is filled from this list; `branchline config set roles.coder REF` sets one.");
    }
    Ok(ExitCode::SUCCESS)
}

fn row(card: &ModelCard, found: &ModelsRes) -> Vec<String> {
    let name = format!("{}:{}", card.backend, card.id);
    let first = |models: &[String]| models.first().is_some_and(|model| *model == name);
    let roles: Vec<_> = found.roles.iter().filter(|role| first(&role.models)).map(|role| role.role.as_str()).collect();
    let roles = roles.join(", ");
    vec![
        name,
        kind(card.kind).to_owned(),
        card.state.clone().unwrap_or_else(|| yes_no(card.loaded)),
        card.context_loaded.map(tokens).unwrap_or_default(),
        card.context_max.map(tokens).unwrap_or_default(),
        yes_no(card.vision),
        yes_no(card.tools),
        [card.params.as_deref(), card.quantization.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(" "),
        card.estimate.map(|estimate| estimated(&estimate)).unwrap_or_default(),
        roles,
    ]
}

/// How far the token estimate is off of late, and from how many answers that is known.
fn estimated(card: &EstimateCard) -> String {
    format!("±{}.{} % of {}", card.error_permille / 10, card.error_permille % 10, card.answers)
}

const fn kind(kind: ModelKind) -> &'static str {
    match kind {
        ModelKind::Llm => "text",
        ModelKind::Vision => "vision",
        ModelKind::Embedding => "embedding",
        ModelKind::Unknown => "?",
    }
}
