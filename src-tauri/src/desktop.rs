//! What only the desktop's own program can do.

use std::path::PathBuf;

use branchline_control::Desktop;
use tauri::{AppHandle, Manager};
use tauri_plugin_autostart::ManagerExt;
use tauri_plugin_clipboard_manager::ClipboardExt;

/// The desktop this app runs on.
pub(crate) struct ThisDesktop(pub(crate) AppHandle);

impl Desktop for ThisDesktop {
    fn autostart(&self) -> Result<bool, String> {
        self.0.autolaunch().is_enabled().map_err(|error| error.to_string())
    }

    fn set_autostart(&self, on: bool) -> Result<(), String> {
        let login = self.0.autolaunch();
        let changed = if on { login.enable() } else { login.disable() };
        changed.map_err(|error| error.to_string())
    }

    fn copy(&self, text: String) -> Result<(), String> {
        self.0.clipboard().write_text(text).map_err(|error| error.to_string())
    }

    fn downloads(&self) -> Result<PathBuf, String> {
        let paths = self.0.path();
        // A desktop without such a folder (none is set up, or it is a server) still has a home.
        paths.download_dir().or_else(|_| paths.home_dir()).map_err(|error| error.to_string())
    }
}
