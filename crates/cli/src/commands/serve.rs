//! `branchline serve`

use std::future::Future;
use std::process::ExitCode;
use std::sync::Arc;

use branchline_control::commands::connect::base_url;
use branchline_control::commands::ui::{self, UiLinkReq};
use branchline_control::demo::Demo;
use branchline_proxy::{Engine, LiveEvent};
use branchline_settings::{KeyStore, Settings};
use tokio::sync::broadcast::error::RecvError;

use crate::args::{Global, ServeArgs};
use crate::context::Context;
use crate::error::Result;
use crate::house::{self, House};
use crate::out::{BAD, BOLD, DIM, GOOD, WARN, is_terminal, note, tell};
use crate::signals::Signals;
use crate::{logging, record_line, typed};

pub(crate) async fn run(global: Global, args: ServeArgs) -> Result<ExitCode> {
    let mut signals = Signals::listen()?;
    let demo =
        if args.demo { Some(Demo::start(global.config.as_deref(), global.data_dir.as_deref()).await?) } else { None };
    // What a user must add to other commands so that they find this engine.
    let flags = match &demo {
        // Its settings are of no use to others; the data folder says where it listens.
        Some(demo) => typed::flags(None, Some(&demo.paths.data_dir)),
        None => typed::flags(global.config.as_deref(), global.data_dir.as_deref()),
    };
    let context = match &demo {
        Some(demo) => Context { paths: demo.paths.clone(), json: global.json },
        None => Context::new(global)?,
    };
    let keys = if args.demo { Demo::keys()? } else { KeyStore::system() };
    let settings = with_port(context.settings()?, args.port);
    let level = settings.log.level;
    let engine = house::engine(context.paths.clone(), settings, keys)?;
    let _log = logging::engine(&context.paths.log_dir(), level, true);
    let house = House::open(engine, args.demo && args.port.is_none()).await?;
    greet(&house, &context, &flags, args.demo).await;
    until(signals.next(), &house.engine).await;
    tell!("stopping: running requests may finish (again: at once)");
    let cut_off = tokio::select! {
        cut_off = house.close() => cut_off,
        _ = signals.next() => return Ok(ExitCode::FAILURE),
    };
    if let Some(demo) = demo {
        demo.stop().await;
    }
    match cut_off {
        0 => tell!("stopped"),
        1 => tell!("stopped; 1 request was cut off"),
        many => tell!("stopped; {many} requests were cut off"),
    }
    Ok(ExitCode::SUCCESS)
}

fn with_port(mut settings: Settings, port: Option<u16>) -> Settings {
    settings.server.port = port.unwrap_or(settings.server.port);
    settings
}

async fn greet(house: &House, context: &Context, flags: &str, demo: bool) {
    let address = format!("http://{}", house.address);
    tell!("{BOLD}Branchline {}{BOLD:#} listens on {GOOD}{address}{GOOD:#}", env!("CARGO_PKG_VERSION"));
    if demo {
        tell!("  {WARN}demonstration: all models are simulated, no answer comes from a real one{WARN:#}");
    }
    let program = typed::program();
    if let Ok(link) = ui::link(&house.engine, UiLinkReq {}).await {
        tell!("  window         {}  {DIM}(opens once; {program}{flags} ui makes another){DIM:#}", link.url);
    }
    tell!("  Claude Code    {program}{flags} claude");
    tell!(
        "  other clients  eval \"$({program}{flags} env)\", or the base URL {} with the token it shows",
        base_url(&house.engine)
    );
    tell!("  {DIM}log            {}{DIM:#}", context.paths.log_dir().display());
}

/// Shows what happens until `end`. Only where somebody looks: the log has it all.
async fn until<T>(end: impl Future<Output = T>, engine: &Arc<Engine>) {
    if !is_terminal() {
        end.await;
        return;
    }
    tokio::select! {
        _ = end => {}
        () = show_events(engine) => {}
    }
}

async fn show_events(engine: &Arc<Engine>) {
    let mut events = engine.events.listen();
    loop {
        match events.recv().await {
            Ok(event) => show(&event),
            Err(RecvError::Lagged(lost)) => note!("{DIM}{lost} events were not shown{DIM:#}"),
            Err(RecvError::Closed) => return,
        }
    }
}

/// What is worth a line.
pub(super) fn show(event: &LiveEvent) {
    match event {
        LiveEvent::RequestFinished { record } => tell!("{}", record_line::of(record)),
        LiveEvent::BackendDown { backend, reason } => tell!("{BAD}{backend} is offline:{BAD:#} {reason}"),
        LiveEvent::CircuitOpened { backend, reason, .. } => {
            tell!("{WARN}{backend} is left alone for a while:{WARN:#} {reason}");
        }
        LiveEvent::CircuitClosed { backend } => tell!("{GOOD}{backend} is used again{GOOD:#}"),
        LiveEvent::Budget { budget } => tell!("{WARN}{}{WARN:#}", super::status::budget(budget)),
        LiveEvent::BackendUp { backend } => tell!("{GOOD}{backend} answers again{GOOD:#}"),
        LiveEvent::Escalated { model, reason, .. } => tell!("{WARN}a turn goes on with {model}:{WARN:#} {reason}"),
        LiveEvent::ModelLoading { model, .. } => tell!("{DIM}loading {model}…{DIM:#}"),
        LiveEvent::ModelLoaded { model, error: Some(error), .. } => {
            tell!("{BAD}{model} could not be loaded:{BAD:#} {error}");
        }
        LiveEvent::ModelLoaded { model, ms, .. } => {
            tell!("{GOOD}{model} is loaded{GOOD:#} {DIM}after {:.1} s{DIM:#}", *ms as f64 / 1e3);
        }
        LiveEvent::OtherModel { asked, answered, .. } => {
            tell!("{WARN}{answered} answered in the place of {asked}:{WARN:#} load the one you want");
        }
        LiveEvent::SettingsChanged { problems } if problems.is_empty() => {
            tell!("{DIM}the settings were read again{DIM:#}")
        }
        LiveEvent::SettingsChanged { problems } => {
            tell!("{WARN}the settings file is not used, the old settings stay:{WARN:#} {}", problems.join("; "));
        }
        LiveEvent::RequestStarted { .. }
        | LiveEvent::RequestQueued { .. }
        | LiveEvent::Fallback { .. }
        | LiveEvent::ImageDescribed { .. }
        | LiveEvent::Doctor { .. }
        | LiveEvent::ServerChanged { .. }
        | LiveEvent::Navigate { .. } => {}
    }
}
