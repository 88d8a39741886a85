//! Which alias a model id means.

use branchline_routing::{Glob, ModelRef};

use crate::schema::{Alias, Settings};

/// Names with a meaning of their own: no alias may be called so, and no pattern means them.
pub(crate) const RESERVED_MODELS: [&str; 3] = ["auto", "local", "cloud"];

/// An alias that fits a model id.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FoundAlias<'s> {
    /// The alias as it is written in the settings.
    pub name: &'s str,
    /// What stands behind it, in order.
    pub models: &'s [ModelRef],
    /// What else is set for it; `None` for the short form.
    pub profile: Option<&'s Alias>,
}

impl Settings {
    /// The alias a model id means: the very name first, then the pattern that says most; `[aliases]` before `[model_map]`.
    #[must_use]
    pub fn alias(&self, id: &str) -> Option<FoundAlias<'_>> {
        let nothing_set = self.aliases.is_empty() && self.model_map.is_empty();
        if nothing_set || id.is_empty() || RESERVED_MODELS.contains(&id) {
            return None;
        }
        let by_name =
            || self.aliases.get_key_value(id).map(full).or_else(|| self.model_map.get_key_value(id).map(short));
        by_name().or_else(|| self.by_pattern(id)).filter(|found| !found.models.is_empty())
    }

    fn by_pattern(&self, id: &str) -> Option<FoundAlias<'_>> {
        let all = self.aliases.iter().map(full).chain(self.model_map.iter().map(short));
        let mut best: Option<(usize, FoundAlias<'_>)> = None;
        for found in all.filter(|found| found.name.contains(['*', '?'])) {
            let glob = Glob::new(found.name);
            if glob.is_match(id) && best.is_none_or(|(weight, _)| glob.weight() > weight) {
                best = Some((glob.weight(), found));
            }
        }
        best.map(|(_, found)| found)
    }
}

fn full<'s>((name, alias): (&'s String, &'s Alias)) -> FoundAlias<'s> {
    FoundAlias { name, models: &alias.model.0, profile: Some(alias) }
}

fn short<'s>((name, models): (&'s String, &'s crate::schema::Candidates)) -> FoundAlias<'s> {
    FoundAlias { name, models: &models.0, profile: None }
}

#[cfg(test)]
mod tests {
    use crate::load::check;

    #[test]
    fn the_very_name_is_stronger_than_a_pattern_and_the_longer_pattern_than_the_shorter() {
        let report = check(
            "[aliases.\"claude-*\"]\nmodel = \"vllm:any\"\n[aliases.\"claude-*-haiku*\"]\nmodel = [\"vllm:small\", \"ollama:small\"]\n\
             [model_map]\n\"claude-opus-4-1\" = \"vllm:big\"\n\"claude-*\" = \"ollama:never\"\n\"gpt-*\" = \"vllm:gpt\"\n",
        );
        assert_eq!(report.problems, []);
        let found = |id| report.settings.alias(id).map(|found| found.models[0].model.clone());
        assert_eq!(found("claude-3-5-haiku-latest").as_deref(), Some("small"));
        assert_eq!(found("claude-sonnet-5-5").as_deref(), Some("any"));
        assert_eq!(found("claude-opus-4-1").as_deref(), Some("big"));
        assert_eq!(found("gpt-6-sol").as_deref(), Some("gpt"));
        assert_eq!(found("qwen"), None);
        assert_eq!(report.settings.alias("claude-3-5-haiku-latest").unwrap().models.len(), 2);
    }

    #[test]
    fn a_pattern_for_everything_leaves_the_names_of_routes_alone() {
        let settings = check("[model_map]\n\"*\" = \"vllm:any\"\n").into_settings().unwrap();
        assert!(settings.alias("gpt-6-sol").is_some());
        assert_eq!(["auto", "local", "cloud", ""].map(|id| settings.alias(id)), [None; 4]);
    }
}
