//! The variables that point Claude Code at us, and how they are written in each shell. Pure.
//!
//! Source of the rules: Claude Code's documentation (settings, environment variables, gateways) and
//! its requests as seen.

use branchline_proxy::agent::longest_result;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use ts_rs::TS;

/// The model id Claude Code is given: no Claude name, so that it believes the window we tell.
const MODEL: &str = "auto";
/// Twenty minutes: a local model may read a long prompt for most of that.
const STREAM_IDLE_MS: u64 = 1_200_000;
/// The part of a window that answers may take, and of a small one what stands free above them when it is time to compact.
const PART: u64 = 8;
/// What Claude Code keeps free above the answer: it compacts at window - output - 13,000.
const CLIENTS_RESERVE: u64 = 13_000;
/// Enough for the words that ask for the summary, and for a tool result of usual size.
const LEAST_RESERVE: u64 = 4_096;
/// Claude Code's own limit for models it does not know.
const MOST_OUTPUT: u64 = 32_000;
const LEAST_OUTPUT: u64 = 4_096;
/// What commands print has fewer characters to a token than prose.
const CHARS_PER_TOKEN: u64 = 3;
/// What commands print, in characters; files and what MCP servers answer, in tokens. A user who has set one knows why.
pub const RESULT_LIMITS: [&str; 3] =
    ["BASH_MAX_OUTPUT_LENGTH", "CLAUDE_CODE_FILE_READ_MAX_OUTPUT_TOKENS", "MAX_MCP_OUTPUT_TOKENS"];
/// The names Claude Code asks for models by, the one its "Default" stands for first.
const FAMILIES: [&str; 4] = ["Opus", "Fable", "Sonnet", "Haiku"];
/// A row of its picker has one line for a name and what it is.
const LONGEST_NAME: usize = 40;

/// One variable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct EnvVar {
    /// Its name.
    pub name: String,
    /// Its value; empty switches off what the user's own environment may hold.
    pub value: String,
    /// What it is for.
    pub why: String,
}

/// What the variables depend on.
#[derive(Clone, Debug, Default)]
pub struct ClientView {
    /// Where clients send their requests: `http://127.0.0.1:4117`.
    pub base_url: String,
    /// The client token; `None` when none is asked for.
    pub token: Option<String>,
    /// The cloud gets the client's own login, so the client must not be given another.
    pub own_login: bool,
    /// What the models can take.
    pub windows: Windows,
    /// What they are called.
    pub names: Names,
    /// Where everything goes: `local`, `cloud` or a model ref; `None` lets each turn find its model.
    pub route: Option<String>,
}

/// Context windows of the models that may answer, in tokens; `None` when unknown or not asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Windows {
    /// The coder's real window.
    pub local: Option<u64>,
    /// The cloud model's.
    pub cloud: Option<u64>,
}

impl Windows {
    /// A conversation may move between the two, so it must fit the smaller one.
    #[must_use]
    pub const fn smaller(self) -> Option<u64> {
        match (self.local, self.cloud) {
            (Some(local), Some(cloud)) => Some(if local < cloud { local } else { cloud }),
            (Some(one), None) | (None, Some(one)) => Some(one),
            (None, None) => None,
        }
    }
}

/// The models that may answer, as people call them; `None` where there is none, or it is not asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// The coder.
    pub local: Option<String>,
    /// The cloud model.
    pub cloud: Option<String>,
}

impl Names {
    /// What Claude Code's picker says of our model id.
    fn said(&self, route: Option<&str>) -> String {
        match (route, &self.local, &self.cloud) {
            (Some(route), None, None) => route.to_owned(),
            (Some(_), Some(one), _) | (Some(_), None, Some(one)) => one.clone(),
            (None, Some(local), Some(cloud)) => format!("Auto: {local} here, {cloud} in the cloud"),
            (None, Some(one), None) | (None, None, Some(one)) => format!("Auto: {one}"),
            (None, None, None) => "Auto".to_owned(),
        }
    }
}

/// A model id without whose it is, as short as a picker wants it.
#[must_use]
pub fn short_name(model: &str) -> String {
    let name = model.rsplit('/').next().unwrap_or(model);
    if name.chars().count() <= LONGEST_NAME {
        return name.to_owned();
    }
    name.chars().take(LONGEST_NAME - 3).chain("...".chars()).collect()
}

/// The variables for Claude Code, in the order they are shown.
#[must_use]
pub fn client_env(view: &ClientView) -> Vec<EnvVar> {
    let mut vars = vec![var("ANTHROPIC_BASE_URL", &view.base_url, "where requests go")];
    vars.extend(credentials(view));
    vars.extend(models(view));
    if let Some(window) = view.windows.smaller() {
        let output = (window / PART).clamp(LEAST_OUTPUT, MOST_OUTPUT);
        let told = told_window(window).to_string();
        vars.push(var(
            "CLAUDE_CODE_MAX_CONTEXT_TOKENS",
            &told,
            "compacts before the window is full, and not much sooner",
        ));
        vars.push(var("CLAUDE_CODE_MAX_OUTPUT_TOKENS", &output.to_string(), "leaves room for the conversation"));
        vars.extend(short_results(window));
    }
    vars.push(var("CLAUDE_CODE_ATTRIBUTION_HEADER", "0", "keeps the prompt's beginning the same, so it is read once"));
    vars.push(var(
        "CLAUDE_STREAM_IDLE_TIMEOUT_MS",
        &STREAM_IDLE_MS.to_string(),
        "a long prompt takes a local model minutes",
    ));
    vars.push(var("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1", "no requests beside the work"));
    vars
}

/// What keeps the results of tools short where the window is small: with results as long as they come, Claude Code fills it
/// again right after each compaction and gives up. What is left out of a command's output it keeps in a file, of a longer
/// file it reads a part.
fn short_results(window: u64) -> Vec<EnvVar> {
    let Some(tokens) = longest_result(window) else { return Vec::new() };
    let why = "results of tools leave room in a small window";
    let most = [tokens * CHARS_PER_TOKEN, tokens, tokens];
    RESULT_LIMITS.iter().zip(most).map(|(name, most)| var(name, &most.to_string(), why)).collect()
}

/// The model id, and what `/model` shows. Agents name the families by themselves, so none of them may insist: what a user
/// can insist on is in the list that the client fetches from us.
fn models(view: &ClientView) -> Vec<EnvVar> {
    let route = view.route.as_deref();
    let (model, name) = (route.unwrap_or(MODEL), view.names.said(route));
    let why = if route.is_some() { "everything goes there" } else { "each turn goes to the model that fits it" };
    let short = if route.is_some() { &name } else { "Auto" };
    let mut vars = vec![var("ANTHROPIC_MODEL", model, why)];
    for (place, family) in FAMILIES.into_iter().enumerate() {
        let id = format!("ANTHROPIC_DEFAULT_{}_MODEL", family.to_uppercase());
        let name = if place == 0 { name.clone() } else { format!("{short}, where {family} is asked for") };
        vars.push(var(&id, model, "the same for the names in /model and in subagents"));
        vars.push(var(&format!("{id}_NAME"), &name, "what /model shows of it"));
        vars.push(var(&format!("{id}_DESCRIPTION"), why, "what /model shows of it"));
    }
    vars.push(var("CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY", "1", "every model there is stands in /model, too"));
    // Without this its "Default" is taken for a model with a million tokens, whatever the window is said to be.
    vars.push(var("CLAUDE_CODE_DISABLE_1M_CONTEXT", "1", "no window is believed larger than it is"));
    vars
}

/// The window Claude Code is told, so that it compacts a model with this one in time. Of a small window the 13,000 tokens
/// it keeps free are most of what its own prompt leaves: told the real 32,768 it compacted after nearly every step and gave
/// up ("Autocompact is thrashing"). From 104,000 on the two are the same.
#[must_use]
pub fn told_window(window: u64) -> u64 {
    window + CLIENTS_RESERVE - (window / PART).clamp(LEAST_RESERVE, CLIENTS_RESERVE)
}

/// The window behind the one that was told.
#[must_use]
pub fn real_window(told: u64) -> u64 {
    let least = LEAST_RESERVE * PART;
    if told >= CLIENTS_RESERVE * PART {
        told
    } else if told >= told_window(least) {
        (told - CLIENTS_RESERVE) * PART / (PART - 1)
    } else {
        told.saturating_sub(CLIENTS_RESERVE - LEAST_RESERVE)
    }
}

fn credentials(view: &ClientView) -> Vec<EnvVar> {
    if view.own_login {
        let token = view.token.iter();
        let header = |token: &String| {
            let value = format!("x-branchline-token: {token}");
            var("ANTHROPIC_CUSTOM_HEADERS", &value, "lets you in; your own login goes on to Anthropic")
        };
        return token.map(header).collect();
    }
    // Without any token Claude Code would send the user's own login, which is nobody's business here.
    let token = view.token.as_deref().unwrap_or("branchline");
    vec![
        var("ANTHROPIC_AUTH_TOKEN", token, "lets you in"),
        var("ANTHROPIC_API_KEY", "", "a key of your own is not sent here"),
    ]
}

fn var(name: &str, value: &str, why: &str) -> EnvVar {
    EnvVar { name: name.to_owned(), value: value.to_owned(), why: why.to_owned() }
}

/// A way to write variables down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shell {
    /// Bash, Zsh and every other POSIX shell.
    Bash,
    /// The same as Bash.
    Zsh,
    /// Fish.
    Fish,
    /// PowerShell.
    Powershell,
    /// cmd.exe.
    Cmd,
    /// An object of names and values.
    Json,
    /// The `env` block of Claude Code's `settings.json`.
    Settings,
}

impl Shell {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Bash, Self::Zsh, Self::Fish, Self::Powershell, Self::Cmd, Self::Json, Self::Settings];

    /// The shell people most likely type into here, from the value of `SHELL`.
    #[must_use]
    pub fn usual(shell: &str) -> Self {
        match shell.rsplit('/').next() {
            Some("fish") => Self::Fish,
            Some("") | None if cfg!(windows) => Self::Powershell,
            _ => Self::Bash,
        }
    }

    /// Its name on the command line and in the interface.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Zsh => "zsh",
            Self::Fish => "fish",
            Self::Powershell => "powershell",
            Self::Cmd => "cmd",
            Self::Json => "json",
            Self::Settings => "settings",
        }
    }
}

/// The variables as text to paste, with a line break at the end.
#[must_use]
pub fn render(vars: &[EnvVar], shell: Shell) -> String {
    match shell {
        Shell::Json => pretty(&Value::Object(object(vars))),
        Shell::Settings => pretty(&json!({ "env": object(vars) })),
        _ => vars.iter().map(|var| line(&var.name, &var.value, shell) + "\n").collect(),
    }
}

fn line(name: &str, value: &str, shell: Shell) -> String {
    match shell {
        Shell::Fish => format!("set -gx {name} '{}'", value.replace('\\', "\\\\").replace('\'', "\\'")),
        Shell::Powershell => format!("$env:{name} = '{}'", value.replace('\'', "''")),
        // The quotes keep `&` and blanks in the value and are not part of it.
        Shell::Cmd => format!("set \"{name}={}\"", value.replace('%', "%%")),
        _ => format!("export {name}='{}'", value.replace('\'', r"'\''")),
    }
}

fn object(vars: &[EnvVar]) -> Map<String, Value> {
    vars.iter().map(|var| (var.name.clone(), Value::String(var.value.clone()))).collect()
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view() -> ClientView {
        ClientView {
            base_url: "http://127.0.0.1:4117".into(),
            token: Some("abc".into()),
            own_login: false,
            windows: Windows { local: Some(65_536), cloud: Some(1_000_000) },
            names: Names { local: Some("qwen3-coder-next".into()), cloud: Some("claude-sonnet-5-5".into()) },
            route: None,
        }
    }

    fn value<'v>(vars: &'v [EnvVar], name: &str) -> Option<&'v str> {
        vars.iter().find(|var| var.name == name).map(|var| var.value.as_str())
    }

    #[test]
    fn the_window_is_the_smaller_of_the_two_models() {
        let vars = client_env(&view());
        assert_eq!(value(&vars, "CLAUDE_CODE_MAX_CONTEXT_TOKENS"), Some("70344"));
        assert_eq!(value(&vars, "CLAUDE_CODE_MAX_OUTPUT_TOKENS"), Some("8192"));
    }

    #[test]
    fn the_client_compacts_while_the_summary_still_fits() {
        for window in [16_384, 32_768, 40_960, 65_536, 100_000, 131_072, 200_000, 1_000_000] {
            let output = (window / PART).clamp(LEAST_OUTPUT, MOST_OUTPUT);
            let compacts_at = told_window(window) - output.min(20_000) - CLIENTS_RESERVE;
            assert!(compacts_at + output.min(20_000) + LEAST_RESERVE <= window, "{window}");
            assert!(real_window(told_window(window)).abs_diff(window) <= 1, "{window}");
        }
        assert_eq!(told_window(131_072), 131_072, "a large window has room for what the client keeps free");
    }

    #[test]
    fn results_of_tools_are_kept_short_in_small_windows_only() {
        let within =
            |window| client_env(&ClientView { windows: Windows { local: Some(window), cloud: None }, ..view() });
        let vars = within(32_768);
        assert_eq!(value(&vars, "BASH_MAX_OUTPUT_LENGTH"), Some("9057"));
        assert_eq!(value(&vars, "CLAUDE_CODE_FILE_READ_MAX_OUTPUT_TOKENS"), Some("3019"));
        assert_eq!(value(&vars, "MAX_MCP_OUTPUT_TOKENS"), Some("3019"));
        assert_eq!(value(&within(65_536), "BASH_MAX_OUTPUT_LENGTH"), None, "the client's own limits do");
    }

    #[test]
    fn an_unknown_window_is_not_guessed() {
        let vars = client_env(&ClientView { windows: Windows::default(), ..view() });
        assert_eq!(value(&vars, "CLAUDE_CODE_MAX_CONTEXT_TOKENS"), None);
        assert_eq!(value(&vars, "CLAUDE_CODE_MAX_OUTPUT_TOKENS"), None);
    }

    #[test]
    fn no_model_id_looks_like_a_claude_model() {
        for var in client_env(&view()).iter().filter(|var| var.name.ends_with("_MODEL")) {
            assert!(!var.value.contains("claude"), "{var:?}");
        }
    }

    #[test]
    fn a_client_with_its_own_login_keeps_it() {
        let vars = client_env(&ClientView { own_login: true, ..view() });
        assert_eq!(value(&vars, "ANTHROPIC_AUTH_TOKEN"), None);
        assert_eq!(value(&vars, "ANTHROPIC_API_KEY"), None);
        assert_eq!(value(&vars, "ANTHROPIC_CUSTOM_HEADERS"), Some("x-branchline-token: abc"));
    }

    #[test]
    fn a_route_is_the_model_of_every_name() {
        let vars = client_env(&ClientView { route: Some("cloud".into()), ..view() });
        let models: Vec<_> = vars.iter().filter(|var| var.name.ends_with("_MODEL")).collect();
        assert_eq!(models.len(), 5);
        assert!(models.iter().all(|var| var.value == "cloud"), "{models:?}");
    }

    #[test]
    fn the_picker_names_the_models_that_answer() {
        let said = |names: Names, route: Option<&str>| {
            let vars = client_env(&ClientView { names, route: route.map(str::to_owned), ..view() });
            let said =
                |family: &str| value(&vars, &format!("ANTHROPIC_DEFAULT_{family}_MODEL_NAME")).map(str::to_owned);
            (said("OPUS").unwrap(), said("HAIKU").unwrap())
        };
        let one = |name: &str| Some(name.to_owned());
        for (local, cloud, route, opus, haiku) in [
            (one("a"), one("b"), None, "Auto: a here, b in the cloud", "Auto, where Haiku is asked for"),
            (one("a"), None, None, "Auto: a", "Auto, where Haiku is asked for"),
            (None, one("b"), None, "Auto: b", "Auto, where Haiku is asked for"),
            (None, None, None, "Auto", "Auto, where Haiku is asked for"),
            (None, one("b"), Some("cloud"), "b", "b, where Haiku is asked for"),
            (None, None, Some("local"), "local", "local, where Haiku is asked for"),
        ] {
            assert_eq!(said(Names { local, cloud }, route), (opus.to_owned(), haiku.to_owned()));
        }
    }

    #[test]
    fn a_name_is_short_and_says_nothing_of_whose_it_is() {
        assert_eq!(short_name("qwen/qwen3-coder-next"), "qwen3-coder-next");
        assert_eq!(short_name("qwen3:8b"), "qwen3:8b");
        assert_eq!(short_name(&"x".repeat(60)).chars().count(), LONGEST_NAME);
    }

    #[test]
    fn every_shell_gets_its_own_quotes() {
        let vars = [var("A", "it's 50% \\ \"x\"", "")];
        for (shell, expected) in [
            (Shell::Bash, r#"export A='it'\''s 50% \ "x"'"#),
            (Shell::Fish, r#"set -gx A 'it\'s 50% \\ "x"'"#),
            (Shell::Powershell, r#"$env:A = 'it''s 50% \ "x"'"#),
            (Shell::Cmd, r#"set "A=it's 50%% \ "x"""#),
        ] {
            assert_eq!(render(&vars, shell).trim_end(), expected);
        }
    }

    #[test]
    fn the_settings_block_is_what_claude_code_reads() {
        let text = render(&client_env(&view()), Shell::Settings);
        let json: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["env"]["ANTHROPIC_BASE_URL"], "http://127.0.0.1:4117");
        assert_eq!(json["env"]["ANTHROPIC_API_KEY"], "");
    }
}
