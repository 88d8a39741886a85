//! Commands that need no engine.

use std::process::{Command, Stdio};

use crate::support::Home;

#[test]
fn help_names_every_command_and_the_exit_codes() {
    let home = Home::new();
    let help = home.run(&["--help"]).good().out;
    for word in [
        "serve",
        "claude",
        "env",
        "connect",
        "disconnect",
        "statusline",
        "install-launcher",
        "man",
        "classify",
        "chat",
        "status",
        "log",
        "models",
        "doctor",
        "key",
        "config",
        "images",
        "completions",
        "--config",
        "--data-dir",
        "--json",
        "no engine is running",
    ] {
        assert!(help.contains(word), "{word} is missing in {help}");
    }
    assert_eq!(home.run(&["fly"]).code, 2);
}

#[test]
fn a_wrong_setting_is_named_with_its_line_and_a_hint() {
    let home = Home::with("[routing]\nthreshold = 700\nmode = \"fast\"\n");
    let said = home.run(&["config", "check"]);
    assert_eq!(said.code, 2, "{said:?}");
    for word in ["routing.threshold", "line 2", "routing.mode", "hint:"] {
        assert!(said.err.contains(word), "{word} is missing in {}", said.err);
    }
    let said = home.run(&["config", "check", "--json"]);
    assert_eq!(said.code, 2);
    let json: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(json["problems"].as_array().unwrap().len(), 2);
    assert_eq!(home.run(&["serve"]).code, 2);
}

#[test]
fn a_setting_is_changed_shown_and_carried_to_another_home() {
    let home = Home::new();
    home.run(&["config", "set", "routing.threshold", "61"]).good();
    home.run(&["config", "set", "roles.coder", "lmstudio:qwen"]).good();
    assert!(home.run(&["config", "show"]).good().out.contains("threshold = 61"));
    assert!(home.run(&["config", "show", "--all"]).good().out.contains("routing.mode = \"auto\""));
    assert_eq!(home.run(&["config", "show", "--json"]).json()["roles"]["coder"], "lmstudio:qwen");
    assert_eq!(home.run(&["config", "set", "routing.threshold", "610"]).code, 2);
    assert_eq!(home.run(&["config", "set", "routing.treshold", "61"]).code, 2);
    let exported = home.run(&["config", "export"]).good().out;
    let other = Home::new();
    other.run_with_input(&["config", "import", "-"], &exported).good();
    assert_eq!(other.run(&["config", "show", "--json"]).json()["routing"]["threshold"], 61);
    let path = home.run(&["config", "path"]).good().out;
    assert_eq!(path.trim(), home.config().display().to_string());
}

#[test]
fn whom_one_trusts_is_told_to_programs_too() {
    let home = Home::new();
    let folder = home.path().canonicalize().unwrap().display().to_string();
    for (remove, trusted, changed) in [(false, true, true), (false, true, false), (true, false, true)] {
        let mut args = vec!["trust", folder.as_str(), "--json"];
        args.extend(remove.then_some("--remove"));
        let expected = serde_json::json!({ "folder": folder, "trusted": trusted, "changed": changed });
        assert_eq!(home.run(&args).json(), expected);
    }
}

#[test]
fn labelled_rows_are_scored_one_by_one() {
    let home = Home::new();
    let rows = concat!(
        r#"{"id": "easy", "prompt": "rename x to y"}"#,
        "\n",
        r#"{"id": "hard", "messages": [{"role": "user", "content": "Design a distributed lock-free scheduler, prove its correctness step by step, and compare three architectures."}]}"#,
        "\n",
    );
    let said = home.run_with_input(&["classify", "--jsonl"], rows).good();
    let scores: Vec<(&str, f32)> = said
        .out
        .lines()
        .map(|line| line.split_once('\t').unwrap())
        .map(|(id, score)| {
            assert_eq!(score.split_once('.').unwrap().1.len(), 4, "four decimals: {score}");
            (id, score.parse().unwrap())
        })
        .collect();
    assert_eq!((scores[0].0, scores[1].0), ("easy", "hard"));
    assert!(scores[0].1 < scores[1].1, "{scores:?}");
    let said = home.run_with_input(&["classify", "--jsonl"], "{\"id\": \"a\"}\n{\"id\": \"b\", \"prompt\": \"x\"}\n");
    assert_eq!(said.code, 1);
    assert!(said.err.contains("line 1") && said.out.starts_with("b\t"), "{said:?}");
}

#[test]
fn a_text_is_classified_with_its_points() {
    let home = Home::new();
    let json = home.run(&["classify", "--json", "rename x to y"]).json();
    assert_eq!((json["target"].as_str(), json["threshold"].as_u64()), (Some("local"), Some(50)));
    let said = home.run_with_input(&["classify", "-"], "rename x to y").good();
    assert!(said.out.contains("of 100, threshold 50: local"), "{said:?}");
}

#[test]
fn the_variables_are_written_for_every_shell() {
    let home = Home::new();
    let json = home.run(&["env", "--json"]).json();
    let token = home.client_token();
    assert_eq!(json["ANTHROPIC_AUTH_TOKEN"], token.as_str());
    assert_eq!(json["ANTHROPIC_API_KEY"], "");
    for (shell, start) in [
        ("bash", "export ANTHROPIC_BASE_URL='http://127.0.0.1:"),
        ("zsh", "export ANTHROPIC_BASE_URL='http://127.0.0.1:"),
        ("fish", "set -gx ANTHROPIC_BASE_URL 'http://127.0.0.1:"),
        ("powershell", "$env:ANTHROPIC_BASE_URL = 'http://127.0.0.1:"),
        ("cmd", "set \"ANTHROPIC_BASE_URL=http://127.0.0.1:"),
        ("settings", "{\n  \"env\": {\n    \"ANTHROPIC_BASE_URL\": \"http://127.0.0.1:"),
    ] {
        let said = home.run(&["env", "--shell", shell]).good().out;
        assert!(said.starts_with(start) && said.contains(&token), "{shell}: {said}");
    }
}

#[cfg(unix)]
#[test]
fn bash_understands_its_variables() {
    let home = Home::new();
    let snippet = home.run(&["env", "--shell", "bash"]).good().out;
    let script = format!(
        "set -eu\n{snippet}\nprintf '%s|%s|%s' \"$ANTHROPIC_AUTH_TOKEN\" \"$ANTHROPIC_API_KEY\" \"$ANTHROPIC_MODEL\""
    );
    let bash = Command::new("bash").arg("-c").arg(script).stdin(Stdio::null()).output().unwrap();
    assert_eq!(String::from_utf8(bash.stdout).unwrap(), format!("{}||auto", home.client_token()));
}

#[test]
fn without_an_engine_status_says_so_by_its_exit_code() {
    let home = Home::new();
    let said = home.run(&["status"]);
    assert_eq!(said.code, 3, "{said:?}");
    assert!(said.err.contains("branchline serve"), "{said:?}");
    assert_eq!(home.run(&["log", "-f"]).code, 3);
    assert_eq!(home.run(&["chat"]).code, 3);
}

#[test]
fn what_is_stored_can_be_read_without_an_engine() {
    let home = Home::new();
    assert_eq!(home.run(&["images", "list", "--json"]).json()["images"], serde_json::json!([]));
    assert_eq!(home.run(&["log"]).good().out, "");
    assert_eq!(home.run(&["images", "show", "abcdef"]).code, 1);
    assert_eq!(home.run(&["log", "req_none"]).code, 1);
}

#[test]
fn a_backend_that_is_not_there_is_told_with_what_to_do() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let home = Home::new();
    home.run(&["config", "set", "backends.lmstudio.base_url", &format!("http://{free}")]).good();
    home.run(&["config", "set", "backends.lmstudio.enabled", "true"]).good();
    let said = home.run(&["models"]);
    assert_eq!(said.code, 4, "{said:?}");
    let said = home.run(&["doctor"]);
    assert_eq!(said.code, 4, "{said:?}");
    assert!(said.out.contains("lmstudio") && said.out.contains("lms server start"), "{said:?}");
    let json: serde_json::Value = serde_json::from_str(&home.run(&["doctor", "--json"]).out).unwrap();
    assert_eq!((json["checks"][0]["name"].as_str(), json["checks"][0]["ok"].as_bool()), (Some("settings"), Some(true)));
}

#[test]
fn a_key_that_cannot_be_stored_is_refused_with_a_hint_and_not_shown() {
    let home = Home::new();
    let said = home.run_with_input(&["key", "set", "anthropic"], "two words-geheim");
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.err.contains("hint:") && !format!("{said:?}").contains("geheim"), "{said:?}");
    assert_eq!(home.run_with_input(&["key", "set", "anthropic"], "").code, 2);
    assert_eq!(home.run(&["key", "set", "anthropic", "--from-env", "NOT_SET"]).code, 2);
    assert_eq!(home.run_with_input(&["key", "set", "a b"], "sk-1").code, 2);
}

#[cfg(target_os = "linux")]
#[test]
fn without_a_keyring_the_way_round_it_is_named() {
    let home = Home::new();
    let said = Home::run_with_input(&home, &["key", "set", "anthropic"], "sk-1");
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains("BRANCHLINE_KEY_"), "{said:?}");
    let mut list = home.command(&["key", "list", "--json"]);
    let said = list.env("BRANCHLINE_KEY_ANTHROPIC", "sk-1").output().unwrap();
    let json: serde_json::Value = serde_json::from_slice(&said.stdout).unwrap();
    assert_eq!(json["keys"][0]["source"], "environment");
    assert!(!String::from_utf8(said.stdout).unwrap().contains("sk-1"));
}

#[test]
fn every_command_has_a_manual_page() {
    let home = Home::new();
    let folder = home.path().join("man/man1");
    home.run(&["man", &folder.to_string_lossy()]).good();
    let page = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    assert!(page("branchline.1").contains("Exit codes"));
    assert!(page("branchline-serve.1").contains("\\-\\-demo"));
    assert!(page("branchline-config-check.1").contains("settings file"));
    assert!(page("branchline-connect-claude.1").contains("\\-\\-data\\-dir"), "the flags all share");
    let help = home.run(&["--help"]).good().out;
    let commands = help.split_once("Commands:\n").unwrap().1.lines().map_while(|line| line.strip_prefix("  "));
    let commands: Vec<&str> =
        commands.filter_map(|line| line.split(' ').next()).filter(|name| *name != "help").collect();
    assert!(commands.len() > 20, "{commands:?}");
    commands.iter().for_each(|name| assert!(page(&format!("branchline-{name}.1")).contains(name), "{name}"));
    let names = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let of_help: Vec<String> = names.filter(|name| name.contains("-help")).collect();
    assert_eq!(of_help, [""; 0], "`help` has no page of its own");
    let file = home.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert_eq!(home.run(&["man", &file.to_string_lossy()]).code, 1);
}

#[test]
fn every_shell_gets_completions() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(home.run(&["completions", shell]).good().out.contains("branchline"), "{shell}");
    }
}

#[test]
fn settings_that_may_hold_a_lost_privacy_rule_start_nothing_and_the_doctor_says_that_all_stays() {
    for (bad, said, why) in [
        ("[never_cloud]\npath = [\"secrets\"]\n", "did you mean \"paths\"?", "a rule in the settings file (line 2)"),
        ("[routing]\nmode = \"all_locall\"\n", "all_locall", "routing.mode in the settings file (line 2)"),
    ] {
        let home = Home::with(bad);
        let served = home.run(&["serve"]);
        assert_eq!(served.code, 2, "{served:?}");
        assert!(served.err.contains(said), "{served:?}");
        let doctor = home.run(&["doctor"]);
        assert_eq!(doctor.code, 2, "{doctor:?}");
        assert!(doctor.out.contains("everything stays on your machines") && doctor.out.contains(why), "{doctor:?}");
    }
}
