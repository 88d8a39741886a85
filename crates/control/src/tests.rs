use std::sync::Arc;

use branchline_proxy::record::{DecisionRecord, Outcome, Place, Record};
use branchline_proxy::store::{ImageKey, ImageRow, Store};
use branchline_proxy::{Engine, Parts};
use branchline_settings::{KeyStore, Paths, Settings, Tokens};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{ControlError, NAMES, dispatch};

/// Commands that knock at whatever listens on this machine.
const ASKS_SERVERS: [&str; 4] = ["models.refresh", "backends.discover", "backends.try", "doctor.run"];

struct Bench {
    engine: Arc<Engine>,
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let paths = Paths::inside(folder.path());
        let tokens = Tokens::load_or_create(&paths).unwrap();
        let store = Store::open_in_memory().unwrap();
        let keys = Arc::new(KeyStore::memory());
        let engine = Engine::new(Parts { paths, settings: Settings::default(), keys, tokens, store });
        Self { engine, folder }
    }

    async fn ask(&self, name: &str, request: Value) -> Result<Value, ControlError> {
        dispatch(Arc::clone(&self.engine), name, request).await
    }

    async fn get(&self, name: &str, request: Value) -> Value {
        self.ask(name, request).await.unwrap()
    }

    async fn refused(&self, name: &str, request: Value) -> String {
        let error = self.ask(name, request).await.unwrap_err();
        assert!(error.hint.is_some(), "{error:?}");
        error.code
    }
}

fn image(sha256: &str) -> ImageRow {
    ImageRow {
        key: ImageKey::new(sha256, "1"),
        media_type: "image/png".into(),
        width: 8,
        height: 8,
        bytes: 100,
        thumbnail: Some(vec![1, 2, 3]),
        description: "a red square".into(),
        model: "lmstudio:eye".into(),
        edited: false,
        created_at: Timestamp::now(),
        last_used_at: Timestamp::now(),
        hits: 0,
    }
}

#[tokio::test]
async fn an_unknown_command_names_the_known_ones() {
    let error = Bench::new().ask("fly", json!({})).await.unwrap_err();
    assert_eq!(error.code, "unknown_command");
    assert!(error.hint.unwrap().contains("models.list"));
}

#[tokio::test]
async fn every_command_of_the_table_takes_or_refuses_an_empty_request_with_a_code() {
    let bench = Bench::new();
    // These hang on what is around the engine: a window, the tester's own files, simulated servers.
    let around = ["ui.link", "connect.claude", "demo.play"];
    for name in NAMES.iter().filter(|name| !ASKS_SERVERS.contains(name) && !around.contains(name)) {
        if let Err(error) = bench.ask(name, Value::Null).await {
            assert_eq!(error.code, "bad_request", "{name}: {error:?}");
        }
    }
}

#[tokio::test]
async fn the_window_writes_to_no_other_file_than_the_one_it_has_shown() {
    let bench = Bench::new();
    for command in ["connect.claude_write", "connect.claude_undo"] {
        assert_eq!(bench.refused(command, json!({ "file": "/somewhere/else.json" })).await, "bad_request");
    }
}

#[tokio::test]
async fn only_a_demonstration_plays() {
    let bench = Bench::new();
    assert_eq!(bench.get("demo.state", json!({})).await, json!({ "on": false, "playing": false }));
    assert_eq!(bench.refused("demo.play", json!({})).await, "not_a_demo");
}

#[tokio::test]
async fn keys_are_set_listed_shown_and_removed() {
    let bench = Bench::new();
    let source = |list: &Value| list["keys"][0]["source"].clone();
    let set = bench.get("keys.set", json!({ "backend": "anthropic", "key": "sk-1" })).await;
    assert_eq!(set, json!({ "changed": true, "note": null }));
    let list = bench.get("keys.list", json!({})).await;
    assert!(!list.to_string().contains("sk-1"));
    let all = list["keys"].as_array().unwrap().clone();
    let anthropic = all.iter().find(|key| key["backend"] == "anthropic").unwrap();
    assert_eq!(anthropic["source"], "keyring");
    assert_eq!(anthropic["env_name"], "BRANCHLINE_KEY_ANTHROPIC");
    assert_eq!(bench.get("keys.reveal", json!({ "backend": "anthropic" })).await["key"], "sk-1");
    assert_eq!(bench.get("keys.remove", json!({ "backend": "anthropic" })).await["changed"], true);
    assert_eq!(source(&bench.get("keys.list", json!({})).await), Value::Null);
}

#[tokio::test]
async fn a_key_for_a_backend_nobody_uses_is_remarked_on() {
    let bench = Bench::new();
    let set = bench.get("keys.set", json!({ "backend": "antropic", "key": "sk-1" })).await;
    assert!(set["note"].as_str().unwrap().contains("[backends.antropic]"));
    assert_eq!(bench.refused("keys.set", json!({ "backend": "anthropic", "key": " " })).await, "bad_key");
}

#[tokio::test]
async fn a_setting_that_is_saved_is_in_force() {
    let bench = Bench::new();
    let change = json!({ "changes": [{ "path": "routing.threshold", "value": 70 }] });
    assert_eq!(bench.get("settings.set", change).await["problems"], json!([]));
    assert_eq!(bench.engine.world().policy.threshold, 70);
    let file = std::fs::read_to_string(bench.folder.path().join("settings.toml")).unwrap();
    assert!(file.contains("threshold = 70"));
    assert!(bench.get("settings.export", json!({})).await["toml"].as_str().unwrap().contains("70"));
    assert_eq!(bench.get("settings.get", json!({})).await["settings"]["routing"]["threshold"], 70);
}

#[tokio::test]
async fn a_bad_setting_changes_nothing_and_says_which() {
    let bench = Bench::new();
    let change = json!({ "changes": [{ "path": "routing.threshold", "value": 700 }] });
    assert_eq!(bench.refused("settings.set", change).await, "invalid_settings");
    assert_eq!(bench.engine.world().policy.threshold, 50);
    let found = bench.get("settings.check", json!({ "toml": "[routing]\nthreshold = 700\n" })).await;
    assert_eq!(found["problems"][0]["path"], "routing.threshold");
    assert_eq!(found["problems"][0]["line"], 2);
}

#[tokio::test]
async fn an_image_is_changed_and_forgotten_by_the_start_of_its_hash() {
    let bench = Bench::new();
    let (one, two) = ("a".repeat(64), "ab".repeat(32));
    bench.engine.store.put_image(image(&one)).await.unwrap();
    bench.engine.store.put_image(image(&two)).await.unwrap();
    let listed = bench.get("images.list", json!({})).await;
    assert_eq!((listed["totals"]["images"].clone(), listed["images"][0]["thumbnail"].clone()), (json!(2), Value::Null));
    let shown = bench.get("images.get", json!({ "sha256": "aaaa" })).await;
    assert_eq!(shown["thumbnail"], "data:image/png;base64,AQID");
    let changed = bench.get("images.update", json!({ "sha256": "aaaa", "description": "a cat" })).await;
    assert_eq!((changed["description"].clone(), changed["edited"].clone()), (json!("a cat"), json!(true)));
    assert_eq!(bench.refused("images.get", json!({ "sha256": "aa" })).await, "bad_request");
    assert_eq!(bench.get("images.delete", json!({ "sha256": "aaaa" })).await["removed"], 1);
    assert_eq!(bench.refused("images.get", json!({ "sha256": "aaaa" })).await, "not_found");
    assert_eq!(bench.refused("images.clear", json!({ "all": false })).await, "bad_request");
    assert_eq!(bench.get("images.clear", json!({ "all": true })).await["removed"], 1);
}

#[tokio::test]
async fn records_and_scores_are_listed() {
    let bench = Bench::new();
    let decision = DecisionRecord { score: Some(61), ..DecisionRecord::default() };
    let record = Record { id: "req_1".into(), at: Timestamp::now(), decision, ..Record::default() };
    bench.engine.store.insert_record(record);
    let listed = bench.get("requests.list", json!({ "filter": { "limit": 5 } })).await;
    assert_eq!(listed["records"][0]["id"], "req_1");
    assert_eq!(bench.get("requests.get", json!({ "id": "req_1" })).await["decision"]["score"], 61);
    assert_eq!(bench.refused("requests.get", json!({ "id": "req_2" })).await, "not_found");
    assert_eq!(bench.get("requests.stats", json!({})).await["stats"]["requests"], 1);
    let scores = bench.get("whatif.scores", json!({})).await;
    assert_eq!((scores["threshold"].clone(), scores["scores"][0]["score"].clone()), (json!(50), json!(61)));
}

#[tokio::test]
async fn a_text_and_the_same_request_are_classified_alike() {
    let bench = Bench::new();
    let text = bench.get("classify", json!({ "text": "rename this variable" })).await;
    let request = json!({ "model": "auto", "max_tokens": 1024, "messages": [{ "role": "user", "content": "rename this variable" }] });
    let whole = bench.get("classify", json!({ "request": request })).await;
    assert_eq!((&text["score"], &text["points"]), (&whole["score"], &whole["points"]));
    assert_eq!(bench.refused("classify", json!({})).await, "bad_request");
}

#[tokio::test]
async fn the_variables_carry_the_token_and_every_shell_has_its_snippet() {
    let bench = Bench::new();
    let answer = bench.get("connect.env", json!({})).await;
    assert_eq!(answer["base_url"], "http://127.0.0.1:4117");
    let token = bench.engine.tokens.client.expose();
    for shell in ["bash", "zsh", "fish", "powershell", "cmd", "json", "settings"] {
        assert!(answer["snippets"][shell].as_str().unwrap().contains(token), "{shell}");
    }
}

#[tokio::test]
async fn a_backend_that_is_not_there_is_an_answer_with_a_hint() {
    let bench = Bench::new();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{closed}");
    branchline_settings::set(&bench.engine.paths.config_file, "backends.lmstudio.base_url", json!(url)).unwrap();
    let report = branchline_settings::load(&bench.engine.paths.config_file).unwrap();
    bench.engine.apply(report.settings);
    let tested = bench.get("backends.test", json!({ "name": "lmstudio" })).await;
    assert_eq!((tested["ok"].clone(), tested["error"]["code"].clone()), (json!(false), json!("unreachable")));
    assert_eq!(bench.refused("backends.test", json!({ "name": "nobody" })).await, "not_found");
    let listed = bench.get("backends.list", json!({})).await;
    let lmstudio = listed["backends"].as_array().unwrap().iter().find(|one| one["name"] == "lmstudio").unwrap().clone();
    assert_eq!(lmstudio["up"], false);
}

#[tokio::test]
async fn the_presets_say_where_providers_are_and_what_they_need() {
    let presets = Bench::new().get("backends.presets", json!({})).await;
    let all = presets["presets"].as_array().unwrap();
    let named = |id: &str| all.iter().find(|preset| preset["id"] == id).unwrap();
    assert_eq!(
        (&named("lmstudio")["base_url"], &named("lmstudio")["local"]),
        (&json!("http://127.0.0.1:1234"), &json!(true))
    );
    assert_eq!(named("openrouter")["key_required"], true);
}

#[tokio::test]
async fn an_address_is_tried_before_it_is_saved() {
    let bench = Bench::new();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let tried = bench.get("backends.try", json!({ "base_url": format!("http://{closed}") })).await;
    assert_eq!(tried["ok"], false);
    assert!(
        tried["error"]["hint"].is_string() && tried["error"]["message"].as_str().unwrap().contains(&closed.to_string())
    );
    assert_eq!(bench.refused("backends.try", json!({ "base_url": "no address" })).await, "bad_request");
    assert_eq!(bench.refused("backends.try", json!({ "preset": "nobody" })).await, "bad_request");
}

#[tokio::test]
async fn a_reset_keeps_the_old_file() {
    let bench = Bench::new();
    bench.get("settings.set", json!({ "changes": [{ "path": "routing.threshold", "value": 70 }] })).await;
    assert_eq!(bench.refused("settings.reset", json!({ "all": false })).await, "bad_request");
    let kept = bench.get("settings.reset", json!({ "all": true })).await["kept_in"].clone();
    assert_eq!(bench.engine.world().policy.threshold, 50);
    assert!(std::fs::read_to_string(kept.as_str().unwrap()).unwrap().contains("threshold = 70"));
}

#[tokio::test]
async fn the_installation_says_where_its_things_lie() {
    let bench = Bench::new();
    let about = bench.get("about", json!({})).await;
    assert!(about["settings_file"].as_str().unwrap().ends_with("settings.toml"));
    assert_eq!(about["version"], env!("CARGO_PKG_VERSION"));
}

#[tokio::test]
async fn a_link_is_made_only_where_there_is_a_window_to_open() {
    static WINDOW: &[branchline_proxy::browser::UiFile] = &[branchline_proxy::browser::UiFile {
        path: "index.html",
        content_type: "text/html",
        etag: "\"1\"",
        lasting: false,
        gzip: b"",
    }];
    let bench = Bench::new();
    assert_eq!(bench.refused("ui.link", json!({})).await, "no_window");
    bench.engine.show_ui(WINDOW);
    let link = bench.get("ui.link", json!({})).await;
    assert!(link["url"].as_str().unwrap().starts_with("http://127.0.0.1:4117/ui/#code="), "{link}");
    assert_ne!(link["url"], bench.get("ui.link", json!({})).await["url"]);
}

#[tokio::test]
async fn requests_are_counted_per_step_up_to_now() {
    let bench = Bench::new();
    let now = Timestamp::now();
    for (id, minutes, place, outcome) in [
        ("a", 0, Place::Local, Outcome::Ok),
        ("b", 0, Place::Cloud, Outcome::Error),
        ("c", 3, Place::Nowhere, Outcome::Ok),
    ] {
        let at = now - jiff::SignedDuration::from_mins(minutes);
        bench.engine.store.insert_record(Record { id: id.into(), at, place, outcome, ..Record::default() });
    }
    let line = bench.get("requests.timeline", json!({ "steps": 30 })).await;
    let sums =
        |name: &str| line["counts"].as_array().unwrap().iter().map(|step| step[name].as_u64().unwrap()).sum::<u64>();
    assert_eq!((sums("local"), sums("cloud"), sums("here"), sums("failed")), (1, 1, 1, 1));
    let begin = line["from_ms"].as_i64().unwrap();
    let last = line["counts"].as_array().unwrap().last().unwrap()["step"].as_i64().unwrap();
    assert!((28..30).contains(&last) && begin % 60_000 == 0, "{line}");
}
