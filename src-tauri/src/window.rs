//! The window as the app sees it: a process of its own, there while the window is open (see `page`).

use std::process::Stdio;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use branchline_control::Desk;
use branchline_control::pipe::{self, Tell};
use tauri::{AppHandle, Manager};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::app::Shared;
use crate::args;

/// What a window may take to close before it is ended.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);

/// Shows the window at a page (`log/req_1`), or where it was.
pub(crate) fn show(app: &AppHandle, page: Option<&str>) {
    let Some(shared) = app.try_state::<Shared>() else { return };
    let mut window = shared.window.lock().unwrap_or_else(PoisonError::into_inner);
    let page = page.map(ToOwned::to_owned);
    if let Some(open) = &*window
        && !matches!(open.try_send(Tell::Show(page.clone())), Err(TrySendError::Closed(_)))
    {
        return;
    }
    let (tell, more) = mpsc::channel(8);
    *window = Some(tell);
    shared.tasks.spawn_on(attend(Arc::clone(&shared.desk), page, more), &shared.runtime);
}

/// Closes it.
pub(crate) fn close(app: &AppHandle) {
    if let Some(shared) = app.try_state::<Shared>() {
        shared.window.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// Opens a window and answers it until it is closed.
async fn attend(desk: Arc<Desk>, page: Option<String>, more: mpsc::Receiver<Tell>) {
    let mut child = match open(page) {
        Ok(child) => child,
        Err(error) => return tracing::error!(%error, "the window cannot be opened"),
    };
    let (Some(read), Some(write)) = (child.stdout.take(), child.stdin.take()) else { return };
    let ended = tokio::select! {
        // What the window has asked last is read before its end is noticed.
        biased;
        () = pipe::serve(desk, read, write, more) => tokio::time::timeout(CLOSE_WITHIN, child.wait()).await.ok(),
        // WebKit's own processes hold the pipe a moment longer; who asks for the window then must get a new one.
        ended = child.wait() => Some(ended),
    };
    if let Some(Ok(status)) = ended
        && !status.success()
    {
        tracing::error!(%status, "the window broke off");
    }
}

fn open(page: Option<String>) -> std::io::Result<Child> {
    Command::new(std::env::current_exe()?)
        .arg(args::WINDOW)
        .arg(page.unwrap_or_default())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
}
