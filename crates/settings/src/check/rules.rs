//! Aliases, rules, privacy: names that must exist, patterns that must be readable.

use branchline_routing::Finder;

use super::{AT_LEAST_ONE, CREDENTIAL_HEADERS, Findings, RETRIES, check_model};
use crate::alias::RESERVED_MODELS;
use crate::compile;
use crate::key_path::KeyPath;
use crate::schema::{Alias, Candidates, Rule, RuleWhen, Settings};

pub(super) fn check(settings: &Settings, found: &mut Findings) {
    for (name, alias) in &settings.aliases {
        check_alias(name, alias, settings, found);
    }
    for (name, models) in &settings.model_map {
        let path = KeyPath::keys(["model_map", name]);
        check_name(&path, name, found);
        check_models(&path, models, settings, found);
        if models.is_empty() {
            found.problem(&path, format!("nothing stands behind \"{name}\""), "write \"backend:model\"");
        }
    }
    for (index, rule) in settings.rules.iter().enumerate() {
        check_rule(index, rule, settings, found);
    }
    check_never_cloud(settings, found);
    check_projects(settings, found);
}

fn check_name(path: &KeyPath, name: &str, found: &mut Findings) {
    if RESERVED_MODELS.contains(&name) || name.trim().is_empty() {
        found.problem(
            path,
            format!("the model \"{name}\" has a meaning of its own"),
            "choose another name for the alias",
        );
    }
}

fn check_models(path: &KeyPath, models: &Candidates, settings: &Settings, found: &mut Findings) {
    for (index, model) in models.iter().enumerate() {
        let path = if models.0.len() == 1 { path.clone() } else { path.at(index) };
        check_model(&path, model, settings, found);
    }
}

fn check_alias(name: &str, alias: &Alias, settings: &Settings, found: &mut Findings) {
    let path = KeyPath::keys(["aliases", name]);
    check_name(&path, name, found);
    check_models(&path.join("model"), &alias.model, settings, found);
    if alias.model.is_empty() {
        found.problem(
            &path.join("model"),
            format!("the alias \"{name}\" has no model"),
            "set model = \"backend:model\"",
        );
    }
    found.optional(&path.join("retry_attempts"), alias.retry_attempts.map(u64::from), &RETRIES);
    let capabilities = path.join("capabilities");
    for (key, value) in [
        ("context_tokens", alias.capabilities.context_tokens),
        ("max_output_tokens", alias.capabilities.max_output_tokens),
    ] {
        found.optional(&capabilities.join(key), value, &AT_LEAST_ONE);
    }
}

fn check_rule(index: usize, rule: &Rule, settings: &Settings, found: &mut Findings) {
    let path = KeyPath::keys(["rules"]).at(index);
    if rule.then.role.is_some() != rule.then.model.is_empty() {
        found.problem(
            &path.join("then"),
            "a rule needs exactly one of role and model",
            "write then = { role = \"cloud\" } or then = { model = \"backend:model\" }",
        );
    }
    check_models(&path.join("then").join("model"), &rule.then.model, settings, found);
    if rule.when == RuleWhen::default() {
        found.warning(
            &path.join("when"),
            "without a condition the rule takes every request",
            "set at least one condition in when",
        );
    }
    check_when(&path.join("when"), &rule.when, found);
}

fn check_when(path: &KeyPath, when: &RuleWhen, found: &mut Findings) {
    let header = when.header.as_ref();
    if header.is_some_and(|header| header.name.parse::<http::HeaderName>().is_err()) {
        found.problem(
            &path.join("header").join("name"),
            "the name of the header is missing or not a header name",
            "write header = { name = \"x-team\", value = \"infra*\" }",
        );
    }
    if header.is_some_and(|header| asks_for_a_key(&header.name, header.value.as_deref())) {
        found.problem(
            &path.join("header").join("value"),
            "the value of this header is a key, and keys do not belong in the settings file",
            "leave value out: then it counts that the header is there",
        );
    }
    let path_of_hours = path.join("hours");
    match when.hours.as_deref().map(str::parse::<branchline_routing::Hours>) {
        Some(Err(error)) => found.problem(&path_of_hours, error.to_string(), "write hours = \"09:00-17:30\""),
        Some(Ok(hours)) if hours.is_empty() => found.warning(
            &path_of_hours,
            format!("no time of the day lies in {hours}, so the rule never holds"),
            "write \"00:00-24:00\" for the whole day, or leave hours out",
        ),
        _ => {}
    }
    if let Some(text) = &when.text {
        check_words(&path.join("text"), text, found);
    }
    if when.project.as_ref().is_some_and(|folder| folder.trim().is_empty()) {
        found.problem(&path.join("project"), "the folder is empty", "write project = \"~/clients/acme\"");
    }
    if let (Some(over), Some(under)) = (when.tokens_over, when.tokens_under)
        && over.saturating_add(1) >= under
    {
        found.problem(
            &path.join("tokens_under"),
            format!("no prompt has more than {over} and fewer than {under} tokens"),
            "make tokens_under larger than tokens_over, or leave one of them out",
        );
    }
}

/// `*` only asks whether it is there.
fn asks_for_a_key(header: &str, value: Option<&str>) -> bool {
    let any = value.is_none_or(|value| value.trim().chars().all(|c| c == '*'));
    !any && CREDENTIAL_HEADERS.contains(&header.trim().to_ascii_lowercase().as_str())
}

fn check_words(path: &KeyPath, text: &str, found: &mut Findings) {
    if let Err(error) = Finder::words(&[text.to_owned()], |_| String::new()) {
        found.problem(path, error.to_string(), error.hint());
    }
}

fn check_never_cloud(settings: &Settings, found: &mut Findings) {
    let never = &settings.never_cloud;
    let path = |key| KeyPath::keys(["never_cloud", key]);
    for (index, text) in never.texts.iter().enumerate() {
        check_words(&path("texts").at(index), text, found);
    }
    for (key, folders) in [("paths", &never.paths), ("projects", &never.projects)] {
        for (index, folder) in folders.iter().enumerate() {
            if !folder.contains(|c: char| c.is_alphanumeric()) {
                found.problem(
                    &path(key).at(index),
                    format!("\"{folder}\" would be found everywhere"),
                    "name a folder or file, such as \"secrets\", \"*.pem\", \"~/clients/acme\"",
                );
            }
        }
    }
    if let Err(error) = compile::finder(never) {
        found.problem(&KeyPath::keys(["never_cloud"]), error.to_string(), "use fewer or shorter patterns");
    }
}

fn check_projects(settings: &Settings, found: &mut Findings) {
    for (index, folder) in settings.projects.trusted.iter().enumerate() {
        if !compile::expand(folder).is_absolute() {
            found.problem(
                &KeyPath::keys(["projects", "trusted"]).at(index),
                format!("\"{folder}\" is no folder from the root on"),
                "write the whole path, or use `branchline trust DIR`",
            );
        }
    }
}
