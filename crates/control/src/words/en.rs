//! English.

use super::{NoticeWords, TrayWords, Words};

pub(super) static WORDS: Words = Words {
    tray: TrayWords {
        running_on: |address| format!("Running on {address}"),
        offline: |backends| format!("{backends} offline"),
        coder: |model| format!("coder {model}"),
        requests_today: |count| format!("{count} {} today", requests(count)),
        stopping: |running| match running {
            0 => "Stopping".into(),
            _ => format!("Stopping: {running} {} may still finish", requests(running)),
        },
        stopped: |cut_off| match cut_off {
            0 => "Stopped".into(),
            1 => "Stopped; 1 request was cut off".into(),
            _ => format!("Stopped; {cut_off} requests were cut off"),
        },
        not_running: "Not running",
        held: "Everything stays local: a setting cannot be read",
        start: "Start",
        stop: "Stop",
        use_port: |port| format!("Use port {port} instead"),
        route: |mode| format!("Route: {mode}"),
        auto: "Auto",
        local: "All local",
        cloud: "All cloud",
        dispatcher: "Dispatcher",
        open_window: "Open window",
        copy_env: "Copy env snippet",
        fallbacks: "Last fallbacks",
        autostart: "Start at login",
        quit: "Quit",
        day: "%b %-d",
    },
    notices: NoticeWords {
        offline: |backend| format!("{backend} is offline"),
        back: |backend| format!("{backend} is back"),
        back_body: "It answers again.",
        fallback: |cloud, from| {
            let side = if cloud { "Answered by the cloud" } else { "Answered by a local model" };
            format!("{side}{}", instead(from))
        },
        fallbacks: |count, from| format!("{count} more requests answered elsewhere{}", instead(from)),
        escalated: "A turn moved to a stronger model",
        escalated_more: |count| match count {
            1 => "1 more turn moved to a stronger model".into(),
            _ => format!("{count} more turns moved to a stronger model"),
        },
        budget_met: "The day's budget is met",
        budget_near: "The day's budget comes to its end",
        budget_refuse: "The cloud is refused until midnight.",
        budget_local: "Everything stays local until midnight.",
        budget_used: |percent| format!("{percent} % are used."),
        not_started: "Branchline could not start",
        bad_settings: "The settings file is not used",
        stopped: "Branchline is stopped",
        cut_off: |count| match count {
            1 => "1 request was cut off.".into(),
            _ => format!("{count} requests were cut off."),
        },
    },
    port_taken: |port, holder| format!("Port {port} is taken by {}", holder.unwrap_or("another program")),
};

const fn requests(count: u64) -> &'static str {
    if count == 1 { "request" } else { "requests" }
}

fn instead(from: &str) -> String {
    if from.is_empty() { String::new() } else { format!(" instead of {from}") }
}
