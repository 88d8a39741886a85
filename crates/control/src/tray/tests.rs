use branchline_proxy::pages::{RequestsToday, RoleView};

use super::*;
use crate::ControlError;
use crate::desk::TakenPort;

fn running() -> View {
    let server = ServerView { phase: Phase::Running, address: Some("127.0.0.1:4117".into()), ..ServerView::default() };
    let status = StatusView {
        state: State::Ok,
        mode: "auto".into(),
        roles: vec![RoleView { role: "coder".into(), models: vec!["lmstudio:qwen/qwen3-coder-next".into()] }],
        requests_today: RequestsToday { local: 100, cloud: 20, here: 8, ..RequestsToday::default() },
        ..StatusView::default()
    };
    View { server, status, fallbacks: Vec::new(), autostart: Some(false), spoken: Spoken::English }
}

fn first_line(view: &View) -> String {
    match tray(view).items.into_iter().next() {
        Some(Item::Text(line)) => line,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_first_line_says_where_with_what_and_how_much() {
    assert_eq!(first_line(&running()), "Running on 127.0.0.1:4117 · coder qwen3-coder-next · 128 requests today");
}

#[test]
fn that_everything_stays_until_the_settings_are_mended_is_said() {
    let mut view = running();
    let said = |view: &View| format!("{:?}", tray(view).items).contains("Everything stays local");
    assert!(!said(&view));
    view.status.held = Some("routing.mode in the settings file (line 2) cannot be read".into());
    assert!(said(&view));
}

#[test]
fn each_state_has_its_icon() {
    let mut view = running();
    assert_eq!(tray(&view).icon, Icon::Running);
    view.status.state = State::Degraded;
    assert_eq!(tray(&view).icon, Icon::Degraded);
    view.server.phase = Phase::Stopping;
    assert_eq!(tray(&view).icon, Icon::Stopped);
    view.server.phase = Phase::Stopped;
    assert_eq!(tray(&view).icon, Icon::Stopped);
}

#[test]
fn a_backend_that_is_missed_is_named_and_one_that_was_never_there_is_not() {
    let mut view = running();
    let backend = |name: &str, latency_ms| BackendView {
        name: name.into(),
        display: name.into(),
        up: Some(false),
        latency_ms,
        ..BackendView::default()
    };
    view.status.backends = vec![backend("lmstudio", None), backend("ollama", None), backend("vllm", Some(3))];
    assert!(first_line(&view).contains("· lmstudio, vllm offline ·"), "{}", first_line(&view));
}

#[test]
fn stopping_says_how_many_requests_may_finish_and_how_many_did_not() {
    let mut view = running();
    view.server.phase = Phase::Stopping;
    view.server.requests_running = 3;
    assert_eq!(first_line(&view), "Stopping: 3 requests may still finish");
    view.server.phase = Phase::Stopped;
    view.server.cut_off = 1;
    assert_eq!(first_line(&view), "Stopped; 1 request was cut off");
}

#[test]
fn a_taken_port_is_said_with_the_way_out() {
    let mut view = running();
    view.server.phase = Phase::Stopped;
    view.server.problem = Some(ControlError::new("port_taken", "port 4117 is taken by python3 (process 7)", ""));
    view.server.taken = Some(TakenPort { port: 4117, holder: Some("python3 (process 7)".into()) });
    view.server.next_port = Some(4118);
    let items = tray(&view).items;
    assert_eq!(items[0], Item::Text("Not running".into()));
    assert_eq!(items[1], Item::Text("Port 4117 is taken by python3 (process 7)".into()));
    assert_eq!(items[2], Item::Entry(Action::Port(4118), "Use port 4118 instead".into()));
    assert_eq!(items[3], Item::Entry(Action::Start, "Start".into()));
}

#[test]
fn the_whole_menu_is_said_in_the_language_that_is_spoken() {
    let view = View { spoken: Spoken::German, ..running() };
    assert_eq!(first_line(&view), "Läuft auf 127.0.0.1:4117 · Coder qwen3-coder-next · 128 Anfragen heute");
    let view = View { spoken: Spoken::Chinese, ..running() };
    assert_eq!(first_line(&view), "运行于 127.0.0.1:4117 · 编码 qwen3-coder-next · 今天 128 个请求");
    let labels = format!("{:?}", tray(&view));
    for english in ["Open", "Stop", "Copy", "Route", "Start", "Quit", "Running"] {
        assert!(!labels.contains(&format!("\"{english}")), "{english} in {labels}");
    }
}

#[test]
fn the_mode_that_is_on_is_checked_and_named() {
    let mut view = running();
    view.status.mode = "local".into();
    let menu = tray(&view).items.into_iter().find(|item| matches!(item, Item::Menu(..))).unwrap();
    let Item::Menu(label, lines) = menu else { unreachable!() };
    assert_eq!(label, "Route: All local");
    let on: Vec<bool> = lines.iter().map(|line| matches!(line, Item::Check(_, _, true))).collect();
    assert_eq!(on, [false, true, false]);
}

#[test]
fn the_last_three_fallbacks_lead_to_their_requests() {
    let mut view = running();
    let past = |number: u8| PastFallback {
        request: format!("req_{number}"),
        at: "14:03".into(),
        from: "lmstudio".into(),
        model: "anthropic:claude-sonnet-5-5".into(),
    };
    view.fallbacks = (1..=4).map(past).collect();
    let entries = tray(&view).items.into_iter().filter_map(|item| match item {
        Item::Entry(Action::Request(id), label) => Some((id, label)),
        _ => None,
    });
    let entries: Vec<_> = entries.collect();
    assert_eq!(entries.len(), 3);
    assert_eq!(entries[0], ("req_1".into(), "14:03  lmstudio → anthropic:claude-sonnet-5-5".into()));
}

#[test]
fn start_at_login_is_only_offered_where_it_can_be_known() {
    let has = |view: &View| tray(view).items.iter().any(|item| matches!(item, Item::Check(Action::Autostart, ..)));
    assert!(has(&running()));
    assert!(!has(&View { autostart: None, ..running() }));
}

#[test]
fn long_lines_do_not_make_the_menu_wide() {
    let mut view = running();
    view.status.roles[0].models[0] = format!("lmstudio:{}", "x".repeat(200));
    assert_eq!(first_line(&view).chars().count(), LONGEST);
    assert!(tray(&view).tooltip.len() > LONGEST);
}

#[test]
fn an_action_is_read_back_from_its_id() {
    let actions = [
        Action::Start,
        Action::Stop,
        Action::Port(4118),
        Action::Mode("auto".into()),
        Action::Window,
        Action::Request("req_1".into()),
        Action::CopyEnv,
        Action::Autostart,
        Action::Quit,
    ];
    for action in actions {
        assert_eq!(Action::of(&action.id()), Some(action));
    }
    assert_eq!(Action::of("fly"), None);
    assert_eq!(Action::of("port:many"), None);
}
