//! `GET /`: what is going on, for people.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::html::{escape, page};
use crate::budget::{BudgetState, BudgetView};
use crate::lane::{CircuitState, CircuitView, QueueView};
use crate::money::Usd;

/// What the status page shows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
pub struct StatusView {
    pub state: State,
    pub version: String,
    /// The address clients use, e.g. `http://127.0.0.1:4117`.
    pub address: String,
    /// `auto`, `local`, `cloud` or `dispatcher`.
    pub mode: String,
    /// Why everything stays on the user's machines although he has set no such thing: what must stay cannot be read.
    pub held: Option<String>,
    /// Scores at or above it go to the cloud.
    pub threshold: u8,
    pub backends: Vec<BackendView>,
    pub roles: Vec<RoleView>,
    pub requests_today: RequestsToday,
    pub requests_running: u64,
    /// Requests that wait for their turn at busy backends.
    pub requests_waiting: u64,
    /// Money since midnight.
    pub cost_today: CostToday,
    /// The day's budget for the cloud.
    pub budget: BudgetView,
}

/// Money since midnight, as far as prices are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
#[serde(default)]
pub struct CostToday {
    pub usd: Usd,
    /// Requests whose price nobody knows; they are in none of the sums.
    pub unpriced: u64,
    /// What the cloud's first model would have taken for everything.
    pub all_cloud_usd: Usd,
    /// That, less what was paid, over the requests where both are known.
    pub saved_usd: Usd,
}

/// Whether all is well; the word of `/health`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// No backend was asked yet.
    #[default]
    Starting,
    Ok,
    /// A backend that was there has gone, none was found, or what must stay cannot be read.
    Degraded,
}

impl State {
    /// The word of its JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ok => "ok",
            Self::Degraded => "degraded",
        }
    }

    const fn class(self) -> &'static str {
        match self {
            Self::Starting => "wait",
            Self::Ok => "good",
            Self::Degraded => "bad",
        }
    }
}

/// One backend.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
pub struct BackendView {
    /// Its name in the settings.
    pub name: String,
    /// What it is, for people: `LM Studio`.
    pub display: String,
    pub local: bool,
    /// `None`: not asked yet.
    pub up: Option<bool>,
    pub latency_ms: Option<u64>,
    /// Models it has.
    pub models: usize,
    /// What is wrong with it and the next step.
    pub detail: Option<String>,
    /// Whether it is left alone after failures.
    pub circuit: CircuitView,
    /// Who runs and who waits.
    pub queue: QueueView,
}

/// One role and its models, best first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
pub struct RoleView {
    pub role: String,
    /// Model refs.
    pub models: Vec<String>,
}

/// Requests since midnight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
pub struct RequestsToday {
    pub local: u64,
    pub cloud: u64,
    /// Answered without a model.
    pub here: u64,
    /// Of all these, those that failed.
    pub failed: u64,
    /// Of all these, those another model stood in for.
    pub fallbacks: u64,
}

/// The page. It holds no script and fetches nothing.
#[must_use]
pub fn status_html(view: &StatusView) -> String {
    let mut body = String::with_capacity(4096);
    head(&mut body, view);
    backends(&mut body, &view.backends);
    roles(&mut body, &view.roles);
    requests(&mut body, view);
    page(&format!("Branchline: {}", view.state.as_str()), &body)
}

/// Writing to a string cannot fail, so the results of `write!` below are let go.
fn head(out: &mut String, view: &StatusView) {
    let _ = write!(
        out,
        "<header><h1>Branchline</h1><span class=\"state {}\">{}</span><span class=\"soft\">version {}</span></header>\n\
         <p>Listening at <code>{}</code>. Mode <strong>{}</strong>, threshold <strong>{}</strong>.</p>\n\
         <nav><a href=\"/ui/\">Window</a><a href=\"/docs\">API documentation</a><a href=\"/health\">Health</a><a href=\"/metrics\">Metrics</a></nav>\n",
        view.state.class(),
        view.state.as_str(),
        escape(&view.version),
        escape(&view.address),
        escape(&view.mode),
        view.threshold,
    );
    if let Some(why) = &view.held {
        let _ = writeln!(
            out,
            "<p class=\"bad\">Until it is mended, everything stays on your machines: {}.</p>",
            escape(why)
        );
    }
}

fn backends(out: &mut String, lines: &[BackendView]) {
    out.push_str("<h2>Backends</h2>\n");
    if lines.is_empty() {
        return empty(
            out,
            "No backend is set up. Start LM Studio, llama.cpp, Ollama or vLLM, or add one to the settings.",
        );
    }
    out.push_str(
        "<div class=\"scroll\"><table><thead><tr><th scope=\"col\">Name</th><th scope=\"col\">Server</th>\
         <th scope=\"col\">State</th><th scope=\"col\" class=\"number\">Latency</th>\
         <th scope=\"col\" class=\"number\">Models</th></tr></thead><tbody>\n",
    );
    for line in lines {
        backend(out, line);
    }
    out.push_str("</tbody></table></div>\n");
}

fn backend(out: &mut String, line: &BackendView) {
    let (class, state) = match line.up {
        _ if line.circuit.state != CircuitState::Closed => ("bad", "resting"),
        Some(true) => ("good", "up"),
        Some(false) => ("bad", "down"),
        None => ("wait", "not asked yet"),
    };
    let latency = line.latency_ms.map_or_else(|| "–".to_owned(), |ms| format!("{ms} ms"));
    let detail = line
        .detail
        .as_deref()
        .or(line.circuit.reason.as_deref())
        .map(|detail| format!("<br><span class=\"soft\">{}</span>", escape(detail)));
    let _ = writeln!(
        out,
        "<tr><th scope=\"row\">{}</th><td>{}, {}</td><td><span class=\"{class}\">{state}</span>{}</td>\
         <td class=\"number\">{latency}</td><td class=\"number\">{}</td></tr>",
        escape(&line.name),
        escape(&line.display),
        if line.local { "local" } else { "cloud" },
        detail.unwrap_or_default(),
        line.models,
    );
}

fn roles(out: &mut String, lines: &[RoleView]) {
    out.push_str("<h2>Roles</h2>\n");
    if lines.is_empty() {
        return empty(out, "No role has a model yet.");
    }
    out.push_str(
        "<div class=\"scroll\"><table><thead><tr><th scope=\"col\">Role</th><th scope=\"col\">Models, best first</th>\
         </tr></thead><tbody>\n",
    );
    for line in lines {
        let models: Vec<_> = line.models.iter().map(|model| format!("<code>{}</code>", escape(model))).collect();
        let models = if models.is_empty() { "<span class=\"soft\">none</span>".to_owned() } else { models.join(" ") };
        let _ = writeln!(out, "<tr><th scope=\"row\">{}</th><td>{models}</td></tr>", escape(&line.role));
    }
    out.push_str("</tbody></table></div>\n");
}

fn requests(out: &mut String, view: &StatusView) {
    let today = &view.requests_today;
    out.push_str("<h2>Requests today</h2>\n<div class=\"scroll\"><table><thead><tr>");
    let cells = [
        ("Local", today.local),
        ("Cloud", today.cloud),
        ("Answered here", today.here),
        ("Failed", today.failed),
        ("Fallbacks", today.fallbacks),
        ("Running now", view.requests_running),
        ("Waiting now", view.requests_waiting),
    ];
    for (name, _) in cells {
        let _ = write!(out, "<th scope=\"col\" class=\"number\">{name}</th>");
    }
    out.push_str("</tr></thead><tbody><tr>");
    for (_, count) in cells {
        let _ = write!(out, "<td class=\"number\">{count}</td>");
    }
    out.push_str("</tr></tbody></table></div>\n");
    money(out, view);
}

fn money(out: &mut String, view: &StatusView) {
    let cost = &view.cost_today;
    let _ = write!(out, "<p>Cost today <strong>{}</strong>, saved <strong>{}</strong>", cost.usd, cost.saved_usd);
    if cost.unpriced > 0 {
        let _ = write!(out, ", {} requests without a known price", cost.unpriced);
    }
    let budget = &view.budget;
    if let Some(percent) = budget.percent {
        let class = if budget.state >= BudgetState::Warning { "bad" } else { "good" };
        let _ = write!(out, ". Budget <span class=\"{class}\">{percent} % used</span>");
    }
    out.push_str(".</p>\n");
}

fn empty(out: &mut String, text: &str) {
    let _ = writeln!(out, "<p class=\"empty\">{}</p>", escape(text));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view() -> StatusView {
        StatusView {
            state: State::Degraded,
            version: "0.1.0".into(),
            address: "http://127.0.0.1:4117".into(),
            mode: "auto".into(),
            threshold: 50,
            backends: vec![BackendView {
                name: "lmstudio".into(),
                display: "LM Studio".into(),
                local: true,
                up: Some(false),
                detail: Some("no connection <script>alert(1)</script>".into()),
                ..BackendView::default()
            }],
            roles: vec![RoleView { role: "coder".into(), models: vec!["lmstudio:\"><img src=x>".into()] }],
            requests_today: RequestsToday { local: 40, cloud: 2, ..RequestsToday::default() },
            requests_running: 1,
            ..StatusView::default()
        }
    }

    #[test]
    fn the_page_tells_state_backends_roles_and_requests() {
        let page = status_html(&view());
        for part in ["degraded", "0.1.0", "http://127.0.0.1:4117", "LM Studio", ">down<", "coder", ">40<"] {
            assert!(page.contains(part), "{part}");
        }
        assert!(page.contains("href=\"/docs\"") && page.contains("href=\"/health\""));
    }

    #[test]
    fn the_page_says_why_everything_stays() {
        assert!(!status_html(&view()).contains("Until it is mended"));
        let page = status_html(&StatusView { held: Some("never_cloud in line <1> cannot be read".into()), ..view() });
        assert!(page.contains("Until it is mended") && page.contains("line &lt;1&gt; cannot be read"), "{page}");
    }

    #[test]
    fn names_of_models_and_backends_cannot_become_markup() {
        let page = status_html(&view());
        assert!(!page.contains("<script") && !page.contains("<img"));
        assert!(page.contains("&lt;script&gt;"));
    }

    #[test]
    fn the_page_fetches_nothing() {
        let page = status_html(&view());
        for part in ["src=", "@import", "url(", "https://"] {
            assert!(!page.replace("src=x", "").contains(part), "{part}");
        }
    }

    #[test]
    fn a_page_without_backends_says_the_next_step() {
        let page = status_html(&StatusView::default());
        assert!(page.contains("No backend is set up") && page.contains("starting"));
    }
}
