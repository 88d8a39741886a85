//! Which events are worth a notification, in words, and how often. Pure: the time comes in.
//!
//! At most one a minute for each kind and backend: what comes sooner is counted and told when the minute is over.

mod teller;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use branchline_proxy::LiveEvent;
use branchline_proxy::budget::BudgetState;
use branchline_settings::schema::NotificationSettings;

use crate::words::Spoken;

pub use teller::Teller;

/// The time between two notifications of one kind and backend.
const EVERY: Duration = Duration::from_secs(60);

/// A notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What happened, in a few words.
    pub title: String,
    /// What it means.
    pub body: String,
    /// The page of the window that has more.
    pub page: &'static str,
}

/// What a notification is about. The settings switch each kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Offline,
    Back,
    Fallback,
    Escalated,
    Budget,
    Server,
}

impl Kind {
    const fn is_wanted(self, settings: NotificationSettings) -> bool {
        match self {
            Self::Offline => settings.backend_offline,
            Self::Back => settings.backend_back,
            Self::Fallback => settings.fallback,
            Self::Escalated => settings.escalated,
            Self::Budget => settings.budget,
            Self::Server => settings.server,
        }
    }
}

/// The last notification of one kind and backend, and what came since.
#[derive(Debug)]
struct Told {
    at: Instant,
    held: u32,
    latest: Notice,
}

/// Decides what is told.
#[derive(Debug, Default)]
pub struct Notices {
    told: BTreeMap<(Kind, String), Told>,
}

impl Notices {
    /// What to tell of this event now.
    pub fn hear(
        &mut self,
        event: &LiveEvent,
        settings: NotificationSettings,
        spoken: Spoken,
        now: Instant,
    ) -> Option<Notice> {
        let (kind, about, notice) = news(event, spoken)?;
        if let Some(opposite) = opposite(kind)
            && let Some(told) = self.told.get_mut(&(opposite, about.clone()))
        {
            // Old news.
            told.held = 0;
        }
        if !kind.is_wanted(settings) {
            return None;
        }
        let key = (kind, about);
        match self.told.get_mut(&key) {
            Some(told)
                if !matches!(kind, Kind::Server | Kind::Budget) && now.saturating_duration_since(told.at) < EVERY =>
            {
                told.held += 1;
                told.latest = notice;
                None
            }
            _ => {
                self.told.insert(key, Told { at: now, held: 0, latest: notice.clone() });
                Some(notice)
            }
        }
    }

    /// What was held back and may be told now.
    pub fn due(&mut self, spoken: Spoken, now: Instant) -> Vec<Notice> {
        let ready = self.told.iter_mut().filter(|(_, told)| told.held > 0 && now >= told.at + EVERY);
        ready
            .map(|((kind, about), told)| {
                let held = std::mem::take(&mut told.held);
                told.at = now;
                counted(*kind, about, held, &told.latest, spoken)
            })
            .collect()
    }

    /// When [`Self::due`] has something to say.
    #[must_use]
    pub fn next_due(&self) -> Option<Instant> {
        self.told.values().filter(|told| told.held > 0).map(|told| told.at + EVERY).min()
    }
}

const fn opposite(kind: Kind) -> Option<Kind> {
    match kind {
        Kind::Offline => Some(Kind::Back),
        Kind::Back => Some(Kind::Offline),
        Kind::Fallback | Kind::Escalated | Kind::Budget | Kind::Server => None,
    }
}

fn news(event: &LiveEvent, spoken: Spoken) -> Option<(Kind, String, Notice)> {
    let words = &spoken.words().notices;
    let notice = |title: String, body: &str, page| Notice { title, body: body.to_owned(), page };
    Some(match event {
        LiveEvent::BackendDown { backend, reason } => {
            (Kind::Offline, backend.clone(), notice((words.offline)(backend), reason, "backends"))
        }
        LiveEvent::BackendUp { backend } => {
            (Kind::Back, backend.clone(), notice((words.back)(backend), words.back_body, "backends"))
        }
        LiveEvent::Fallback { from, model, cloud, reason, .. } => {
            let title = (words.fallback)(*cloud, from);
            (Kind::Fallback, from.clone(), notice(title, &format!("{model}: {reason}"), "log"))
        }
        LiveEvent::Escalated { model, reason, .. } => {
            let body = format!("{model}: {reason}");
            (Kind::Escalated, String::new(), notice(words.escalated.into(), &body, "log"))
        }
        LiveEvent::Budget { budget } => {
            let (title, body) = match (budget.state, budget.when_spent.as_str()) {
                (BudgetState::Spent, "refuse") => (words.budget_met, words.budget_refuse.into()),
                (BudgetState::Spent, _) => (words.budget_met, words.budget_local.into()),
                _ => (words.budget_near, (words.budget_used)(budget.percent.unwrap_or_default())),
            };
            (Kind::Budget, String::new(), notice(title.into(), &body, "overview"))
        }
        LiveEvent::ServerChanged { problem: Some(problem), .. } => {
            (Kind::Server, problem.clone(), notice(words.not_started.into(), problem, "overview"))
        }
        LiveEvent::SettingsChanged { problems } if !problems.is_empty() => {
            let problems = problems.join("; ");
            (Kind::Server, problems.clone(), notice(words.bad_settings.into(), &problems, "settings"))
        }
        _ => return None,
    })
}

fn counted(kind: Kind, about: &str, held: u32, latest: &Notice, spoken: Spoken) -> Notice {
    let words = &spoken.words().notices;
    let title = match kind {
        Kind::Fallback if held > 1 => (words.fallbacks)(held, about),
        Kind::Escalated if held > 1 => (words.escalated_more)(held),
        _ => return latest.clone(),
    };
    Notice { title, ..latest.clone() }
}

/// What to tell when a stop cut requests off.
#[must_use]
pub fn stopped(cut_off: u64, settings: NotificationSettings, spoken: Spoken) -> Option<Notice> {
    let words = &spoken.words().notices;
    let is_told = cut_off > 0 && Kind::Server.is_wanted(settings);
    is_told.then(|| Notice { title: words.stopped.into(), body: (words.cut_off)(cut_off), page: "log" })
}

#[cfg(test)]
mod tests {
    use branchline_proxy::budget::BudgetView;

    use super::*;

    const ALL: NotificationSettings = NotificationSettings {
        backend_offline: true,
        backend_back: true,
        fallback: true,
        escalated: true,
        budget: true,
        server: true,
    };
    const EN: Spoken = Spoken::English;

    fn fell(from: &str) -> LiveEvent {
        LiveEvent::Fallback {
            request: "req_1".into(),
            from: from.into(),
            model: "anthropic:claude-sonnet-5-5".into(),
            cloud: true,
            reason: "nobody listens there".into(),
        }
    }

    fn down(backend: &str) -> LiveEvent {
        LiveEvent::BackendDown { backend: backend.into(), reason: "nobody listens there".into() }
    }

    fn up(backend: &str) -> LiveEvent {
        LiveEvent::BackendUp { backend: backend.into() }
    }

    #[test]
    fn fallbacks_are_told_once_a_minute_and_backend_with_a_count() {
        let (mut notices, start) = (Notices::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let first = notices.hear(&fell("lmstudio"), ALL, EN, at(0)).unwrap();
        assert_eq!(first.title, "Answered by the cloud instead of lmstudio");
        for second in 1..=12 {
            assert_eq!(notices.hear(&fell("lmstudio"), ALL, EN, at(second)), None);
        }
        assert!(notices.hear(&fell("ollama"), ALL, EN, at(13)).is_some(), "another backend has a minute of its own");
        assert_eq!(notices.next_due(), Some(at(60)));
        assert_eq!(notices.due(EN, at(59)), []);
        let due = notices.due(EN, at(60));
        assert_eq!(due.len(), 1);
        assert_eq!(due[0].title, "12 more requests answered elsewhere instead of lmstudio");
        assert_eq!((notices.next_due(), notices.due(EN, at(300))), (None, vec![]));
        assert!(notices.hear(&fell("lmstudio"), ALL, EN, at(61)).is_none(), "the minute began anew");
        assert!(notices.hear(&fell("lmstudio"), ALL, EN, at(121)).is_some());
    }

    #[test]
    fn a_backend_that_flaps_is_told_as_it_is_in_the_end() {
        let (mut notices, start) = (Notices::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(notices.hear(&down("lmstudio"), ALL, EN, at(0)).is_some());
        assert!(notices.hear(&up("lmstudio"), ALL, EN, at(5)).is_some());
        assert!(notices.hear(&down("lmstudio"), ALL, EN, at(10)).is_none());
        assert!(notices.hear(&up("lmstudio"), ALL, EN, at(15)).is_none());
        assert_eq!(notices.due(EN, at(60)), [], "it is back: that it was gone is old news");
        assert_eq!(notices.due(EN, at(65))[0].title, "lmstudio is back");
    }

    #[test]
    fn both_lines_of_the_budget_are_told_however_soon_one_follows_the_other() {
        let mut notices = Notices::default();
        let at = |state, percent| LiveEvent::Budget {
            budget: BudgetView { state, percent: Some(percent), when_spent: "local".into(), ..BudgetView::default() },
        };
        let mut told = |state, percent, settings| notices.hear(&at(state, percent), settings, EN, Instant::now());
        assert_eq!(told(BudgetState::Warning, 83, ALL).unwrap().body, "83 % are used.");
        assert_eq!(told(BudgetState::Spent, 101, ALL).unwrap().body, "Everything stays local until midnight.");
        assert_eq!(told(BudgetState::Spent, 101, NotificationSettings { budget: false, ..ALL }), None);
    }

    #[test]
    fn each_kind_can_be_switched_off() {
        let quiet =
            |event: &LiveEvent, settings| Notices::default().hear(event, settings, EN, Instant::now()).is_none();
        assert!(quiet(&down("a"), NotificationSettings { backend_offline: false, ..ALL }));
        assert!(quiet(&up("a"), NotificationSettings { backend_back: false, ..ALL }));
        assert!(quiet(&fell("a"), NotificationSettings { fallback: false, ..ALL }));
        let moved = LiveEvent::Escalated { request: "req_1".into(), model: "a:b".into(), reason: "it failed".into() };
        assert!(quiet(&moved, NotificationSettings { escalated: false, ..ALL }));
        let failed = LiveEvent::ServerChanged { running: false, problem: Some("port 4117 is taken by python3".into()) };
        assert!(quiet(&failed, NotificationSettings { server: false, ..ALL }));
        assert!(!quiet(&failed, ALL));
        assert_eq!(stopped(2, NotificationSettings { server: false, ..ALL }, EN), None);
        assert_eq!(stopped(2, ALL, EN).unwrap().body, "2 requests were cut off.");
    }

    #[test]
    fn a_start_that_fails_again_is_told_again() {
        let mut notices = Notices::default();
        let failed = LiveEvent::ServerChanged { running: false, problem: Some("port 4117 is taken by python3".into()) };
        let now = Instant::now();
        assert!(notices.hear(&failed, ALL, EN, now).is_some());
        assert!(notices.hear(&failed, ALL, EN, now + Duration::from_secs(2)).is_some());
    }

    #[test]
    fn a_settings_file_that_is_not_used_is_told_with_what_is_wrong() {
        let read = |problems: &[&str]| LiveEvent::SettingsChanged {
            problems: problems.iter().map(ToString::to_string).collect(),
        };
        let told = |event: &LiveEvent| Notices::default().hear(event, ALL, EN, Instant::now());
        assert_eq!(told(&read(&[])), None);
        let notice = told(&read(&["line 2: never_cloud.path: there is no setting", "all stays"])).unwrap();
        assert_eq!(notice.title, "The settings file is not used");
        assert_eq!(
            (&*notice.body, notice.page),
            ("line 2: never_cloud.path: there is no setting; all stays", "settings")
        );
    }

    #[test]
    fn a_turn_that_moves_is_told_once_a_minute_with_a_count() {
        let (mut notices, start) = (Notices::default(), Instant::now());
        let moved = LiveEvent::Escalated {
            request: "req_1".into(),
            model: "anthropic:claude-sonnet-5-5".into(),
            reason: "the same call failed 3 times".into(),
        };
        let first = notices.hear(&moved, ALL, EN, start).unwrap();
        assert_eq!(first.title, "A turn moved to a stronger model");
        assert_eq!(first.body, "anthropic:claude-sonnet-5-5: the same call failed 3 times");
        for _ in 0..4 {
            assert_eq!(notices.hear(&moved, ALL, EN, start), None);
        }
        let due = notices.due(Spoken::German, start + EVERY);
        assert_eq!(due[0].title, "4 weitere Runden sind auf ein stärkeres Modell gewechselt");
    }

    #[test]
    fn it_is_told_in_the_language_that_is_spoken() {
        let told = |spoken| Notices::default().hear(&fell("lmstudio"), ALL, spoken, Instant::now()).unwrap().title;
        assert_eq!(told(Spoken::German), "Von der Cloud beantwortet statt von lmstudio");
        assert_eq!(told(Spoken::Chinese), "由云端回答，代替 lmstudio");
    }
}
