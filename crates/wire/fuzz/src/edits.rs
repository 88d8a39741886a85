//! Any edits of any request.

use branchline_wire::Upstream;
use branchline_wire::codec::{decode_request, patch_request};
use branchline_wire::edit::{self, BlockPath, Edit};
use branchline_wire::hub::{BlockKind, Request};

use super::choices::Choices;
use super::json::assert_json;
use super::requests::{assert_same, dialects, rendered, reread};

/// Edits apply the same way every time, say what they do, and leave a request that can be sent.
pub fn check(data: &[u8]) {
    let (text, mut choices) = Choices::behind(data);
    let Ok(body) = std::str::from_utf8(text) else { return };
    let protocol = [Upstream::Anthropic, Upstream::OpenaiChat][choices.below(2)];
    let Ok(mut request) = decode_request(protocol.into(), body) else { return };
    let edits: Vec<_> = (0..=choices.below(4)).map(|_| any(&request, &mut choices)).collect();
    assert!(edits.iter().all(|edit| !edit.to_string().is_empty()));
    let lost = edit::apply(&mut request, &edits);
    let dialect = &dialects()[0];
    let sent = patch_request(protocol, &request, dialect).body;

    let mut twin = decode_request(protocol.into(), body).expect("read before");
    assert_eq!(edit::apply(&mut twin, &edits), lost);
    assert_eq!(patch_request(protocol, &twin, dialect).body, sent);

    assert_json(&sent);
    kept_its_word(&request, &edits);
    rendered(&request);
    if edits.iter().any(|edit| matches!(edit, Edit::DropField { .. })) {
        return;
    }
    let again = reread(protocol, &sent);
    if protocol == Upstream::Anthropic {
        assert_same(&again, &request);
    }
}

fn kept_its_word(request: &Request<'_>, edits: &[Edit]) {
    let mut blocks = request.messages.iter().flat_map(|message| message.content.blocks());
    if edits.contains(&Edit::FoldSystem) {
        assert!(!edit::has_system_messages(request));
    }
    if edits.contains(&Edit::LiftImages) {
        assert!(edit::images(request).all(|(at, _)| at.inner.is_none()));
    }
    if edits.contains(&Edit::DropThinking) {
        let thought = |kind: &_| matches!(kind, BlockKind::Thinking { .. } | BlockKind::RedactedThinking { .. });
        assert!(!blocks.any(|block| thought(&block.kind)));
    }
}

fn any(request: &Request<'_>, choices: &mut Choices<'_>) -> Edit {
    let words = ["", "a picture", "local:qwen/qwen3:8b", " \n", "\"quoted\"\\ \u{1f331}", "<system-reminder>x"];
    match choices.below(14) {
        0 => Edit::Model(words[choices.below(words.len())].to_owned()),
        1 => Edit::MaxTokens(choices.below(70_000) as u64),
        2 => Edit::ReplaceBlock { at: place(request, choices), with: words[choices.below(words.len())].to_owned() },
        3 => Edit::DropBlock { at: place(request, choices) },
        4 => Edit::DropSystem { block: choices.below(3) },
        5 => Edit::DropBillingHeader,
        6 => Edit::FoldSystem,
        7 => Edit::DropField { name: field(request, choices) },
        8 => Edit::DropThinking,
        9 => Edit::DropTool { name: ["Read", "Bash"][choices.below(2)].to_owned() },
        10 => Edit::ShortenTools { tools: Some(choices.below(40) as u32), parameters: Some(choices.below(9) as u32) },
        11 => Edit::LiftImages,
        12 => Edit::SimplifySchemas { level: choices.below(4) as u8 },
        _ => Edit::DropForeignThinking,
    }
}

/// A place that mostly exists.
fn place(request: &Request<'_>, choices: &mut Choices<'_>) -> BlockPath {
    let message = choices.below(request.messages.len() + 1);
    let blocks = request.messages.get(message).map_or(0, |message| message.content.blocks().len());
    let inner = choices.below(4).checked_sub(2);
    BlockPath { message, block: choices.below(blocks + 1), inner }
}

/// A member that a request can do without.
fn field(request: &Request<'_>, choices: &mut Choices<'_>) -> String {
    let name = request.fields.get(choices.below(request.fields.len() + 1)).map_or("no_such", |(name, _)| *name);
    if matches!(name, "model" | "messages") { "temperature" } else { name }.to_owned()
}
