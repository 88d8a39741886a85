//! The user's own rules: conditions on a request, and where it goes then. Compiled from the settings.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::decide::Ruled;
use crate::pattern::{Finder, Glob, PathGlob};
use crate::turn::{Kind, Turn};
use crate::{ModelRef, Role};

/// What a rule may look at besides the turn. The engine fills it in when there are rules, and keeps it for past requests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Circumstances {
    /// The model id the client asked for.
    pub model: String,
    /// Path of the route: `/v1/messages`.
    pub path: String,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The client's working folder, where it says so.
    pub project: Option<String>,
    /// Names of the tools on offer.
    pub tools: Vec<String>,
    /// The user's wall clock; not kept, for every record has its time.
    #[serde(skip)]
    pub clock: Option<Clock>,
}

/// A time of the week on the user's wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// Minutes since midnight, 0..1440.
    pub minute: u16,
    /// Day of the week.
    pub day: Day,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Day {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

impl Day {
    /// The days, Monday first.
    pub const ALL: [Self; 7] = [Self::Mon, Self::Tue, Self::Wed, Self::Thu, Self::Fri, Self::Sat, Self::Sun];
}

/// A stretch of the day, `"09:00-17:30"`; one that ends before it begins goes over midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours {
    from: u16,
    to: u16,
}

impl Hours {
    /// No minute of the day lies in it.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.from == self.to || (self.from == 1440 && self.to == 0)
    }

    /// Whether a minute of the day lies in it; the end does not.
    #[must_use]
    pub const fn holds(self, minute: u16) -> bool {
        if self.from <= self.to {
            self.from <= minute && minute < self.to
        } else {
            minute >= self.from || minute < self.to
        }
    }
}

/// A text that is no stretch of the day.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no stretch of the day")]
pub struct HoursError(pub String);

impl FromStr for Hours {
    type Err = HoursError;

    fn from_str(text: &str) -> Result<Self, HoursError> {
        let minute = |part: &str| {
            let (hour, minute) = part.trim().split_once(':')?;
            let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
            (hour <= 24 && minute < 60 && hour * 60 + minute <= 1440).then_some(hour * 60 + minute)
        };
        let parts = text.split_once('-').and_then(|(from, to)| Some((minute(from)?, minute(to)?)));
        let (from, to) = parts.ok_or_else(|| HoursError(text.to_owned()))?;
        Ok(Self { from, to })
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}-{:02}:{:02}", self.from / 60, self.from % 60, self.to / 60, self.to % 60)
    }
}

/// One rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// What the log calls it: its name, or its number.
    pub name: String,
    /// All that is set must hold.
    pub when: When,
    /// Where the request goes.
    pub then: Then,
}

/// The first rule that fits, and where it sends the request.
#[must_use]
pub fn first(rules: &[Rule], turn: &Turn, at: &Circumstances) -> Option<Ruled> {
    let rule = rules.iter().find(|rule| rule.when.unmet(turn, at).is_none())?;
    Some(Ruled { rule: rule.name.clone(), then: rule.then.clone() })
}

/// Which words that rules look for stood in the human's words of a turn, by expression. It is all that is left of those
/// words in a record.
pub type Heard = BTreeMap<String, bool>;

/// Looks for the words of all rules; empty where no rule looks for any.
#[must_use]
pub fn hear(rules: &[Rule], turn: &Turn) -> Heard {
    let finders = rules.iter().filter_map(|rule| rule.when.text.as_ref());
    let told = finders.flat_map(|words| {
        let found = words.find(&turn.human).is_some();
        words.expressions().iter().map(move |expression| (expression.clone(), found))
    });
    told.collect()
}

/// The rule that fits a past request, as far as what is kept of it tells; and whether a rule was passed over because it
/// looks for something that was not kept: words nobody looked for then, a header that holds a key.
#[must_use]
pub fn first_of_past(rules: &[Rule], turn: &Turn, at: &Circumstances, heard: &Heard) -> (Option<Ruled>, bool) {
    let mut unsure = false;
    for rule in rules {
        match rule.when.met_in_the_past(turn, at, heard) {
            Some(true) => return (Some(Ruled { rule: rule.name.clone(), then: rule.then.clone() }), unsure),
            Some(false) => {}
            None => unsure = true,
        }
    }
    (None, unsure)
}

/// Whether a header is kept for past requests: none that may hold a key, none that is another in every request or
/// session, none that only says how the connection is.
#[must_use]
pub fn is_header_kept(name: &str) -> bool {
    const SECRET: [&str; 8] = ["auth", "key", "token", "secret", "cookie", "passw", "credential", "signature"];
    const FLEETING: [&str; 7] =
        ["trace", "baggage", "request-id", "session", "conversation", "agent-id", "idempotency"];
    const TRANSPORT: [&str; 10] = [
        "accept",
        "cache-",
        "connection",
        "content-",
        "date",
        "host",
        "keep-alive",
        "sec-",
        "transfer-",
        "x-stainless-",
    ];
    let name: Cow<'_, str> =
        if name.bytes().any(|byte| byte.is_ascii_uppercase()) { name.to_ascii_lowercase().into() } else { name.into() };
    !TRANSPORT.iter().any(|start| name.starts_with(start))
        && !SECRET.iter().chain(&FLEETING).any(|part| name.contains(part))
}

/// Where a rule sends a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// To the models of a role.
    Role(Role),
    /// To these models, in order.
    Models(Vec<ModelRef>),
}

impl fmt::Display for Then {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Role(role) => f.write_str(role.as_str()),
            Self::Models(models) => {
                let names: Vec<String> = models.iter().map(ToString::to_string).collect();
                f.write_str(&names.join(", "))
            }
        }
    }
}

/// The conditions of a rule; a condition that is not set holds.
#[derive(Clone, Debug, Default)]
pub struct When {
    /// A header and what it must hold; `None` is any value.
    pub header: Option<(String, Option<Glob>)>,
    /// The model asked for.
    pub model: Option<Glob>,
    /// Path of the route.
    pub path: Option<Glob>,
    /// The working folder.
    pub project: Option<PathGlob>,
    /// A tool on offer.
    pub tool: Option<Glob>,
    /// Words of the human.
    pub text: Option<Finder>,
    /// More tokens than this.
    pub tokens_over: Option<u64>,
    /// Fewer tokens than this.
    pub tokens_under: Option<u64>,
    /// Images.
    pub has_images: Option<bool>,
    /// Tools.
    pub has_tools: Option<bool>,
    /// Thinking asked for.
    pub thinking: Option<bool>,
    /// Asked by a subagent.
    pub subagent: Option<bool>,
    /// Time of day.
    pub hours: Option<Hours>,
    /// Days of the week; empty is every day.
    pub days: Vec<Day>,
}

impl When {
    /// The first condition that does not hold, in words; `None` when all do.
    #[must_use]
    pub fn unmet(&self, turn: &Turn, at: &Circumstances) -> Option<String> {
        self.unmet_of_client(at).or_else(|| self.unmet_of_turn(turn)).or_else(|| self.unmet_of_time(at.clock))
    }

    /// `None` when what it looks for was not kept.
    fn met_in_the_past(&self, turn: &Turn, at: &Circumstances, heard: &Heard) -> Option<bool> {
        let header = self.header.as_ref().filter(|(name, _)| is_header_kept(name));
        let is_header_known = header.is_some() || self.header.is_none();
        let rest = Self { text: None, header: header.cloned(), ..self.clone() };
        let said = |words: &Finder| words.expressions().first().and_then(|expression| heard.get(expression)).copied();
        let said = self.text.as_ref().map_or(Some(true), said);
        if rest.unmet(turn, at).is_some() || said == Some(false) {
            return Some(false);
        }
        said.filter(|_| is_header_known)
    }

    fn unmet_of_client(&self, at: &Circumstances) -> Option<String> {
        if let Some((name, value)) = &self.header {
            let sent = at.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
            match (sent, value) {
                (None, _) => return Some(format!("there is no header {name}")),
                (Some((_, sent)), Some(wanted)) if !wanted.is_match(sent) => {
                    // The value of a header that may hold a key is not repeated.
                    let is = if is_header_kept(name) { format!("\"{sent}\", ") } else { String::new() };
                    return Some(format!("the header {name} is {is}not {wanted}"));
                }
                _ => {}
            }
        }
        let differs = |wanted: &Option<Glob>, what: &str, is: &str| {
            let wanted = wanted.as_ref().filter(|wanted| !wanted.is_match(is))?;
            Some(format!("the {what} is \"{is}\", not {wanted}"))
        };
        differs(&self.model, "model asked for", &at.model)
            .or_else(|| differs(&self.path, "path", &at.path))
            .or_else(|| match (&self.project, &at.project) {
                (Some(_), None) => Some("the client does not say its working folder".into()),
                (Some(wanted), Some(folder)) if !wanted.covers(folder) => {
                    Some(format!("the working folder is {folder}"))
                }
                _ => None,
            })
            .or_else(|| {
                let wanted = self.tool.as_ref()?;
                let offered = at.tools.iter().any(|tool| wanted.is_match(tool));
                (!offered).then(|| format!("no tool on offer is called {wanted}"))
            })
    }

    fn unmet_of_turn(&self, turn: &Turn) -> Option<String> {
        let tokens = turn.structure.prompt_tokens;
        if self.tokens_over.is_some_and(|least| tokens <= least) || self.tokens_under.is_some_and(|most| tokens >= most)
        {
            return Some(format!("the prompt has about {tokens} tokens"));
        }
        if self.text.as_ref().is_some_and(|words| words.find(&turn.human).is_none()) {
            return Some("the words are not in the prompt".into());
        }
        let differs = |wanted: Option<bool>, is: bool, what: &str| {
            let unmet = wanted.is_some_and(|wanted| wanted != is);
            unmet.then(|| format!("{} {what}", if is { "there is" } else { "there is no" }))
        };
        differs(self.has_images, turn.images > 0, "image in it")
            .or_else(|| differs(self.has_tools, turn.client_tools || turn.server_tools, "tool on offer"))
            .or_else(|| differs(self.thinking, turn.thinking, "thinking asked for"))
            .or_else(|| differs(self.subagent, turn.kind == Kind::Subagent, "subagent asking"))
    }

    fn unmet_of_time(&self, clock: Option<Clock>) -> Option<String> {
        let clock = clock?;
        if self.hours.is_some_and(|hours| !hours.holds(clock.minute)) {
            return Some(format!("it is {:02}:{:02}", clock.minute / 60, clock.minute % 60));
        }
        let other_day = !self.days.is_empty() && !self.days.contains(&clock.day);
        other_day.then(|| format!("it is {:?}", clock.day).to_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_may_go_over_midnight() {
        let day: Hours = "09:00-17:30".parse().unwrap();
        assert!(day.holds(9 * 60) && day.holds(17 * 60 + 29) && !day.holds(17 * 60 + 30) && !day.holds(0));
        let night: Hours = "22:00-07:00".parse().unwrap();
        assert!(night.holds(23 * 60) && night.holds(0) && !night.holds(7 * 60));
        assert_eq!(night.to_string(), "22:00-07:00");
        for (text, never) in
            [("09:00-09:00", true), ("24:00-00:00", true), ("00:00-24:00", false), ("24:00-01:00", false)]
        {
            let hours: Hours = text.parse().unwrap();
            assert_eq!((hours.is_empty(), (0..1440).any(|minute| hours.holds(minute))), (never, !never), "{text}");
        }
        for bad in ["", "9-17", "25:00-26:00", "09:60-10:00", "morning"] {
            assert!(bad.parse::<Hours>().is_err(), "{bad}");
        }
    }

    #[test]
    fn of_a_past_request_what_was_not_kept_is_not_guessed() {
        let rule = |when: When| Rule { name: "r".into(), when, then: Then::Role(Role::Cloud) };
        let words = |text: &str| Finder::words(&[text.to_owned()], |_| String::new()).unwrap();
        let (deploy, review) = (words("deploy"), words("review"));
        let then = Turn { human: "please review it".into(), ..Turn::default() };
        let heard = hear(&[rule(When { text: Some(review.clone()), ..When::default() })], &then);
        let now = Turn { human: String::new(), ..then };
        let tried = |when: When| {
            let (fits, unsure) = first_of_past(&[rule(when)], &now, &at(), &heard);
            (fits.is_some(), unsure)
        };
        let glob = |text: &str| Some(Glob::new(text));
        let none = When::default();
        let header = |name: &str| Some((name.to_owned(), None));
        assert_eq!(tried(When { text: Some(review.clone()), ..none.clone() }), (true, false));
        assert_eq!(tried(When { text: Some(deploy.clone()), ..none.clone() }), (false, true));
        assert_eq!(tried(When { text: Some(deploy), model: glob("gpt-*"), ..none.clone() }), (false, false));
        assert_eq!(tried(When { header: header("x-team"), ..none.clone() }), (true, false));
        assert_eq!(tried(When { header: header("x-other"), ..none.clone() }), (false, false));
        assert_eq!(tried(When { header: header("X-Api-Key"), ..none.clone() }), (false, true));
        assert_eq!(tried(When { header: header("authorization"), tool: glob("WebFetch"), ..none }), (false, false));
    }

    fn at() -> Circumstances {
        Circumstances {
            model: "claude-haiku-5-5".into(),
            path: "/v1/messages".into(),
            headers: vec![("x-team".into(), "infra-eu".into())],
            project: Some("/home/me/acme/src".into()),
            tools: vec!["Bash".into(), "mcp__jira__search".into()],
            clock: Some(Clock { minute: 10 * 60, day: Day::Sat }),
        }
    }

    #[test]
    fn the_value_of_a_header_that_may_hold_a_key_is_not_told() {
        let sent = Circumstances { headers: vec![("x-api-key".into(), "geheim".into())], ..Circumstances::default() };
        let when = When { header: Some(("X-Api-Key".into(), Some(Glob::new("team-*")))), ..When::default() };
        assert_eq!(when.unmet(&Turn::default(), &sent).as_deref(), Some("the header X-Api-Key is not team-*"));
    }

    #[test]
    fn every_condition_is_looked_at_and_says_what_is() {
        let turn = Turn { human: "please review it".into(), ..Turn::default() };
        let glob = |text: &str| Some(Glob::new(text));
        let words = |text: &str| Some(Finder::words(&[text.to_owned()], |_| String::new()).unwrap());
        let none = When::default();
        for (met, unmet, said) in [
            (
                When { header: Some(("X-Team".into(), glob("infra*"))), ..none.clone() },
                When { header: Some(("X-Team".into(), glob("web*"))), ..none.clone() },
                "infra-eu",
            ),
            (
                When { header: Some(("x-team".into(), None)), ..none.clone() },
                When { header: Some(("x-other".into(), None)), ..none.clone() },
                "no header x-other",
            ),
            (
                When { model: glob("claude-haiku-*"), ..none.clone() },
                When { model: glob("gpt-*"), ..none.clone() },
                "claude-haiku-5-5",
            ),
            (
                When { path: glob("/v1/mess*"), ..none.clone() },
                When { path: glob("/v1/chat*"), ..none.clone() },
                "/v1/messages",
            ),
            (
                When { project: Some(PathGlob::new("acme")), ..none.clone() },
                When { project: Some(PathGlob::new("other")), ..none.clone() },
                "/home/me/acme/src",
            ),
            (
                When { tool: glob("mcp__jira__*"), ..none.clone() },
                When { tool: glob("WebFetch"), ..none.clone() },
                "no tool",
            ),
            (
                When { text: words("review"), ..none.clone() },
                When { text: words("deploy"), ..none.clone() },
                "not in the prompt",
            ),
            (
                When { tokens_under: Some(1), ..none.clone() },
                When { tokens_over: Some(0), ..none.clone() },
                "about 0 tokens",
            ),
            (
                When { has_images: Some(false), ..none.clone() },
                When { has_images: Some(true), ..none.clone() },
                "no image",
            ),
            (
                When { has_tools: Some(false), ..none.clone() },
                When { has_tools: Some(true), ..none.clone() },
                "no tool on offer",
            ),
            (
                When { thinking: Some(false), ..none.clone() },
                When { thinking: Some(true), ..none.clone() },
                "no thinking",
            ),
            (
                When { subagent: Some(false), ..none.clone() },
                When { subagent: Some(true), ..none.clone() },
                "no subagent",
            ),
            (
                When { hours: "09:00-11:00".parse().ok(), ..none.clone() },
                When { hours: "11:00-12:00".parse().ok(), ..none.clone() },
                "10:00",
            ),
            (
                When { days: vec![Day::Sat, Day::Sun], ..none.clone() },
                When { days: vec![Day::Mon], ..none.clone() },
                "sat",
            ),
        ] {
            assert_eq!(met.unmet(&turn, &at()), None, "{met:?}");
            let why = unmet.unmet(&turn, &at()).unwrap_or_else(|| panic!("{unmet:?}"));
            assert!(why.contains(said), "{why}");
        }
    }
}
