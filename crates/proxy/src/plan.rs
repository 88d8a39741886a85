//! Planning: which edits make a request fit for one candidate. Edits are data; rendering applies them.

use branchline_routing::Candidate;
use branchline_wire::codec::anthropic;
use branchline_wire::edit::{self, BlockPath, Edit};
use branchline_wire::hub::{BlockKind, Request};
use branchline_wire::{Dialect, Upstream};

/// Tokens left free between prompt and window when the answer's limit is lowered.
pub(crate) const MARGIN: u64 = 256;
/// An answer's limit is never lowered below this.
const SMALLEST_ANSWER: u64 = 512;

/// What a model is told that cannot search.
const NO_SEARCH: &str = "<system-reminder>\nThere is no web search here and nothing was searched. Say so in one sentence. \
    Then answer from what you know, mark it as such, and name no links.\n</system-reminder>";

/// The text that stands for each image the candidate cannot see.
pub(crate) type Descriptions = Vec<(BlockPath, String)>;

/// Plans the edits for one candidate.
pub(crate) fn plan(
    request: &Request<'_>,
    prompt_tokens: u64,
    candidate: &Candidate,
    dialect: &Dialect,
    protocol: Upstream,
    descriptions: Descriptions,
) -> Vec<Edit> {
    let mut edits = Vec::new();
    if !request.model.is(&candidate.model.model) {
        edits.push(Edit::Model(candidate.model.model.clone()));
    }
    if dialect.genuine_anthropic {
        edits.extend(foreign_thinking(request));
    } else {
        edits.extend(strip_claude_only(request, protocol));
        edits.extend(lift_images(request, dialect, protocol));
    }
    if candidate.thoughtless && request.thinking.is_some() {
        edits.push(Edit::DropField { name: "thinking".into() });
    }
    edits.extend(clamp_answer(request, prompt_tokens, candidate));
    edits.extend(descriptions.into_iter().map(|(at, with)| Edit::ReplaceBlock { at, with }));
    edits
}

/// Thoughts Anthropic did not sign are refused with 400 "Invalid signature" (router-for-me/CLIProxyAPI#1584,
/// farion1231/cc-switch#3930).
fn foreign_thinking(request: &Request<'_>) -> Option<Edit> {
    let mut blocks = request.messages.iter().flat_map(|message| message.content.blocks());
    let foreign = blocks.any(|block| {
        matches!(&block.kind, BlockKind::Thinking { signature, .. } if anthropic::is_foreign_signature(signature))
    });
    foreign.then_some(Edit::DropForeignThinking)
}

/// What only Anthropic understands. The attribution line changes between conversations and, in older clients,
/// between requests: it would break the prompt prefix (vllm-mlx #277).
fn strip_claude_only(request: &Request<'_>, protocol: Upstream) -> Vec<Edit> {
    let mut edits = Vec::new();
    if edit::billing_header(request).is_some() {
        edits.push(Edit::DropBillingHeader);
    }
    if edit::has_system_messages(request) {
        edits.push(Edit::FoldSystem);
    }
    if protocol == Upstream::Anthropic {
        const FIELDS: [&str; 6] =
            ["context_management", "output_config", "metadata", "safeguards", "service_tier", "diagnostics"];
        let sent = FIELDS.iter().filter(|field| request.fields.iter().any(|(key, _)| key == *field));
        edits.extend(sent.map(|field| Edit::DropField { name: (*field).to_owned() }));
    }
    edits
}

/// Chat Completions have rules of their own for these images; a server's `/v1/messages` may refuse them in results.
fn lift_images(request: &Request<'_>, dialect: &Dialect, protocol: Upstream) -> Option<Edit> {
    let refused = protocol == Upstream::Anthropic && !dialect.tool_result_images;
    (refused && edit::images(request).any(|(at, _)| at.inner.is_some())).then_some(Edit::LiftImages)
}

/// Chat Completions have rules of their own for schemas too.
pub(crate) fn simpler_schemas(request: &Request<'_>, dialect: &Dialect, protocol: Upstream) -> Option<Edit> {
    let level = dialect.schema_level;
    let refused = protocol == Upstream::Anthropic && level > 0 && !request.tools.is_empty();
    refused.then_some(Edit::SimplifySchemas { level })
}

/// A model of the user's own that is asked to search the web would make up what it found.
pub(crate) fn no_search(request: &Request<'_>) -> Option<Edit> {
    let message = request.messages.len().checked_sub(1)?;
    Some(Edit::Append { message, with: NO_SEARCH.to_owned() })
}

/// Claude Code asks for 32,000 tokens and more, whatever the window (musistudio/claude-code-router#196).
fn clamp_answer(request: &Request<'_>, prompt_tokens: u64, candidate: &Candidate) -> Option<Edit> {
    let asked = request.max_tokens?;
    let fits = candidate.context.map(|window| window.saturating_sub(prompt_tokens + MARGIN).max(SMALLEST_ANSWER));
    let room = [fits, candidate.max_output].into_iter().flatten().min()?;
    (asked > room).then_some(Edit::MaxTokens(room))
}
