//! Pointing Claude Code here: its settings file, its status line, launchers.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::{Home, Said};

fn settings(home: &Home) -> PathBuf {
    home.path().join(".claude/settings.json")
}

fn with_settings(text: &str) -> Home {
    let home = Home::new();
    std::fs::create_dir(home.path().join(".claude")).unwrap();
    std::fs::write(settings(&home), text).unwrap();
    home
}

/// What is written names a port, so one must be known; nothing listens at this one.
fn at_a_port(home: Home) -> Home {
    let text = std::fs::read_to_string(home.config()).unwrap();
    std::fs::write(home.config(), text.replace("port = 0", "port = 9")).unwrap();
    home
}

#[test]
fn without_write_it_only_shows_what_would_be_merged() {
    let before = "{\n\n  \"model\":   \"opus\"\n}\n";
    let home = with_settings(before);
    let said = home.run(&["connect", "claude"]).good();
    assert!(said.out.contains("+ env.ANTHROPIC_BASE_URL = \"http://127.0.0.1:"), "{said:?}");
    assert!(said.err.contains("--write"), "{said:?}");
    assert!(!format!("{said:?}").contains(&home.client_token()), "the token is not shown");
    assert_eq!(std::fs::read_to_string(settings(&home)).unwrap(), before);
}

#[test]
fn what_is_written_is_taken_back_byte_for_byte() {
    let before = "{\n\n  \"model\":   \"opus\"\n}\n";
    let home = at_a_port(with_settings(before));
    let said = home.run(&["connect", "claude", "--write", "--statusline"]).good();
    assert!(said.out.contains("disconnect"), "{said:?}");
    let text = std::fs::read_to_string(settings(&home)).unwrap();
    assert!(
        text.contains("\"model\":   \"opus\"") && text.contains(&home.client_token()) && text.contains(" statusline\""),
        "{text}"
    );
    let again = home.run(&["connect", "claude", "--write", "--json"]).json();
    assert_eq!(again["connected"], true);
    assert!(home.run(&["disconnect", "claude"]).good().out.contains("byte for byte"));
    assert_eq!(std::fs::read_to_string(settings(&home)).unwrap(), before);
    assert_eq!(home.run(&["disconnect", "claude"]).code, 1);
}

#[test]
fn another_tools_address_is_refused_with_its_name() {
    let home = at_a_port(with_settings(r#"{"env": {"ANTHROPIC_BASE_URL": "http://other"}}"#));
    let said = home.run(&["connect", "claude", "--write"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains("env.ANTHROPIC_BASE_URL") && said.err.contains("--replace"), "{said:?}");
    home.run(&["connect", "claude", "--write", "--replace"]).good();
    home.run(&["disconnect", "claude"]).good();
    assert!(std::fs::read_to_string(settings(&home)).unwrap().contains("http://other"));
}

#[test]
fn an_address_that_no_engine_has_yet_is_not_written() {
    let home = with_settings("{}");
    let said = home.run(&["connect", "claude", "--write"]);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.err.contains("server.port is 0") && said.err.contains("branchline serve"), "{said:?}");
    assert_eq!(std::fs::read_to_string(settings(&home)).unwrap(), "{}");
    assert_eq!(home.run(&["connect", "claude", "--replace"]).code, 2, "it needs --write");
}

#[test]
fn a_file_that_was_deleted_meanwhile_is_not_lost() {
    let before = "{ \"model\": \"opus\" }";
    let home = at_a_port(with_settings(before));
    home.run(&["connect", "claude", "--write"]).good();
    std::fs::remove_file(settings(&home)).unwrap();
    let undone = home.run(&["disconnect", "claude", "--json"]).json();
    assert_eq!(
        (&undone["exact"], std::fs::read_to_string(undone["copy"].as_str().unwrap()).unwrap().as_str()),
        (&json!(false), before)
    );
}

#[cfg(unix)]
#[test]
fn a_file_that_others_may_read_is_said_to_have_the_token() {
    use std::os::unix::fs::PermissionsExt;
    for (mode, warned) in [(0o644, true), (0o600, false)] {
        let home = at_a_port(with_settings("{}"));
        std::fs::set_permissions(settings(&home), std::fs::Permissions::from_mode(mode)).unwrap();
        let said = home.run(&["connect", "claude", "--write"]).good();
        assert_eq!(said.err.contains("others may read it"), warned, "{mode:o}: {said:?}");
    }
}

#[test]
fn another_file_can_be_named() {
    let home = at_a_port(Home::new());
    let file = home.path().join("project/.claude/settings.local.json");
    let name = file.to_str().unwrap();
    home.run(&["connect", "claude", "--write", "--settings", name]).good();
    assert!(file.exists() && !settings(&home).exists());
    home.run(&["disconnect", "claude", "--settings", name]).good();
    assert!(!file.exists());
}

/// What Claude Code gives a status line command after its first turn, in its shape and order.
fn told(session: &str) -> String {
    json!({
        "session_id": session, "transcript_path": "/home/me/.claude/projects/-home-me-app/t.jsonl",
        "cwd": "/home/me/app", "prompt_id": "4b6c4168-2dbc-4a44-985a-674582fa787f", "effort": { "level": "high" },
        "session_name": "Why does Rust borrow?", "model": { "id": "auto", "display_name": "auto" },
        "workspace": { "current_dir": "/home/me/app", "project_dir": "/home/me/app", "added_dirs": [] },
        "version": "2.1.197", "output_style": { "name": "default" },
        "cost": { "total_cost_usd": 0.113_615, "total_duration_ms": 10_838, "total_api_duration_ms": 5_168,
            "total_lines_added": 0, "total_lines_removed": 0 },
        "context_window": { "total_input_tokens": 21_765, "total_output_tokens": 98, "context_window_size": 131_072,
            "current_usage": { "input_tokens": 21_765, "output_tokens": 98, "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 0 },
            "used_percentage": 17, "remaining_percentage": 83 },
        "exceeds_200k_tokens": false, "fast_mode": false, "thinking": { "enabled": true },
    })
    .to_string()
}

fn line(home: &Home, input: &str) -> String {
    let said = home.run_with_input(&["statusline"], input).good();
    assert_eq!((said.out.matches('\n').count(), said.err.as_str()), (1, ""), "{said:?}");
    said.out
}

#[test]
fn the_status_line_is_a_line_whatever_happens() {
    let home = Home::new();
    let said = line(&home, &told("s"));
    assert!(said.contains("Branchline is not running · auto") && said.contains("83 % of 131k context left"), "{said}");
    for input in ["", "{", "[1, 2]", r#"{"session_id": 7, "context_window": "full"}"#] {
        assert!(line(&home, input).contains("not running"), "{input}");
    }
    assert!(!home.data().exists(), "it writes nothing");
}

#[test]
fn the_status_line_shows_who_really_answered_this_session() {
    let home = Home::new();
    let served = home.serve(&["--demo", "--port", "0"]);
    served.wait_until("ready", |served| served.get("/health").1.contains("\"status\":\"ok\""));
    let session = "11111111-2222-4333-8444-555555555555";
    assert!(line(&home, &told(session)).contains("no request of this session"));
    let body = json!({ "model": "auto", "max_tokens": 200,
        "messages": [{ "role": "user", "content": "Why does Rust borrow?" }] });
    assert_eq!(served.post_in(session, "/v1/messages", &home.client_token(), &body.to_string()).0, 200);
    served.wait_until("logged", |_| line(&home, &told(session)).contains("lmstudio:qwen/qwen3-coder-next"));
    let said = line(&home, &told(session));
    assert!(said.contains("local") && said.contains("score ") && said.contains("83 %"), "{said}");
    assert!(said.contains('\u{1b}'), "Claude Code draws colours");
    let mut plain = home.command(&["statusline"]);
    assert!(!Said::of(plain.env("NO_COLOR", "1").output().unwrap()).out.contains('\u{1b}'));
    assert!(!line(&home, &told("another session")).contains("qwen"));
    // Without a session nobody's requests are its own.
    for input in ["", r#"{"session_id": ""}"#] {
        let said = line(&home, input);
        assert!(said.contains("Branchline") && !said.contains("qwen") && !said.contains("not running"), "{said}");
    }
}

#[cfg(unix)]
mod launchers {
    use std::process::Command;

    use super::{Home, Said, Value, json, settings, with_settings};

    /// Says what it was given, as the settings file it was handed has it, too.
    const FAKE: &str = "#!/bin/sh
echo \"args: $*\"
echo \"model: $ANTHROPIC_MODEL\"
[ \"$1\" != --settings ] || cat \"$2\"
exit 7
";

    fn script(home: &Home, name: &str, text: &str) -> String {
        use std::os::unix::fs::PermissionsExt;
        let file = home.path().join(name);
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        file.to_str().unwrap().to_owned()
    }

    fn install(home: &Home, more: &[&str]) -> Said {
        let bin = home.path().join("my bin");
        let mut args = vec!["install-launcher", "--dir", bin.to_str().unwrap()];
        args.extend(more);
        home.run(&args)
    }

    #[test]
    fn they_start_claude_code_here_and_pass_everything_on() {
        let home = Home::new();
        let said = install(&home, &[]).good();
        assert!(said.err.contains("not on your PATH"), "{said:?}");
        let claude = script(&home, "claude", FAKE);
        for (name, model) in [("claude-local", "auto"), ("claude-cloud", "cloud")] {
            let mut command = Command::new(home.path().join("my bin").join(name));
            command
                .args(["--help", "-p", "it's \"quoted\""])
                .env("BRANCHLINE_CLAUDE", &claude)
                .env("HOME", home.path());
            let said = Said::of(command.output().unwrap());
            assert_eq!(said.code, 7, "{said:?}");
            assert!(said.out.contains("args: --help -p it's \"quoted\""), "{said:?}");
            assert!(said.out.contains(&format!("model: {model}")), "{said:?}");
        }
    }

    #[test]
    fn they_find_the_folders_that_only_a_variable_named() {
        let home = Home::new();
        let bin = home.path().join("bin");
        let mut command = home.bare(&["install-launcher", "--dir", bin.to_str().unwrap()]);
        command.env("BRANCHLINE_CONFIG", home.config()).env("BRANCHLINE_DATA", home.data());
        Said::of(command.output().unwrap()).good();
        let text = std::fs::read_to_string(bin.join("claude-local")).unwrap();
        for folder in [home.config(), home.data()] {
            assert!(text.contains(folder.to_str().unwrap()), "{text}");
        }
    }

    #[test]
    fn only_files_of_our_own_are_overwritten_and_removed() {
        let home = Home::new();
        install(&home, &[]).good();
        install(&home, &[]).good();
        let cloud = home.path().join("my bin/claude-cloud");
        std::fs::write(&cloud, "#!/bin/sh\necho mine\n").unwrap();
        let said = install(&home, &[]);
        assert_eq!(said.code, 2, "{said:?}");
        assert!(said.err.contains("is not Branchline's"), "{said:?}");
        assert_eq!(install(&home, &["--remove"]).code, 2);
        assert!(std::fs::read_to_string(&cloud).unwrap().contains("mine"));
        std::fs::remove_file(&cloud).unwrap();
        let removed = install(&home, &["--remove", "--json"]).json();
        let local = home.path().join("my bin/claude-local");
        assert_eq!(removed, json!({ "removed": [local.to_str().unwrap()] }));
        assert!(!local.exists());
        let written = install(&home, &["--json"]).json();
        assert_eq!(written["written"][0], json!(local.to_str().unwrap()));
        install(&home, &["--remove"]).good();
        assert_eq!(install(&home, &["--name", "claude"]).code, 2);
    }

    /// What a settings file says beats the environment.
    #[test]
    fn a_settings_file_that_names_another_address_does_not_win() {
        let before = r#"{"env": {"ANTHROPIC_BASE_URL": "http://other", "FOO": "1"}}"#;
        let home = with_settings(before);
        let claude = script(&home, "claude", FAKE);
        let papers = home.data().join("connect");
        std::fs::create_dir_all(&papers).unwrap();
        std::fs::write(papers.join("claude-2147483646.json"), "of a session that was killed").unwrap();
        let mut command = home.bare(&[]);
        command.arg("--config").arg(home.config()).arg("--data-dir").arg(home.data());
        command.args(["claude", "--route", "cloud", "--", "-p", "hi"]).env("BRANCHLINE_CLAUDE", &claude);
        let said = Said::of(command.output().unwrap());
        assert!(said.out.contains("args: --settings ") && said.out.contains("-p hi"), "{said:?}");
        let told: Value = serde_json::from_str(said.out.split_once("model: cloud\n").unwrap().1).unwrap();
        assert_eq!(told["env"]["ANTHROPIC_MODEL"], "cloud");
        assert_ne!(told["env"]["ANTHROPIC_BASE_URL"], json!("http://other"));
        // It has the token: with the session it goes, and so does what others left.
        let left = std::fs::read_dir(&papers).unwrap().flatten().map(|entry| entry.file_name());
        assert_eq!(left.collect::<Vec<_>>(), ["lock"]);
        assert_eq!(std::fs::read_to_string(settings(&home)).unwrap(), before);
    }
}
