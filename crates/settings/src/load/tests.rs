use super::*;
use crate::resolve::Auth;
use crate::schema::{AuthHeader, Bodies, TokenLimit};

/// `path @ line` of each.
fn places(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(|problem| format!("{} @ {}", problem.path, problem.line.unwrap_or(0))).collect()
}

#[test]
fn no_file_is_the_same_as_an_empty_one() {
    let folder = tempfile::tempdir().unwrap();
    let report = load(&folder.path().join("missing.toml")).unwrap();
    assert_eq!(report.settings, Settings::default());
    assert_eq!(report.problems, vec![]);
}

#[test]
fn every_bad_value_is_told_with_its_line_and_its_default_stands() {
    let report = check(
        r#"[server]
port = "eighty"
require_token = false
ping_interval_ms = 60000

[routing]
threshold = 150
max_local_tokens = 0
mode = "sometimes"

[roles]
coder = "qwen3"
cloud = ["anthropic:x", "y", ":z"]

[log]
bodies = "full"
keep_days = -1
"#,
    );
    assert_eq!(
        places(&report.problems),
        [
            "server.port @ 2",
            "server.ping_interval_ms @ 4",
            "routing.threshold @ 7",
            "routing.max_local_tokens @ 8",
            "routing.mode @ 9",
            "roles.coder @ 12",
            "roles.cloud @ 13",
            "log.keep_days @ 17",
        ]
    );
    let settings = report.settings;
    assert_eq!((settings.server.port, settings.routing.threshold), (4117, 50));
    assert_eq!(settings.routing.max_local_tokens, TokenLimit::Auto);
    assert_eq!((settings.server.require_token, settings.log.bodies), (false, Bodies::Full));
}

#[test]
fn a_problem_says_what_is_wrong_and_what_to_do() {
    let report = check("[routing]\nthreshold = 150\nmode = \"sometimes\"\n[roles]\ncloud = [\"y\", \":z\"]\n");
    let [threshold, mode, cloud] = report.problems.as_slice() else { panic!("{:?}", report.problems) };
    assert_eq!(threshold.message, "150 is not from 0 to 100");
    assert!(threshold.hint.contains("Score from which"), "{}", threshold.hint);
    assert_eq!(threshold.to_string(), "line 2: routing.threshold: 150 is not from 0 to 100");
    assert!(mode.message.contains("sometimes") && mode.message.contains("dispatcher"), "{}", mode.message);
    assert!(cloud.message.contains("\"y\"") && cloud.message.contains("\":z\""), "{}", cloud.message);
}

#[test]
fn a_protocol_of_clients_only_is_refused_with_what_to_take_instead() {
    let report = check("[backends.lmstudio]\nprotocol = \"openai_responses\"\n");
    let [problem] = report.problems.as_slice() else { panic!("{:?}", report.problems) };
    assert!(problem.message.contains("openai_responses"), "{}", problem.message);
    assert!(problem.hint.contains("for clients only") && problem.hint.contains("openai_chat"), "{}", problem.hint);
}

#[test]
fn types_are_told_in_words() {
    let report =
        check("[server]\nport = 70000\nrequire_token = 1\n[routing]\nthreshold = 700\nmax_local_tokens = \"all\"\n");
    let told: Vec<_> = report.problems.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(
        told,
        [
            "invalid value: integer `70000`, expected a whole number from 0 to 65535",
            "invalid type: integer `1`, expected true or false",
            "invalid value: integer `700`, expected a whole number from 0 to 100",
            "invalid value: string \"all\", expected \"auto\" or a number of tokens above 0",
        ]
    );
}

#[test]
fn a_file_that_is_not_toml_names_the_line() {
    let report = check("[server]\nport = \n");
    assert_eq!(places(&report.problems), [" @ 2"]);
    assert_eq!(report.settings, Settings::default());
    assert!(report.into_settings().is_err());
}

#[test]
fn unknown_keys_are_warned_about_with_a_suggestion() {
    let report = check(
        "colour = 1\n[routing]\ntreshold = 5\n[backends.lmstudio]\nbase_uri = \"x\"\n\
         dialect = { schema_levl = 2 }\nextra_body = { anything = 1 }\n[[rules]]\nwhen = { modell = \"x\", subagent = true }\nthen = { role = \"cloud\" }\n",
    );
    assert_eq!(report.problems, vec![]);
    assert_eq!(
        places(&report.warnings),
        [
            "colour @ 1",
            "routing.treshold @ 3",
            "backends.lmstudio.base_uri @ 5",
            "backends.lmstudio.dialect.schema_levl @ 6",
            "rules[0].when.modell @ 9",
        ]
    );
    assert_eq!(report.warnings[1].hint, "did you mean \"threshold\"?");
    assert_eq!(report.warnings[3].hint, "did you mean \"schema_level\"?");
}

#[test]
fn a_key_in_the_file_is_refused_and_never_repeated() {
    let report = check(
        "[backends.openai]\napi_key = \"sk-geheim\"\nauth = \"sk-geheim\"\n\
         headers = { Authorization = \"Bearer sk-geheim\" }\nbase_url = \"https://me:sk-geheim@api.openai.com\"\n",
    );
    assert!(report.warnings[0].hint.contains("branchline key set"));
    assert_eq!(
        places(&report.problems),
        ["backends.openai.auth @ 3", "backends.openai.headers.Authorization @ 4", "backends.openai.base_url @ 5"]
    );
    assert!(!format!("{:?}{:?}", report.problems, report.warnings).contains("geheim"));
}

#[test]
fn naming_one_backend_leaves_the_others_on() {
    let settings =
        check("[backends.lmstudio]\nbase_url = \"http://studio.local:1234\"\n[backends.ollama]\nenabled = false\n")
            .settings;
    let backends = settings.resolved_backends();
    let names: Vec<_> = backends.iter().map(|backend| backend.name.as_str()).collect();
    assert_eq!(names, ["lmstudio", "llamacpp", "vllm", "anthropic"]);
    assert_eq!(backends[0].base_url.as_str(), "http://studio.local:1234");
    assert_eq!(backends[0].display, "LM Studio");
}

#[test]
fn a_backend_takes_what_is_not_set_from_its_preset() {
    let report = check(
        "[backends.nim]\npreset = \"nvidia\"\nfirst_byte_timeout_ms = 5\ndialect = { max_output_tokens = 4096 }\n[backends.gpu]\nbase_url = \"http://10.0.0.3:5000\"\n[backends.far]\nbase_url = \"https://llm.example.com/v1\"\nauth = \"key\"\n",
    );
    assert_eq!(report.problems, vec![]);
    let resolved = report.settings.resolved_backends();
    let backend = |name: &str| resolved.iter().find(|backend| backend.name == name).unwrap();
    let nim = backend("nim");
    assert_eq!((nim.local, nim.concurrency, nim.timeouts.first_byte.as_millis()), (false, Some(4), 5));
    assert_eq!(nim.timeouts.idle.as_millis(), 180_000);
    assert_eq!(nim.dialect.max_output_tokens, Some(4096));
    assert_eq!(nim.auth, Auth::Key { header: AuthHeader::Bearer, required: true });
    let gpu = backend("gpu");
    assert_eq!((gpu.local, gpu.protocol, gpu.timeouts.first_byte.as_millis()), (true, None, 600_000));
    assert_eq!(gpu.auth, Auth::Key { header: AuthHeader::Bearer, required: false });
    assert_eq!(
        (backend("far").local, backend("anthropic").auth),
        (false, Auth::Key { header: AuthHeader::XApiKey, required: true })
    );
}

#[test]
fn a_server_at_a_public_address_is_the_users_own_only_where_he_says_so() {
    let report = check(
        "[backends.rented]\npreset = \"vllm\"\nbase_url = \"https://gpu.example.com\"\n\
         [backends.ollama]\nbase_url = \"http://8.8.8.8:11434\"\n\
         [backends.mine]\npreset = \"vllm\"\nbase_url = \"https://home.example.com\"\nlocal = true\n\
         [backends.not_mine]\npreset = \"lmstudio\"\nbase_url = \"http://box:1234\"\nlocal = false\n\
         [backends.studio]\npreset = \"lmstudio\"\nbase_url = \"http://studio.local:1234\"\n\
         [backends.lan]\npreset = \"llamacpp\"\nbase_url = \"http://192.168.1.20:8080\"\n",
    );
    assert_eq!(report.problems, vec![]);
    let resolved = report.settings.resolved_backends();
    let is_local = |name: &str| resolved.iter().find(|backend| backend.name == name).unwrap().local;
    assert!(!is_local("rented") && !is_local("ollama") && !is_local("not_mine"));
    assert!(is_local("mine") && is_local("studio") && is_local("lan") && is_local("lmstudio") && is_local("vllm"));
    assert_eq!(places(&report.warnings), ["backends.rented.base_url @ 3", "backends.ollama.base_url @ 5"]);
    assert!(report.warnings[0].hint.contains("set backends.rented.local = true"), "{}", report.warnings[0].hint);
}

#[test]
fn a_bad_backend_names_every_problem_it_has() {
    let report = check(
        "[backends.mine]\nconcurrency = 0\n[backends.x]\npreset = \"lmstudo\"\n[backends.y]\nbase_url = \"host\"\nretry_attempts = 99\ndialect = { tool_choice = \"some\", schema_level = \"a\" }\n[backends.\"a b\"]\nbase_url = \"http://h\"\n",
    );
    assert_eq!(
        places(&report.problems),
        [
            "backends.mine.base_url @ 1",
            "backends.mine.concurrency @ 2",
            "backends.x.preset @ 4",
            "backends.y.base_url @ 6",
            "backends.y.retry_attempts @ 7",
            "backends.y.dialect.tool_choice @ 8",
            "backends.y.dialect.schema_level @ 8",
            "backends.\"a b\" @ 9",
        ]
    );
    assert_eq!(report.problems[2].hint, "did you mean \"lmstudio\"?");
    assert!(report.settings.backends.values().all(|backend| backend.concurrency.is_none()));
}

#[test]
fn our_own_address_is_refused_as_a_backend() {
    for url in ["http://127.0.0.1:4117", "http://localhost:4117/v1", "http://[::1]:4117"] {
        let report = check(&format!("[backends.me]\nbase_url = \"{url}\"\n"));
        assert_eq!(places(&report.problems), ["backends.me.base_url @ 2"], "{url}");
    }
    assert_eq!(check("[server]\nport = 1\n[backends.me]\nbase_url = \"http://127.0.0.1:4117\"\n").problems, vec![]);
}

#[test]
fn a_port_of_ours_that_a_local_server_usually_has_is_said_and_the_server_left_out() {
    let report = check("[server]\nport = 8080\n");
    assert_eq!(report.problems, vec![]);
    assert_eq!(places(&report.warnings), ["server.port @ 2"]);
    let names: Vec<_> = report.settings.resolved_backends().into_iter().map(|backend| backend.name).collect();
    assert_eq!(names, ["lmstudio", "ollama", "vllm", "anthropic"]);
}

#[test]
fn who_may_not_deal_with_a_side_request_is_refused() {
    let report = check("[throwaway]\nquota_probe = \"background\"\ncommand = \"answer\"\ntitle = \"background\"\n");
    let mut found = places(&report.problems);
    found.sort();
    assert_eq!(found, ["throwaway.command @ 3", "throwaway.quota_probe @ 2"]);
    assert_eq!(report.settings.throwaway, crate::schema::Throwaway::default());
}

#[test]
fn other_machines_get_in_only_on_purpose_and_with_the_token() {
    assert_eq!(places(&check("[server]\nhost = \"0.0.0.0\"\n").problems), ["server.host @ 2"]);
    let open = "[server]\nhost = \"::\"\nallow_remote = true\nrequire_token = false\n";
    let report = check(open);
    assert_eq!(places(&report.problems), ["server.require_token @ 4"]);
    assert!(report.settings.server.require_token, "the safe value stands");
    assert_eq!(check("[server]\nhost = \"192.168.1.2\"\nallow_remote = true\n").problems, vec![]);
}

#[test]
fn a_clients_login_is_forwarded_to_anthropic_only() {
    assert_eq!(check("[backends.anthropic]\nauth = \"passthrough\"\n").problems, vec![]);
    for text in [
        "[backends.openai]\nauth = \"passthrough\"\n",
        "[backends.anthropic]\nauth = \"passthrough\"\nbase_url = \"https://anthropic.com.example.org\"\n",
    ] {
        let report = check(text);
        assert_eq!(report.problems.len(), 1, "{text}");
        assert_eq!(report.problems[0].path.rsplit('.').next(), Some("auth"));
    }
}

#[test]
fn a_model_ref_must_name_a_backend_that_is_there() {
    let report = check(
        "[roles]\ncoder = \"lmstuido:a\"\nvision = [\"ollama:b\", \"groq:c\"]\n[backends.ollama]\nenabled = false\n[aliases.one]\nmodel = \"nowhere:x\"\n[aliases.two]\nretry_attempts = 1\n[aliases.auto]\nmodel = \"vllm:x\"\n",
    );
    assert_eq!(
        places(&report.problems),
        [
            "roles.coder @ 2",
            "roles.vision[1] @ 3",
            "aliases.one.model @ 7",
            "aliases.two.model @ 8",
            "aliases.auto @ 10"
        ]
    );
    assert_eq!(report.problems[0].hint, "did you mean \"lmstudio:a\"?");
    assert_eq!(places(&report.warnings), ["roles.vision[0] @ 3"]);
    assert!(report.settings.aliases.is_empty());
}

#[test]
fn a_rule_needs_one_target_and_should_have_a_condition() {
    let report = check(
        "[[rules]]\nwhen = { subagent = true }\nthen = { role = \"cloud\", model = \"vllm:x\" }\n[[rules]]\nthen = { role = \"coder\" }\n[[rules]]\nwhen = { tokens_over = -1 }\nthen = { role = \"boss\" }\n",
    );
    assert_eq!(
        places(&report.problems),
        ["rules[0].then @ 3", "rules[2].when.tokens_over @ 7", "rules[2].then.role @ 8"]
    );
    assert_eq!(places(&report.warnings), ["rules[1].when @ 4"]);
    // Without its bad condition the third rule would take every request.
    assert_eq!(report.settings.rules.len(), 1);
    assert!(report.settings.rules[0].then.role == Some(crate::schema::Role::Coder));
}

#[test]
fn a_section_that_is_no_table_is_told_like_any_other_value() {
    let report = check("server = 5\nbackends = \"all\"\nrules = [1]\n[log]\nkeep_days = 3\n");
    assert_eq!(places(&report.problems), ["server @ 1", "backends @ 2", "rules @ 3"]);
    assert_eq!(report.settings.log.keep_days, 3);
    let report = check("[[server]]\nport = 1\n");
    assert_eq!(report.problems.len(), 1);
}

#[test]
fn names_with_dots_are_quoted_in_paths() {
    let report = check("[aliases.\"claude-opus-4.1\"]\nmodel = \"x\"\n");
    assert_eq!(places(&report.problems), ["aliases.\"claude-opus-4.1\".model @ 2"]);
}

#[test]
fn the_settings_of_any_report_are_good() {
    for text in [
        "[server]\nhost = \"nope\"\nport = 70000\n[backends.a]\nbase_url = 1\n[roles]\ncoder = \"a:x\"\n",
        "[backends.lmstudio]\npreset = \"none\"\n[aliases.x]\nmodel = 5\n",
    ] {
        let report = check(text);
        assert!(!report.problems.is_empty());
        assert!(findings(&report.settings).problems.is_empty(), "{text}");
    }
}

#[test]
fn privacy_rules_that_are_left_out_keep_everything_here() {
    let good = "[never_cloud]\ntexts = [\"falcon\"]\n";
    for (bad, place) in [
        ("never_cloud = true\n".to_owned(), "never_cloud in the settings file (line 1)"),
        ("[never_cloud]\ntexts = \"falcon\"\n".into(), "never_cloud.texts in the settings file (line 2)"),
        (
            "[never_cloud]\ntexts = [\"ok\", \"/falcon(/\"]\n".into(),
            "never_cloud.texts[1] in the settings file (line 2)",
        ),
        ("[never_cloud]\npaths = [\"**\"]\n".into(), "never_cloud.paths[0]"),
        ("[projects]\ntrusted = [\"here\"]\n".into(), "projects.trusted[0]"),
        (format!("{good}[log\n"), "the settings file cannot be read"),
        (format!("{good}texts = []\n"), "the settings file cannot be read"),
    ] {
        let report = check(&bad);
        let why = report.settings.never_cloud.unread.clone().unwrap_or_else(|| panic!("{bad}"));
        assert!(why.contains(place) && !why.contains("falcon"), "{bad}: {why}");
        assert!(!report.settings.never_cloud.compile().unwrap().is_empty(), "{bad}");
    }
    for fine in [
        format!("{good}[routing]\nthreshold = 150\n"),
        "[routing]\nthreshold = \"high\"\n".into(),
        "[log\n".into(),
        good.into(),
    ] {
        let report = check(&fine);
        assert_eq!(report.settings.never_cloud.unread, None, "{fine}");
        assert_eq!(report.settings.never_cloud.texts.len(), usize::from(fine.contains("falcon")), "{fine}");
    }
}

#[test]
fn a_rule_that_never_holds_is_warned_about_and_one_that_holds_a_key_refused() {
    let rule = |when: &str| check(&format!("[[rules]]\nwhen = {{ {when} }}\nthen = {{ role = \"cloud\" }}\n"));
    for never in ["09:00-09:00", "24:00-00:00"] {
        let report = rule(&format!("hours = \"{never}\""));
        assert_eq!(report.problems, vec![]);
        assert_eq!(report.warnings[0].path, "rules[0].when.hours", "{never}");
    }
    assert_eq!(rule("hours = \"00:00-24:00\"").warnings, vec![]);
    let report = rule("header = { name = \"X-Api-Key\", value = \"sk-geheim\" }");
    assert_eq!(report.problems[0].path, "rules[0].when.header.value");
    assert!(!format!("{:?}", report.problems).contains("geheim") && report.settings.rules.is_empty());
    for fine in ["name = \"x-api-key\"", "name = \"authorization\", value = \"*\"", "name = \"x-team\", value = \"a\""]
    {
        assert_eq!(rule(&format!("header = {{ {fine} }}")).problems, vec![], "{fine}");
    }
}
