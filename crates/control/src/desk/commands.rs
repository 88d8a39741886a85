//! The commands of the desk: what an engine cannot do by itself. They are refused where there is no desk, such as in
//! `branchline serve`, which is stopped where it was started.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use ts_rs::TS;

use super::save::{SaveReq, SaveRes, save};
use super::{Desk, Phase, TakenPort, make};
use crate::commands::blocking;
use crate::error::{ControlError, Result};
use crate::{port, read, write};

/// Makes the desk's dispatch, [`NAMES`] and the part of the type generator.
macro_rules! desk_commands {
    ($($name:literal => $function:ident($request:ident) -> $answer:ident,)+) => {
        /// Every command of the desk.
        pub const NAMES: &[&str] = &[$($name),+];

        /// Runs one command, or gives the request back when it is none of the desk's.
        pub(super) async fn dispatch(desk: &Desk, name: &str, request: Value) -> std::result::Result<Result<Value>, Value> {
            match name {
                $($name => Ok(match read::<$request>(name, request) {
                    Ok(request) => match $function(desk, request).await {
                        Ok(answer) => { let answer: $answer = answer; write(&answer) },
                        Err(error) => Err(error),
                    },
                    Err(error) => Err(error),
                }),)+
                _ => Err(request),
            }
        }

        #[cfg(test)]
        pub(crate) fn visit_types(seen: &mut crate::types::Seen) {
            $(seen.command::<$request, $answer>($name);)+
        }
    };
}

desk_commands! {
    "server.state" => state(ServerReq) -> ServerView,
    "server.start" => start(ServerReq) -> ServerView,
    "server.stop" => stop(ServerReq) -> ServerView,
    "server.next_port" => next_port(ServerReq) -> NextPortRes,
    "desktop.autostart.get" => autostart(ServerReq) -> AutostartRes,
    "desktop.autostart.set" => set_autostart(AutostartReq) -> AutostartRes,
    "desktop.copy" => copy(CopyReq) -> CopyRes,
    "desktop.save" => save(SaveReq) -> SaveRes,
}

/// Nothing is asked for.
#[derive(Debug, Deserialize, TS)]
pub struct ServerReq {}

/// Whether requests are answered, and what is in the way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ServerView {
    /// Whether requests are answered.
    pub phase: Phase,
    /// `127.0.0.1:4117`, while it listens.
    pub address: Option<String>,
    /// Requests that run now.
    pub requests_running: u64,
    /// Why it could not start, or could not go where the settings want it.
    pub problem: Option<ControlError>,
    /// The port somebody else holds, when that is why.
    pub taken: Option<TakenPort>,
    /// A port that is free, when the wanted one is taken.
    pub next_port: Option<u16>,
    /// What could not be opened; the app does without until it is started again.
    pub troubles: Vec<ControlError>,
    /// Requests that the last stop cut off.
    pub cut_off: u64,
}

/// A port to go to.
#[derive(Debug, Serialize, Deserialize, TS)]
pub struct NextPortRes {
    /// The port of the settings.
    pub wanted: u16,
    /// Who holds it, where that can be known.
    pub holder: Option<String>,
    /// The next one that is free.
    pub port: Option<u16>,
}

/// Whether to start at login.
#[derive(Debug, Deserialize, TS)]
pub struct AutostartReq {
    /// Start when the user logs in.
    pub enabled: bool,
}

/// Whether the app starts at login.
#[derive(Debug, Serialize, Deserialize, TS)]
pub struct AutostartRes {
    /// It starts when the user logs in.
    pub enabled: bool,
}

/// A text for the clipboard. It is the app that keeps it: what a window has copied would be gone with the window.
#[derive(Debug, Deserialize, TS)]
pub struct CopyReq {
    /// The text.
    pub text: String,
}

/// It is in the clipboard.
#[derive(Debug, Serialize, Deserialize, TS)]
pub struct CopyRes {}

impl Desk {
    /// Whether requests are answered, and what is in the way.
    #[must_use]
    pub fn view(&self) -> ServerView {
        let moment = self.now();
        let listening = moment.phase == Phase::Running;
        // The app goes on with what was mended meanwhile.
        let is_mended = |trouble: &ControlError| trouble.code == make::BAD_SETTINGS && moment.engine.reads_well();
        let troubles = moment.troubles.iter().filter(|trouble| !is_mended(trouble)).cloned().collect();
        ServerView {
            phase: moment.phase,
            address: moment.engine.address().filter(|_| listening).map(|address| address.to_string()),
            requests_running: moment.engine.running.now(),
            taken: moment.problem.as_ref().and_then(|problem| problem.taken.clone()),
            next_port: moment.problem.as_ref().and_then(|problem| problem.next_port),
            problem: moment.problem.map(|problem| problem.error),
            troubles,
            cut_off: moment.cut_off,
        }
    }
}

#[expect(clippy::unused_async, reason = "every command has the same shape")]
async fn state(desk: &Desk, _: ServerReq) -> Result<ServerView> {
    Ok(desk.view())
}

async fn start(desk: &Desk, _: ServerReq) -> Result<ServerView> {
    desk.start().await?;
    Ok(desk.view())
}

async fn stop(desk: &Desk, _: ServerReq) -> Result<ServerView> {
    desk.stop().await?;
    Ok(desk.view())
}

async fn next_port(desk: &Desk, _: ServerReq) -> Result<NextPortRes> {
    let server = desk.engine().world().settings.server.clone();
    let ip = server.ip().ok_or_else(|| {
        ControlError::new("bad_host", format!("`{}` is no IP address", server.host), "set server.host to 127.0.0.1")
    })?;
    let (holder, port) = blocking(move || (port::holder(server.port), port::next_free(ip, server.port))).await?;
    Ok(NextPortRes { wanted: server.port, holder, port })
}

async fn autostart(desk: &Desk, _: ServerReq) -> Result<AutostartRes> {
    let desktop = desk.desktop.clone();
    let enabled = blocking(move || desktop.autostart()).await?.map_err(no_autostart)?;
    Ok(AutostartRes { enabled })
}

async fn set_autostart(desk: &Desk, request: AutostartReq) -> Result<AutostartRes> {
    let (desktop, enabled) = (desk.desktop.clone(), request.enabled);
    blocking(move || desktop.set_autostart(enabled)).await?.map_err(no_autostart)?;
    desk.nudge();
    Ok(AutostartRes { enabled })
}

async fn copy(desk: &Desk, request: CopyReq) -> Result<CopyRes> {
    let desktop = desk.desktop.clone();
    let copied = blocking(move || desktop.copy(request.text)).await?;
    copied.map_err(|why| {
        let hint = "select the text and copy it by hand";
        ControlError::new("clipboard", format!("nothing was copied: {why}"), hint)
    })?;
    Ok(CopyRes {})
}

fn no_autostart(why: String) -> ControlError {
    let hint = "add it to the programs that start at login in the settings of your desktop";
    ControlError::new("autostart", format!("starting at login cannot be changed here: {why}"), hint)
}
