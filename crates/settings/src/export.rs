//! Settings as a file to carry to another machine: differences from the defaults, and no key
//! (keys are never part of `Settings`; header names that carry one are refused by the check).

use serde_json::Value;

use crate::error::{Result, SettingsError};
use crate::save::to_document;
use crate::schema::Settings;

/// The TOML text that, checked, gives these settings again.
///
/// # Errors
/// A number in a free table that TOML cannot hold.
pub fn export(settings: &Settings) -> Result<String> {
    let own = to_json(settings)?;
    let defaults = to_json(&Settings::default())?;
    let differences = difference(&own, &defaults).unwrap_or_else(|| Value::Object(Default::default()));
    to_document(&differences)
}

/// The settings as JSON, as a UI wants them; settings that are not set are left out.
///
/// # Errors
/// None that a checked `Settings` can cause.
pub fn to_json(settings: &Settings) -> Result<Value> {
    serde_json::to_value(settings)
        .map_err(|error| SettingsError::Unwritable { path: String::new(), reason: error.to_string() })
}

/// What `own` has and `defaults` has not, or has otherwise.
fn difference(own: &Value, defaults: &Value) -> Option<Value> {
    match (own, defaults) {
        (Value::Object(own), Value::Object(defaults)) => {
            let fields: serde_json::Map<_, _> = own
                .iter()
                .filter_map(|(key, value)| {
                    let kept = match defaults.get(key) {
                        Some(default) => difference(value, default),
                        None => Some(value.clone()),
                    };
                    kept.map(|kept| (key.clone(), kept))
                })
                .collect();
            (!fields.is_empty()).then_some(Value::Object(fields))
        }
        _ => (own != defaults).then(|| own.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::check;

    #[test]
    fn the_defaults_export_to_nothing() {
        assert_eq!(export(&Settings::default()).unwrap(), "");
    }

    #[test]
    fn an_export_read_again_gives_the_same_settings() {
        let text = r#"
[server]
port = 5000
[routing]
max_local_tokens = 40000
[roles]
coder = ["lmstudio:a/b", "vllm:qwen3:8b"]
[backends.ollama]
enabled = false
[backends.studio]
base_url = "http://10.0.0.2:1234"
dialect = { schema_level = 2 }
extra_body = { top_k = 20, nested = { deep = [1.5, "x"] } }
[backends.studio.headers]
x-team = "infra"
[backends.openrouter]
[aliases."claude-opus-4.1"]
model = "studio:x"
capabilities = { vision = true }
[[rules]]
when = { tokens_over = 1000, header = { name = "x-team", value = "a*" } }
then = { role = "long_context" }
"#;
        let report = check(text);
        assert_eq!((&report.problems, &report.warnings), (&vec![], &vec![]));
        let exported = export(&report.settings).unwrap();
        let again = check(&exported);
        assert_eq!(again.problems, vec![]);
        assert_eq!(again.settings, report.settings, "{exported}");
    }
}
