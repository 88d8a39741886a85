//! The tests of one model, in their order, and what they have in common.

use std::sync::Arc;
use std::time::{Duration, Instant};

use branchline_routing::{ModelRef, Role};
use branchline_settings::Auth;
use branchline_wire::hub::FailureKind;
use serde_json::{Value, json};

use super::ask::{Said, ask};
use super::{TestName, TestResult, Verdict, Wanted, advice, context, picture, tools};
use crate::engine::Engine;
use crate::journal::whole_millis;
use crate::learned::Habit;
use crate::probe::ModelCard;
use crate::record::Outcome;
use crate::replay::ToolCall;

/// A model may have to be loaded for its first answer.
const FIRST: Duration = Duration::from_secs(600);
/// Every other question is short.
const NEXT: Duration = Duration::from_secs(180);
/// Tokens an answer may have: models that think first need some.
pub(super) const ANSWER: u64 = 2_048;
/// Slower than this nobody waits for an agent.
const SLOW: f32 = 5.0;

/// What a test found.
#[derive(Debug)]
pub(super) struct Found {
    verdict: Verdict,
    reason: String,
    hint: Option<String>,
    request: Option<String>,
}

impl Found {
    pub(super) fn new(verdict: Verdict, reason: impl Into<String>) -> Self {
        Self { verdict, reason: reason.into(), hint: None, request: None }
    }

    pub(super) fn fail(reason: impl Into<String>) -> Self {
        Self::new(Verdict::Fail, reason)
    }

    pub(super) fn skipped(reason: impl Into<String>) -> Self {
        Self::new(Verdict::Skipped, reason)
    }

    pub(super) fn hint(mut self, hint: impl Into<Option<String>>) -> Self {
        self.hint = hint.into();
        self
    }

    pub(super) fn of(mut self, said: &Said) -> Self {
        self.request = Some(said.record.id.clone());
        self
    }
}

/// One model under test.
pub(super) struct Exam<'e> {
    pub(super) engine: &'e Arc<Engine>,
    pub(super) model: &'e ModelRef,
    pub(super) wanted: &'e Wanted,
    /// The call it made, to go on from.
    pub(super) called: Option<ToolCall>,
}

impl<'e> Exam<'e> {
    pub(super) const fn new(engine: &'e Arc<Engine>, model: &'e ModelRef, wanted: &'e Wanted) -> Self {
        Self { engine, model, wanted, called: None }
    }

    /// Takes all tests. A model that does not answer is asked nothing more.
    pub(super) async fn take(mut self) {
        let mut silent = false;
        for test in TestName::ALL {
            self.engine.note_checkup(self.model, |checkup| checkup.current = Some(test));
            let began = Instant::now();
            let found = match silent {
                true => Found::skipped("it does not answer"),
                false => Box::pin(self.one(test)).await,
            };
            silent |= test == TestName::Answer && found.verdict == Verdict::Fail;
            self.note(test, found, began.elapsed());
        }
    }

    async fn one(&mut self, test: TestName) -> Found {
        let needs_tools = matches!(test, TestName::Call | TestName::Parallel | TestName::RoundTrip | TestName::Stream);
        if needs_tools && !self.is_agent() {
            return Found::skipped("its role calls no tools");
        }
        match test {
            TestName::Answer => self.answer().await,
            TestName::Call => tools::call(self).await,
            TestName::Parallel => tools::parallel(self).await,
            TestName::RoundTrip => tools::round_trip(self).await,
            TestName::Stream => tools::stream(self).await,
            TestName::Vision => picture::see(self).await,
            TestName::Context => context::read(self).await,
            TestName::Speed => self.speed().await,
        }
    }

    fn note(&self, test: TestName, found: Found, took: Duration) {
        let Found { verdict, reason, hint, request } = found;
        let result = TestResult { test, verdict, reason, hint, request, ms: whole_millis(took) };
        self.engine.note_checkup(self.model, |checkup| {
            checkup.verdict = checkup.verdict.max(verdict);
            checkup.results.push(result);
        });
    }

    /// Asks one thing; an answer that failed is the test's finding.
    pub(super) async fn put(&self, mut body: Value, limit: Duration) -> Result<Said, Found> {
        body["model"] = json!(self.model.to_string());
        if body["max_tokens"].is_null() {
            body["max_tokens"] = json!(ANSWER);
        }
        let asked = ask(self.engine, self.model, &body, limit).await;
        let said = asked.map_err(|fault| {
            let slow = fault.failure.kind == FailureKind::Timeout;
            let hint = slow.then(|| "a smaller model, or a shorter window, answers sooner".to_owned());
            Found::fail(fault.to_string()).hint(fault.hint.or(hint))
        })?;
        if said.record.outcome == Outcome::Ok {
            return Ok(said);
        }
        let reason = said.record.error.as_ref().map_or_else(|| "the answer broke off".into(), |e| e.message.clone());
        Err(Found::fail(reason).hint(advice::after(self, &said.record)).of(&said))
    }

    /// The same within the time a short question may take.
    pub(super) async fn quick(&self, body: Value) -> Result<Said, Found> {
        self.put(body, NEXT).await
    }

    /// It did what was wanted; by itself, or because something was mended.
    pub(super) fn good(&self, said: &Said, seen: impl Into<String>) -> Found {
        let (seen, mended) = (seen.into(), self.mended(said));
        match mended.is_empty() {
            true => Found::new(Verdict::Pass, seen).of(said),
            false => Found::new(Verdict::Repaired, format!("{seen}: {}", mended.join("; "))).of(said),
        }
    }

    fn mended(&self, said: &Said) -> Vec<String> {
        let learned = &self.engine.learned;
        let mut mended = said.record.repairs.clone();
        if said.with_tools && learned.schema_level(self.model, 0) > 0 {
            mended.push("tool schemas simplified: its server could not build a grammar from them".into());
        }
        if said.with_tools && learned.has(Habit::StrictTurns, self.model) {
            mended.push("messages folded into strict turns for its template".into());
        }
        mended
    }

    pub(super) fn card(&self) -> Option<ModelCard> {
        self.engine.world().card(self.model).cloned()
    }

    pub(super) fn is_local(&self) -> bool {
        self.engine.world().catalog.facts(self.model).local
    }

    /// Whether it does an agent's work, which needs tools and a long window; also where nobody has said what it is for.
    pub(super) fn is_agent(&self) -> bool {
        let world = self.engine.world();
        let has = |role: Role| world.policy.role(role).contains(self.model);
        let simple = [Role::Vision, Role::Background, Role::Dispatcher, Role::WebSearch].into_iter().any(has);
        let able = [Role::Coder, Role::Cloud, Role::Tool, Role::Think, Role::LongContext].into_iter().any(has);
        able || !simple || self.wanted.models.contains(&self.model.to_string())
    }

    async fn answer(&self) -> Found {
        let world = self.engine.world();
        let backend = world.backends.get(&self.model.backend);
        if backend.is_some_and(|backend| backend.resolved.auth == Auth::Passthrough) {
            return Found::fail("it is asked with the client's own login, which the doctor does not have")
                .hint("store a key to have it tested".to_owned());
        }
        let cold = self.card().is_some_and(|card| card.loaded == Some(false));
        let body = json!({"messages": [{"role": "user", "content": "Reply with the single word: ready"}]});
        let said = match self.put(body, FIRST).await {
            Ok(said) => said,
            Err(found) => return found,
        };
        if let Some(other) = &said.record.answered_as {
            let hint = format!("load it (`branchline models load {}`), or choose what its server has", self.model);
            return Found::fail(format!("{other} answered instead")).hint(hint).of(&said);
        }
        let seconds = Duration::from_millis(said.record.duration_ms).as_secs_f32();
        match (said.text().trim().is_empty(), cold) {
            (true, _) => Found::fail("the answer was empty").hint(advice::empty(&said)).of(&said),
            (false, true) => self.good(&said, format!("loaded and answered in {seconds:.1} s")),
            (false, false) => self.good(&said, format!("answered in {seconds:.1} s")),
        }
    }

    async fn speed(&self) -> Found {
        let text = "Write about 150 words about the history of railways.";
        let body = json!({"stream": true, "max_tokens": 400, "messages": [{"role": "user", "content": text}]});
        let said = match self.quick(body).await {
            Ok(said) => said,
            Err(found) => return found,
        };
        let (first, rate) = figures(&said);
        self.engine.note_checkup(self.model, |checkup| {
            checkup.ttft_ms = first;
            checkup.tokens_per_second = rate;
        });
        let seen = in_words(first, rate);
        if said.pieces < 4 {
            let hint = "switch buffering off in whatever stands between here and the server".to_owned();
            return Found::new(Verdict::Limited, format!("{seen}; the answer came in one piece")).hint(hint).of(&said);
        }
        match rate {
            Some(rate) if rate < SLOW => {
                let hint = "a smaller model or quantization, or more layers on the GPU, is faster".to_owned();
                Found::new(Verdict::Limited, format!("{seen}: slow for an agent")).hint(hint).of(&said)
            }
            _ => self.good(&said, seen),
        }
    }
}

/// Time to the first token in ms, and tokens a second after it.
fn figures(said: &Said) -> (Option<u64>, Option<f32>) {
    let record = &said.record;
    let first = record.ttft_ms;
    let writing = record.duration_ms.saturating_sub(first.unwrap_or(0));
    // A server that does not count is taken at four characters a token.
    let counted = match record.usage.output {
        0 => said.text().len() as u64 / 4,
        tokens => tokens,
    };
    let rate = (writing >= 20 && counted > 1).then(|| counted as f32 * 1000.0 / writing as f32);
    (first, rate)
}

fn in_words(first: Option<u64>, rate: Option<f32>) -> String {
    let first = first.map(|ms| format!("first token after {ms} ms"));
    let rate = rate.map(|rate| format!("{rate:.0} tokens/s"));
    let known: Vec<_> = first.into_iter().chain(rate).collect();
    if known.is_empty() { "too fast to measure".into() } else { known.join(", ") }
}
