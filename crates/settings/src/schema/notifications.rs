//! `[notifications]`: what the desktop app tells with a notification.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the desktop app tells with a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct NotificationSettings {
    /// A backend stopped answering.
    pub backend_offline: bool,
    /// A backend answers again.
    pub backend_back: bool,
    /// Work meant for the user's own models went to the cloud, or the other way round. At most one a minute and backend.
    pub fallback: bool,
    /// A turn moved to a stronger model because its own did not get on. At most one a minute, with a count.
    pub escalated: bool,
    /// The day's budget for the cloud comes to its end, or is met.
    pub budget: bool,
    /// The proxy could not start, or cut requests off when it stopped.
    pub server: bool,
}

impl Default for NotificationSettings {
    fn default() -> Self {
        Self { backend_offline: true, backend_back: true, fallback: true, escalated: true, budget: true, server: true }
    }
}
