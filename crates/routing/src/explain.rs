//! Every step of a decision in words, also those that chose nothing: what a user who wonders wants to read.
//! Not on the way of a request.

use crate::decide::{Decision, Question};
use crate::turn::Kind;
use crate::{Circumstances, Mode, NeverCloud, Policy, Role, Rule, Target};

/// The steps in the order they are taken (docs/rules.md has them as a table).
#[must_use]
pub fn steps(
    question: &Question<'_>,
    policy: &Policy,
    (rules, never_cloud): (&[Rule], &NeverCloud),
    at: &Circumstances,
    decision: &Decision,
) -> Vec<String> {
    let mut steps = vec![privacy(question, never_cloud), insisted(question, at), mode(policy), alias(question, at)];
    steps.extend(rule_by_rule(question, rules, at));
    steps.push(kind(decision.kind));
    steps.push(turn(question, policy));
    steps.push(dispatcher(question, policy, decision));
    steps.push(score(policy, decision));
    steps.extend(decision.reasons.iter().map(|reason| format!("so: {reason}")));
    steps.push(line(decision));
    steps
}

fn privacy(question: &Question<'_>, never_cloud: &NeverCloud) -> String {
    match &question.private {
        Some(why) => format!("privacy: {why}; only your own machines may be asked"),
        None if never_cloud.is_empty() => "privacy: no never_cloud rule is set".into(),
        None => "privacy: nothing of never_cloud is in the request".into(),
    }
}

fn insisted(question: &Question<'_>, at: &Circumstances) -> String {
    match (&question.forced, &question.asked) {
        (Some(forced), _) => format!("forced: by {}", forced.by),
        (None, Target::Auto | Target::Named { .. }) => {
            "forced: no header, no tag, no model id that names a route".into()
        }
        (None, _) => format!("forced: the model id {} names a route", at.model),
    }
}

fn mode(policy: &Policy) -> String {
    if let Some(why) = &policy.mode_unread {
        return format!("mode: {why}, so everything stays on your machines");
    }
    match policy.mode {
        Mode::Auto => "mode: auto".into(),
        Mode::Local => "mode: everything stays on your machines".into(),
        Mode::Cloud => "mode: everything goes to the cloud".into(),
        Mode::Dispatcher => "mode: dispatcher".into(),
    }
}

fn alias(question: &Question<'_>, at: &Circumstances) -> String {
    match &question.asked {
        Target::Named { name, models } => {
            let models: Vec<String> = models.iter().map(ToString::to_string).collect();
            format!("alias: {name} stands for {}", models.join(", "))
        }
        _ => format!("alias: none for the model id \"{}\"", at.model),
    }
}

fn rule_by_rule(question: &Question<'_>, rules: &[Rule], at: &Circumstances) -> Vec<String> {
    if rules.is_empty() {
        return vec!["rules: none is set".into()];
    }
    let told = rules.iter().map(|rule| match rule.when.unmet(question.turn, at) {
        Some(why) => format!("{}: does not fit, {why}", rule.name),
        None => format!("{}: fits, to {}", rule.name, rule.then),
    });
    told.collect()
}

fn kind(kind: Kind) -> String {
    let what = match kind {
        Kind::Main => "a step of the main conversation",
        Kind::Subagent => "a step of a subagent",
        Kind::QuotaProbe => "a quota probe",
        Kind::Title => "a title for the session",
        Kind::Suggestion => "a guess at what the human types next",
        Kind::Topic => "whether a message begins a new topic",
        Kind::Recap => "a few words for a human who was away",
        Kind::Command => "the prefix of a command, or the files it names",
        Kind::Compaction => "a summary of the conversation",
        Kind::WebSearch => "a web search the server is to run",
    };
    format!("kind: {what}")
}

fn turn(question: &Question<'_>, policy: &Policy) -> String {
    let Some(limits) = policy.escalation else { return "escalation: switched off".into() };
    match (question.earlier, limits.reached(question.turn.struggle, question.answers)) {
        (Some(earlier), _) if earlier.escalated => "escalation: this turn has escalated already".into(),
        (_, Some(why)) => format!("escalation: {why}"),
        (_, None) => "escalation: the turn shows no struggle".into(),
    }
}

fn dispatcher(question: &Question<'_>, policy: &Policy, decision: &Decision) -> String {
    if policy.mode != Mode::Dispatcher {
        return "dispatcher: not asked in this mode".into();
    }
    if policy.role(Role::Dispatcher).is_empty() {
        return "dispatcher: no model is set in roles.dispatcher".into();
    }
    match &question.dispatched {
        Some(_) => "dispatcher: asked for this turn".into(),
        None if decision.ask_dispatcher => "dispatcher: would be asked now".into(),
        None => "dispatcher: not asked for this request".into(),
    }
}

fn score(policy: &Policy, decision: &Decision) -> String {
    let points: Vec<String> = decision
        .score
        .points
        .iter()
        .map(|point| format!("{:+.1} {} ({})", point.points, point.signal.label(), point.why))
        .collect();
    let made_of = if points.is_empty() { "no signal".into() } else { points.join(", ") };
    format!("score: {} against the threshold {}: {made_of}", decision.score.value, policy.threshold)
}

fn line(decision: &Decision) -> String {
    if decision.candidates.is_empty() {
        return "models: none is asked".into();
    }
    let names: Vec<String> = decision.candidates.iter().map(|one| one.model.to_string()).collect();
    let advice = decision.advisor.as_ref().map(|one| format!("{} gives advice; ", one.model)).unwrap_or_default();
    format!("models: {advice}{}", names.join(", then "))
}
