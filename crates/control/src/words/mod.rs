//! What tray and notifications say, in every language there is. The window has its own catalogue (`ui/src/lib/i18n`);
//! what the engine says of a request (reasons, errors) is English for everybody, as logs and clients want it.
//!
//! A language is one file with one [`Words`]; what is missing does not compile.

mod de;
mod en;
mod zh;

use std::sync::OnceLock;

use branchline_settings::schema::Language;

/// A language that is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spoken {
    /// English.
    #[default]
    English,
    /// German.
    German,
    /// Chinese, simplified.
    Chinese,
}

impl Spoken {
    /// The language the settings want; the system is asked once.
    #[must_use]
    pub fn wanted(language: Language) -> Self {
        static SYSTEM: OnceLock<Spoken> = OnceLock::new();
        match language {
            Language::System => *SYSTEM.get_or_init(|| Self::first(sys_locale::get_locales())),
            Language::En => Self::English,
            Language::De => Self::German,
            Language::Zh => Self::Chinese,
        }
    }

    /// The first of a system's languages (`de-AT`, `zh_CN.UTF-8`) that is spoken here.
    fn first(tags: impl Iterator<Item = String>) -> Self {
        let known = |tag: String| match tag.split(['-', '_', '.']).next()? {
            "en" => Some(Self::English),
            "de" => Some(Self::German),
            "zh" => Some(Self::Chinese),
            _ => None,
        };
        tags.filter_map(known).next().unwrap_or_default()
    }

    /// Its words.
    #[must_use]
    pub const fn words(self) -> &'static Words {
        match self {
            Self::English => &en::WORDS,
            Self::German => &de::WORDS,
            Self::Chinese => &zh::WORDS,
        }
    }
}

/// Every phrase of tray and notifications.
#[derive(Debug)]
pub struct Words {
    pub(crate) tray: TrayWords,
    pub(crate) notices: NoticeWords,
    /// A port another program holds, and which, where that is known.
    pub(crate) port_taken: fn(port: u16, holder: Option<&str>) -> String,
}

/// What the tray says.
#[derive(Debug)]
pub(crate) struct TrayWords {
    pub(crate) running_on: fn(address: &str) -> String,
    pub(crate) offline: fn(backends: &str) -> String,
    pub(crate) coder: fn(model: &str) -> String,
    pub(crate) requests_today: fn(count: u64) -> String,
    /// Requests that may still finish; 0 are not worth a word.
    pub(crate) stopping: fn(running: u64) -> String,
    /// Requests that were cut off; 0 are not worth a word.
    pub(crate) stopped: fn(cut_off: u64) -> String,
    pub(crate) not_running: &'static str,
    /// What must stay cannot be read, so everything does.
    pub(crate) held: &'static str,
    pub(crate) start: &'static str,
    pub(crate) stop: &'static str,
    pub(crate) use_port: fn(port: u16) -> String,
    /// The mode that is on.
    pub(crate) route: fn(mode: &str) -> String,
    pub(crate) auto: &'static str,
    pub(crate) local: &'static str,
    pub(crate) cloud: &'static str,
    pub(crate) dispatcher: &'static str,
    pub(crate) open_window: &'static str,
    pub(crate) copy_env: &'static str,
    pub(crate) fallbacks: &'static str,
    pub(crate) autostart: &'static str,
    pub(crate) quit: &'static str,
    /// How a day is written that is not today, for `strftime`.
    pub(crate) day: &'static str,
}

/// What notifications say.
#[derive(Debug)]
pub(crate) struct NoticeWords {
    pub(crate) offline: fn(backend: &str) -> String,
    pub(crate) back: fn(backend: &str) -> String,
    pub(crate) back_body: &'static str,
    /// Who answered, the cloud or a local model; instead of whom, where that is known.
    pub(crate) fallback: fn(cloud: bool, from: &str) -> String,
    /// The same of several requests.
    pub(crate) fallbacks: fn(count: u32, from: &str) -> String,
    pub(crate) escalated: &'static str,
    pub(crate) escalated_more: fn(count: u32) -> String,
    pub(crate) budget_met: &'static str,
    pub(crate) budget_near: &'static str,
    pub(crate) budget_refuse: &'static str,
    pub(crate) budget_local: &'static str,
    pub(crate) budget_used: fn(percent: u32) -> String,
    pub(crate) not_started: &'static str,
    pub(crate) bad_settings: &'static str,
    pub(crate) stopped: &'static str,
    pub(crate) cut_off: fn(count: u64) -> String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_language_of_the_system_that_is_spoken_here_is_spoken() {
        let first = |tags: &[&str]| Spoken::first(tags.iter().map(|tag| (*tag).to_owned()));
        assert_eq!(first(&["fr-FR", "de_AT.UTF-8", "en-GB"]), Spoken::German);
        assert_eq!(first(&["zh-Hans-CN"]), Spoken::Chinese);
        assert_eq!(first(&["C"]), Spoken::English);
        assert_eq!(first(&[]), Spoken::English);
    }

    #[test]
    fn a_chosen_language_wins_over_the_systems() {
        let wanted = [Language::En, Language::De, Language::Zh].map(Spoken::wanted);
        assert_eq!(wanted, [Spoken::English, Spoken::German, Spoken::Chinese]);
    }

    #[test]
    fn every_language_speaks_of_one_and_of_many_and_says_what_it_is_given() {
        for spoken in [Spoken::English, Spoken::German, Spoken::Chinese] {
            let Words { tray, notices, port_taken } = spoken.words();
            for (one, many) in [
                ((tray.requests_today)(1), (tray.requests_today)(7)),
                ((tray.stopping)(1), (tray.stopping)(7)),
                ((tray.stopped)(1), (tray.stopped)(7)),
                ((notices.cut_off)(1), (notices.cut_off)(7)),
                ((notices.escalated_more)(1), (notices.escalated_more)(7)),
            ] {
                assert!(one.contains('1') && many.contains('7') && one != many, "{one} / {many}");
            }
            assert!(!(tray.stopping)(0).contains('0') && !(tray.stopped)(0).contains('0'));
            assert!(port_taken(4117, Some("python3")).contains("python3"));
            assert!(port_taken(4117, None).contains("4117"));
            assert!((notices.fallbacks)(7, "ollama").contains("ollama"));
            assert!((notices.fallback)(true, "ollama").contains("ollama"));
            assert_ne!((notices.fallback)(true, ""), (notices.fallback)(false, ""));
        }
    }

    #[test]
    fn no_phrase_is_the_same_in_two_languages() {
        let told = |words: &'static Words| {
            let Words { tray, notices, .. } = words;
            [
                (tray.running_on)("x"),
                (tray.offline)("x"),
                (tray.requests_today)(7),
                (tray.use_port)(7),
                tray.open_window.into(),
                tray.quit.into(),
                (notices.back)("x"),
                notices.escalated.into(),
                notices.budget_met.into(),
            ]
        };
        let all = [Spoken::English, Spoken::German, Spoken::Chinese].map(|spoken| told(spoken.words()));
        for (place, english) in all[0].iter().enumerate() {
            assert!(all[1][place] != *english && all[2][place] != *english && all[1][place] != all[2][place]);
        }
    }
}
