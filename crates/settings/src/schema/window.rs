//! `[window]`: how the window looks and which language is spoken.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the window looks and which language the desktop app speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct WindowSettings {
    /// "system" goes with the desktop, "light" and "dark" do not.
    pub theme: Theme,
    /// "system" speaks the desktop's language, where it is one of ours: "en", "de", "zh".
    pub language: Language,
    /// The window begins with the guided setup. Going through it or leaving it sets this to false.
    pub guide: bool,
}

impl Default for WindowSettings {
    fn default() -> Self {
        Self { theme: Theme::default(), language: Language::default(), guide: true }
    }
}

/// The colours of the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Theme {
    /// As the desktop is.
    #[default]
    System,
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

/// The language of window, tray and notifications.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// The desktop's; English where it is none of ours.
    #[default]
    System,
    /// English.
    En,
    /// German.
    De,
    /// Chinese, simplified.
    Zh,
}
