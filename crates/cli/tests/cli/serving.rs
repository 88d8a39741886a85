//! Commands around a running engine.

use std::io::BufRead;

use serde_json::{Value, json};

use crate::support::{Home, Served};

fn question(text: &str) -> String {
    json!({ "model": "auto", "max_tokens": 400, "messages": [{ "role": "user", "content": text }] }).to_string()
}

/// Asks one question and waits until it is in the log.
fn ask(home: &Home, served: &Served, text: &str) -> Value {
    let (status, body) = served.post("/v1/messages", &home.client_token(), &question(text));
    assert_eq!(status, 200, "{body}");
    served.wait_until("in the log", |_| !home.run(&["log", "--json"]).good().out.is_empty());
    let log = home.run(&["log", "--json", "-n", "1"]).good().out;
    serde_json::from_str(&log).unwrap()
}

/// Until the first round of probes is over, nobody knows who is there.
fn ready(served: &Served) {
    served.wait_until("ready", |served| served.get("/health").1.contains("\"status\":\"ok\""));
}

#[test]
fn a_running_engine_is_found_on_whatever_port_it_took() {
    let home = Home::new();
    let served = home.serve(&[]);
    let status = home.run(&["status", "--json"]).json();
    assert_eq!(status["address"], format!("http://{}", served.address));
    let env = home.run(&["env", "--json"]).json();
    assert_eq!(env["ANTHROPIC_BASE_URL"], format!("http://{}", served.address));
    assert!(home.run(&["status"]).good().out.contains("threshold 50"));
    let said = home.run(&["config", "set", "routing.threshold", "77"]).good();
    assert!(said.out.contains("ok"), "{said:?}");
    served.wait_until("on the new settings", |_| home.run(&["status", "--json"]).json()["threshold"] == 77);
}

#[test]
fn another_users_engine_is_not_taken_for_ones_own() {
    let home = Home::new();
    let served = home.serve(&[]);
    let stranger = Home::new();
    std::fs::create_dir_all(stranger.data()).unwrap();
    stranger.run(&["env"]).good();
    std::fs::write(stranger.data().join("address"), &served.address).unwrap();
    assert_eq!(stranger.run(&["status"]).code, 3);
}

#[test]
fn the_demonstration_answers_says_that_it_is_one_and_logs() {
    let home = Home::new();
    let served = home.serve(&["--demo", "--port", "0"]);
    assert!(served.greeting.contains("simulated"), "{}", served.greeting);
    ready(&served);
    let record = ask(&home, &served, "Why does Rust borrow?");
    assert_eq!((record["outcome"].as_str(), record["place"].as_str()), (Some("ok"), Some("local")));
    assert!(home.run(&["log"]).good().out.contains("local"));
    let id = record["id"].as_str().unwrap();
    assert!(home.run(&["log", id]).good().out.contains(id));
    let models = home.run(&["models", "--json"]).json();
    assert!(models["models"].as_array().unwrap().len() >= 4, "{models}");
    home.run(&["doctor", "--no-models"]).good();
    let said = home.run(&["doctor", "--context", "4000", "lmstudio:qwen/qwen3-coder-next"]).good();
    for words in ["pass     tool call       called get_weather", "repaired vision", "pass     context"] {
        assert!(said.out.contains(words), "{words} is missing in {}", said.out);
    }
    let checked = home.run(&["doctor", "--json", "--context", "0", "lmstudio:qwen/qwen3-4b"]).good().json();
    assert_eq!(checked["models"][0]["results"][1]["verdict"], "pass", "{checked}");
    assert_eq!(home.run(&["doctor", "nobody:x"]).code, 1);
}

#[test]
fn models_are_loaded_and_unloaded() {
    let home = Home::new();
    let served = home.serve(&["--demo", "--port", "0"]);
    ready(&served);
    let model = "lmstudio:qwen/qwen3-4b";
    let said = home.run(&["models", "load", model, "--context", "16384"]).good();
    assert!(said.out.contains("is loaded with a window of 16384 tokens"), "{said:?}");
    assert!(home.run(&["models", "unload", model]).good().out.contains("is not loaded"));
    let said = home.run(&["models", "load", "anthropic:claude-sonnet-5-5"]);
    assert!(said.code == 1 && said.err.contains("hint:"), "{said:?}");
}

#[test]
fn the_demonstrations_keys_stay_in_its_memory() {
    let home = Home::new();
    let _served = home.serve(&["--demo", "--port", "0"]);
    let key = |list: &Value| {
        list["keys"].as_array().unwrap().iter().find(|key| key["backend"] == "anthropic").cloned().unwrap()
    };
    assert_eq!(key(&home.run(&["key", "list", "--json"]).json())["source"], "keyring");
    home.run(&["key", "rm", "anthropic"]).good();
    assert_eq!(key(&home.run(&["key", "list", "--json"]).json())["source"], Value::Null);
    home.run_with_input(&["key", "set", "anthropic"], "sk-2\n").good();
    assert_eq!(key(&home.run(&["key", "list", "--json"]).json())["source"], "keyring");
}

#[test]
fn the_users_own_settings_file_is_not_changed_by_the_demonstration() {
    let home = Home::new();
    let before = std::fs::read_to_string(home.config()).unwrap();
    let _served = home.serve(&["--demo"]);
    assert_eq!(std::fs::read_to_string(home.config()).unwrap(), before);
}

#[cfg(unix)]
#[test]
fn what_a_killed_demonstration_left_behind_goes_with_the_next_one() {
    let home = Home::new();
    let temporary = home.path().join("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let folders = || {
        let entries = std::fs::read_dir(&temporary).unwrap().flatten();
        entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("branchline-demo-")).count()
    };
    let start = || Served::start(home.command(&["serve", "--demo", "--port", "0"]).env("TMPDIR", &temporary));
    let living = start();
    start().kill();
    assert_eq!(folders(), 2, "a kill leaves its folder");
    let next = start();
    assert_eq!(folders(), 2, "that of the killed one is gone, that of the living one is not");
    next.terminate();
    living.terminate();
    assert_eq!(folders(), 0);
}

#[test]
fn a_taken_port_stops_the_engine_but_not_the_demonstration() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let home = Home::new();
    let said = home.run(&["serve", "--port", &port]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains("another program") && said.err.contains(&port), "{said:?}");
    home.run(&["config", "set", "server.port", &port]).good();
    let served = home.serve(&["--demo"]);
    assert!(!served.address.ends_with(&port));
}

#[test]
fn a_follower_sees_a_request_when_it_is_over() {
    let home = Home::new();
    let served = home.serve(&["--demo", "--port", "0"]);
    ready(&served);
    ask(&home, &served, "first");
    let mut follower = home.command(&["log", "-f", "--json"]);
    let mut follower = follower.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut lines = std::io::BufReader::new(follower.stdout.take().unwrap()).lines();
    // The past is printed after the follower began to listen.
    lines.next().unwrap().unwrap();
    served.post("/v1/messages", &home.client_token(), &question("second"));
    let seen: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(seen["outcome"], "ok");
    follower.kill().unwrap();
    follower.wait().unwrap();
}

#[cfg(unix)]
#[test]
fn the_end_a_service_manager_asks_for_is_clean() {
    let home = Home::new();
    let served = home.serve(&[]);
    assert!(home.data().join("address").exists());
    let (code, said) = served.terminate();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("stopped"), "{said}");
    assert!(!home.data().join("address").exists());
    assert!(home.data().join("log").read_dir().unwrap().next().is_some(), "a log file");
}

#[cfg(unix)]
mod claude {
    use std::io::{BufRead, BufReader};
    use std::os::unix::fs::PermissionsExt;
    use std::process::{Command, Stdio};

    use super::{Home, Served};
    use crate::support::Said;

    /// Stands in for the real one: says what it was given.
    const FAKE: &str = "#!/bin/sh
echo \"args: $*\"
echo \"url: $ANTHROPIC_BASE_URL\"
echo \"token: $ANTHROPIC_AUTH_TOKEN\"
echo \"model: $ANTHROPIC_MODEL\"
exit 7
";

    /// Ends when it is asked to, in its own way.
    const PATIENT: &str = "#!/bin/sh
trap 'kill $!; exit 9' TERM
sleep 60 &
echo ready
wait
";

    fn command(home: &Home, script: &str, args: &[&str]) -> Command {
        let program = home.path().join("claude");
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let mut command = home.bare(&[]);
        command.arg("--config").arg(home.config()).arg("--data-dir").arg(home.data()).arg("claude").args(args);
        command.env("PATH", format!("{}:{}", home.path().display(), std::env::var("PATH").unwrap()));
        command
    }

    fn run(home: &Home, args: &[&str]) -> Said {
        Said::of(command(home, FAKE, args).output().unwrap())
    }

    #[test]
    fn it_is_given_the_running_engine_its_arguments_and_its_own_exit_code() {
        let home = Home::new();
        let served: Served = home.serve(&[]);
        let said = run(&home, &["--", "-p", "hello there"]);
        assert_eq!(said.code, 7, "{said:?}");
        assert!(said.out.contains("args: -p hello there"), "{said:?}");
        assert!(said.out.contains(&format!("url: http://{}", served.address)), "{said:?}");
        assert!(said.out.contains(&format!("token: {}", home.client_token())), "{said:?}");
    }

    #[test]
    fn without_a_running_engine_it_gets_one_for_as_long_as_it_lives() {
        let home = Home::new();
        let said = run(&home, &["--version"]);
        assert_eq!(said.code, 7, "{said:?}");
        assert!(said.out.contains("args: --version") && said.out.contains("model: auto"), "{said:?}");
        assert!(!home.data().join("address").exists());
        assert_eq!(home.run(&["status"]).code, 3);
    }

    #[test]
    fn a_signal_for_us_is_one_for_it_and_its_own_end_counts() {
        let home = Home::new();
        let mut child = command(&home, PATIENT, &[]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        assert_eq!(ready, "ready\n");
        let id = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(9));
        assert!(!home.data().join("address").exists());
    }

    #[test]
    fn a_missing_claude_is_told_with_how_to_install_it() {
        let home = Home::new();
        let mut command = home.command(&["claude"]);
        let output = command.env("BRANCHLINE_CLAUDE", "/nowhere/claude").output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(String::from_utf8(output.stderr).unwrap().contains("npm install"));
    }
}

#[test]
fn settings_are_tried_on_the_log_and_a_request_is_sent_again() {
    let home = Home::with("[server]\nport = 0\n[log]\nbodies = \"full\"\n");
    let served = home.serve(&["--demo", "--port", "0"]);
    ready(&served);
    let record = ask(&home, &served, "Why does Rust borrow?");
    let tried = home.run(&["whatif", "routing.threshold=0", "--json"]).json();
    assert_eq!((&tried["turns"], &tried["changed_turns"]), (&json!(1), &json!(1)), "{tried}");
    assert_eq!(tried["after"]["cloud_share"], 1.0);
    let said = home.run(&["whatif", "routing.threshold=0"]).good().out;
    assert!(said.contains("1 of 1 turns would change"), "{said}");
    assert_eq!(home.run(&["whatif", "routing.treshold=0"]).code, 2);
    let curve = home.run(&["calibrate", "--share", "20", "--json"]).json();
    assert_eq!((&curve["turns"], curve["curve"].as_array().map(Vec::len)), (&json!(1), Some(101)), "{curve}");
    assert_eq!(home.run(&["learned", "--json"]).json()["in_force"], 0.0);
    let id = record["id"].as_str().unwrap();
    let model = format!("{}:{}", record["backend"].as_str().unwrap(), record["model"].as_str().unwrap());
    let replay = home.run(&["replay", id, "--model", &model, "--json"]).json();
    assert_eq!(replay["original"]["text"], replay["replay"]["text"], "{replay}");
    let side_by_side = home.run(&["replay", id, "--model", &model]).good().out;
    assert!(side_by_side.contains("first token") && side_by_side.contains("then req_"), "{side_by_side}");
    let cloud = home.run(&["replay", id, "--model", "cloud"]);
    assert_eq!(cloud.code, 2, "{cloud:?}");
    assert!(cloud.err.contains("is in the cloud") && cloud.err.contains("--yes"), "{cloud:?}");
    let sent = home.run(&["replay", id, "--model", "cloud", "--yes", "--json"]).json();
    assert!(sent["replay"]["text"].as_str().is_some_and(|text| !text.is_empty()), "{sent}");
}

#[test]
fn a_demonstration_plays_a_session_in_which_everything_happens() {
    let home = Home::new();
    let served = home.serve(&["--demo", "--port", "0"]);
    ready(&served);
    let said = home.run(&["demo", "play", "--quick"]).good();
    assert!(said.out.contains("cloud") && said.out.contains("instead:"), "{said:?}");
    let records: Vec<Value> =
        home.run(&["log", "--json"]).good().out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let any = |what: &str, test: &dyn Fn(&Value) -> bool| assert!(records.iter().any(test), "{what}: {}", said.out);
    any("a title beside the work", &|record| record["decision"]["kind"] == "title");
    any("a picture described", &|record| record["images"]["described"] == 1);
    any("a call mended", &|record| record["repairs"].as_array().is_some_and(|repairs| !repairs.is_empty()));
    any("a hard turn in the cloud", &|record| record["place"] == "cloud" && record["fallback"].is_null());
    any("a stand-in", &|record| record["place"] == "cloud" && record["fallback"].is_string());
    assert!(records.iter().all(|record| record["outcome"] == "ok"), "{}", said.out);
    let one = records[0]["session"].as_str().unwrap();
    assert!(one.starts_with("demo-") && records.iter().all(|record| record["session"] == one));
}

#[test]
fn a_conversation_is_had_and_each_answer_says_where_it_came_from() {
    let home = Home::new();
    let served = home.serve(&["--demo", "--port", "0"]);
    ready(&served);
    let typed = "/info\nWhy does Rust borrow?\n/info\n/route cloud\nand\\\nPython?\n/model coder-next\n/model nobody\n/model\n/clear\n/exit\nnever\n";
    let said = home.run_with_input(&["chat", "--local"], typed).good();
    assert!(said.out.contains("You asked: *Why does Rust borrow?*"), "{said:?}");
    assert!(said.out.contains("model: lmstudio:qwen/qwen3-coder-next") && said.out.contains("tokens: "), "{said:?}");
    assert!(said.err.contains("lmstudio:qwen/qwen3-coder-next · score ") && said.err.contains("tok/s"), "{said:?}");
    assert!(said.out.contains("Answered by `claude-sonnet-5-5`"), "{said:?}");
    assert!(said.err.contains("from now on: lmstudio:qwen/qwen3-coder-next"), "{said:?}");
    assert!(said.err.contains("no model has nobody") && said.out.contains("  1  "), "{said:?}");
    assert!(said.err.contains("nothing was answered yet") && !said.out.contains("never"), "{said:?}");
    assert!(!home.data().join("chat-history").exists(), "what comes through a pipe was not typed");
}

#[test]
fn nothing_is_played_on_real_models() {
    let home = Home::new();
    let _served = home.serve(&[]);
    let said = home.run(&["demo", "play"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains("serve --demo"), "{said:?}");
}

#[test]
fn the_score_is_measured_on_labelled_rows() {
    let home = Home::new();
    let row =
        |id: &str, prompt: &str, weak: u8| json!({"id": id, "prompt": prompt, "strong_score": 1, "weak_score": weak});
    let rows = [
        row("a", "hi", 1),
        row("b", "rename foo to bar", 1),
        row("c", "Prove that the algorithm terminates and derive its complexity.", 0),
        row("d", "what is a mutex?", 1),
    ];
    let file = home.path().join("own.jsonl");
    std::fs::write(&file, rows.map(|row| row.to_string()).join("\n")).unwrap();
    let measured = home.run(&["bench", "routing", "--data", file.to_str().unwrap(), "--boot", "50", "--json"]).json();
    let scorers = measured["sets"][0]["scorers"].as_array().unwrap();
    assert_eq!(scorers[0]["auroc"], 1.0, "{measured}");
    assert_eq!((&scorers[3]["scorer"], &scorers[3]["apgr"]), (&json!("random"), &json!(0.5)));
    assert_eq!(measured["sets"][0]["gain"]["difference"], 0.0);
}
