use serde_json::json;

use super::*;
use crate::schema::Settings;

const FILE: &str = r#"# my settings
[routing]
# higher on the big machine
threshold = 65 # was 50
future_setting = "kept"

# the box under the desk
[backends.studio]
base_url = "http://10.0.0.2:1234"
"#;

fn one(text: &str, path: &str, value: Json) -> String {
    let path = path.to_owned();
    edit(text, &[Change { path, value }]).unwrap()
}

fn refused(text: &str, path: &str, value: Json) -> SettingsError {
    let path = path.to_owned();
    edit(text, &[Change { path, value }]).unwrap_err()
}

#[test]
fn a_change_keeps_comments_order_and_unknown_keys() {
    let changed = one(FILE, "routing.threshold", json!(70));
    assert_eq!(changed, FILE.replace("65", "70"));
    let changed = one(FILE, "roles.coder", json!("studio:qwen"));
    assert_eq!(changed, format!("{FILE}\n[roles]\ncoder = \"studio:qwen\"\n"));
}

#[test]
fn what_is_no_setting_can_be_taken_out_and_nothing_else() {
    let text = "# mine\n[routing]\nthreshold = 65\ntreshold = 3 # a slip\n[windw]\nx = 1\n";
    let changed = one(text, "routing.treshold", json!(null));
    assert_eq!(changed, text.replace("treshold = 3 # a slip\n", ""));
    assert_eq!(one(text, "windw", json!(null)), text.replace("[windw]\nx = 1\n", ""));
    assert_eq!(refused(text, "routing.treshold", json!(4)).code(), "unknown_setting");
    assert_eq!(refused(text, "routing.treshhold", json!(null)).code(), "unknown_setting");
}

#[test]
fn of_several_mistakes_one_after_the_other_can_be_taken_out() {
    let text = "[routing]\nthreshold = 700\n[log]\nkeep_days = \"long\"\n";
    let once = one(text, "routing.threshold", json!(null));
    assert_eq!(once, "[log]\nkeep_days = \"long\"\n");
    assert_eq!(one(&once, "log.keep_days", json!(null)), "");
    // A change of anything else would not be in force: it is refused as before.
    assert_eq!(refused(text, "server.port", json!(4200)).code(), "invalid_settings");
    assert_eq!(refused(text, "server.port", json!(null)).code(), "invalid_settings");
}

#[test]
fn comments_at_the_end_of_the_file_stay_above_a_new_section() {
    assert_eq!(one("# only words\n", "log.keep_days", json!(3)), "# only words\n\n[log]\nkeep_days = 3\n");
    let text = "[log]\nkeep_days = 3\n# three is enough\n";
    assert_eq!(one(text, "routing.threshold", json!(60)), format!("{text}\n[routing]\nthreshold = 60\n"));
}

#[test]
fn a_value_set_back_to_its_default_leaves_the_file() {
    let changed = one(FILE, "routing.threshold", json!(50));
    assert_eq!(changed, FILE.replace("threshold = 65 # was 50\n", ""));
    assert_eq!(one("", "routing.threshold", json!(50)), "");
    assert_eq!(one("[log]\nkeep_days = 3\n", "log.keep_days", Json::Null), "");
}

#[test]
fn a_default_backend_can_be_changed_and_changed_back() {
    let off = one("", "backends.ollama.enabled", json!(false));
    assert_eq!(off, "[backends.ollama]\nenabled = false\n");
    assert_eq!(one(&off, "backends.ollama.enabled", json!(true)), "");
}

#[test]
fn a_backend_that_is_not_a_default_keeps_its_empty_section() {
    let text = "[backends.openrouter]\nconcurrency = 2\n";
    assert_eq!(one(text, "backends.openrouter.concurrency", Json::Null), "[backends.openrouter]\n");
    assert_eq!(one(text, "backends.openrouter", Json::Null), "");
}

#[test]
fn whole_tables_and_lists_of_rules_are_written_readably() {
    let text = one(
        "",
        "backends.studio",
        json!({"preset": "lmstudio", "base_url": "http://10.0.0.2:1234", "local": null, "headers": {"x-a": "b"}}),
    );
    assert_eq!(
        text,
        "[backends.studio]\npreset = \"lmstudio\"\nbase_url = \"http://10.0.0.2:1234\"\nheaders = { x-a = \"b\" }\n"
    );
    let text = one(&text, "rules", json!([{"when": {"subagent": true}, "then": {"role": "coder"}}]));
    assert!(text.ends_with("[[rules]]\nwhen = { subagent = true }\nthen = { role = \"coder\" }\n"), "{text}");
    let text = one("", "aliases.\"claude-opus-4.1\".model", json!("ollama:qwen3:8b"));
    assert_eq!(text, "[aliases.\"claude-opus-4.1\"]\nmodel = \"ollama:qwen3:8b\"\n");
}

#[test]
fn other_ways_of_writing_the_same_setting_are_kept() {
    let dotted = "routing.threshold = 60\n\n[log]\nkeep_days = 3\n";
    assert_eq!(one(dotted, "routing.threshold", json!(70)), dotted.replace("60", "70"));
    assert_eq!(one(dotted, "routing.threshold", json!(50)), "\n[log]\nkeep_days = 3\n");
    let more = one(dotted, "routing.mode", json!("local"));
    assert_eq!(more, dotted.replace("60\n", "60\nrouting.mode = \"local\"\n"));
    let inline = "routing = { threshold = 60, mode = \"local\" }\n";
    assert_eq!(one(inline, "routing.threshold", Json::Null), "routing = { mode = \"local\" }\n");
    let deep = "[backends.studio.headers]\nx-a = \"b\"\n";
    let text = one(deep, "backends.studio.base_url", json!("http://10.0.0.2:1"));
    assert!(text.contains("[backends.studio]\nbase_url"), "{text}");
    let windows = "[routing]\r\nthreshold = 60\r\nmode = \"local\"\r\n";
    assert_eq!(check(&one(windows, "routing.threshold", json!(50))).settings.routing.threshold, 50);
}

#[test]
fn several_changes_are_made_together_or_not_at_all() {
    let change = |path: &str, value| Change { path: path.to_owned(), value };
    let studio = json!({"base_url": "http://10.0.0.2:1234"});
    let good = [change("roles.coder", json!("studio:a")), change("backends.studio", studio)];
    let text = edit("", &good).unwrap();
    assert_eq!(check(&text).problems, vec![]);
    let bad = [change("log.keep_days", json!(3)), change("routing.threshold", json!(500))];
    assert!(edit("", &bad).is_err());
}

#[test]
fn a_value_that_does_not_check_is_refused() {
    for (path, value) in [
        ("routing.threshold", json!(150)),
        ("routing.threshold", json!("50")),
        ("roles.coder", json!("nowhere:x")),
        ("server.host", json!("0.0.0.0")),
        ("backends.studio.base_url", Json::Null),
    ] {
        let error = refused(FILE, path, value);
        assert!(matches!(&error, SettingsError::Invalid { problems } if !problems.is_empty()), "{path}: {error}");
        assert!(!error.hint().is_empty());
    }
}

#[test]
fn a_setting_that_does_not_exist_is_refused_with_a_suggestion() {
    let error = refused("", "routing.treshold", json!(5));
    assert!(error.to_string().contains("did you mean \"threshold\""), "{error}");
    assert!(matches!(refused("", "rules[0]", json!(5)), SettingsError::KeyPath { .. }));
    assert!(matches!(refused("", "log.keep_days", json!(u64::MAX)), SettingsError::Unwritable { .. }));
}

#[test]
fn a_broken_file_is_not_touched_but_a_bad_value_can_be_mended() {
    assert!(matches!(refused("[server\n", "log.keep_days", json!(3)), SettingsError::Invalid { .. }));
    let mended = one("[routing]\nthreshold = 500\nmode = \"local\"\n", "routing.threshold", json!(60));
    assert_eq!(mended, "[routing]\nthreshold = 60\nmode = \"local\"\n");
    let mended = one("[routing]\nthreshold = 500\nmode = \"local\"\n", "routing.threshold", json!(50));
    assert_eq!(mended, "[routing]\nmode = \"local\"\n");
}

#[test]
fn a_file_is_made_replaced_whole_and_left_alone_when_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("deep/settings.toml");
    let report = set(&file, "log.keep_days", json!(3)).unwrap();
    assert_eq!(report.settings.log.keep_days, 3);
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.starts_with("# Branchline settings"), "{text}");
    set(&file, "log.keep_days", json!(0)).unwrap_err();
    replace(&file, "[log]\nkeep_days = 0\n").unwrap_err();
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    replace(&file, "").unwrap();
    assert_eq!(crate::load::load(&file).unwrap().settings, Settings::default());
    let left = fs::read_dir(folder.path().join("deep")).unwrap().count();
    assert_eq!(left, 1, "no temporary file stays");
}

#[cfg(unix)]
#[test]
fn mode_and_symbolic_link_of_the_file_survive() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let (real, link) = (folder.path().join("dotfile.toml"), folder.path().join("settings.toml"));
    fs::write(&real, FILE).unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    set(&link, "routing.threshold", json!(70)).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(&real).unwrap(), FILE.replace("65", "70"));
    assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);
}
