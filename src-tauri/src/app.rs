//! The app from its start to its end.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use branchline_control::demo::Demo;
use branchline_control::logging::{self, Terminal, WorkerGuard};
use branchline_control::pipe::Tell;
use branchline_control::{ControlError, Desk};
use branchline_settings::{KeyStore, Paths, load};
use tauri::{AppHandle, Builder, Manager, RunEvent, Wry};
use tokio::runtime::{Handle, Runtime};
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use crate::args::Args;
use crate::desktop::ThisDesktop;
use crate::{notify, tray, window};

/// What the tasks of the app may take to end after the engine has.
const END_WITHIN: Duration = Duration::from_secs(2);

/// Why the app cannot run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Control(#[from] ControlError),
    #[error(transparent)]
    Settings(#[from] branchline_settings::SettingsError),
    #[error(transparent)]
    Tauri(#[from] tauri::Error),
}

/// What everything in the app shares.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) desk: Arc<Desk>,
    pub(crate) tasks: TaskTracker,
    pub(crate) runtime: Handle,
    /// The way to the window, while there is one.
    pub(crate) window: Arc<Mutex<Option<mpsc::Sender<Tell>>>>,
}

/// What must live as long as the app does. It is let go by hand: the process ends without dropping what Tauri manages.
struct Kept {
    _demo: Option<Demo>,
    /// After everything that may still write to it.
    _log: Option<WorkerGuard>,
}

/// Runs until the user quits.
pub(crate) fn run(runtime: &Runtime, args: Args) -> Result<(), Error> {
    let context = own_context(&args);
    let app = with_plugins(tauri::Builder::default(), &args, &context.config().identifier)
        .setup({
            let runtime = runtime.handle().clone();
            // In this place a second launch has ended already.
            move |app| {
                #[cfg(target_os = "macos")]
                app.set_activation_policy(tauri::ActivationPolicy::Accessory);
                runtime.block_on(set_up(app.handle(), &args)).map_err(Into::into)
            }
        })
        .build(context)?;
    app.run(|app, event| match event {
        // The tray is what is left of an app without a window.
        RunEvent::ExitRequested { code: None, api, .. } => api.prevent_exit(),
        #[cfg(target_os = "macos")]
        RunEvent::Reopen { .. } => window::show(app, None),
        RunEvent::Exit => {
            tracing::info!(name = %app.package_info().name, "ended");
            drop(app.state::<Mutex<Option<Kept>>>().lock().unwrap_or_else(PoisonError::into_inner).take());
        }
        _ => {}
    });
    Ok(())
}

/// A demonstration, or an app with other data, is not the usual app: a second launch of it brings up its own window.
/// macOS tells apps apart by the identifier, Linux by a name on the bus (below). Windows would show no notifications of
/// an app nobody has installed, so there such an app is not told apart.
fn own_context(args: &Args) -> tauri::Context {
    let mut context = crate::context();
    if let Some(name) = args.own_name().filter(|_| cfg!(target_os = "macos")) {
        context.config_mut().identifier += &format!(".{name}");
    }
    context
}

fn with_plugins(builder: Builder<Wry>, args: &Args, identifier: &str) -> Builder<Wry> {
    let single = tauri_plugin_single_instance::Builder::new().callback(|app, args, _| {
        if !args.iter().any(|arg| arg == "--hidden") {
            window::show(app, None);
        }
    });
    let builder = match args.own_name() {
        Some(_) if cfg!(windows) => builder,
        Some(name) => builder.plugin(single.dbus_id(format!("{identifier}.{name}")).build()),
        None => builder.plugin(single.build()),
    };
    builder
        .plugin(tauri_plugin_autostart::Builder::new().arg("--hidden").build())
        .plugin(tauri_plugin_clipboard_manager::init())
        .plugin(tauri_plugin_notification::init())
}

async fn set_up(app: &AppHandle, args: &Args) -> Result<(), Error> {
    let demo =
        if args.demo { Some(Demo::start(args.config.as_deref(), args.data_dir.as_deref()).await?) } else { None };
    let (paths, keys) = match &demo {
        Some(demo) => (demo.paths.clone(), Demo::keys()?),
        None => (Paths::find(args.config.clone(), args.data_dir.clone())?, KeyStore::system()),
    };
    let level = load(&paths.config_file).map(|report| report.settings.log.level).unwrap_or_default();
    let log = logging::engine(&paths.log_dir(), level, Terminal::Plain);
    app.manage(Mutex::new(Some(Kept { _demo: demo, _log: log })));
    let (desk, work) = Desk::open(paths, Arc::new(keys), Arc::new(ThisDesktop(app.clone())))?;
    let shared =
        Shared { desk: Arc::new(desk), tasks: TaskTracker::new(), runtime: Handle::current(), window: Arc::default() };
    app.manage(shared.clone());
    let tasks = &shared.tasks;
    tasks.spawn(work);
    tasks.spawn(tray::keep(app.clone(), shared.clone()));
    tasks.spawn(notify::keep(app.clone(), Arc::clone(&shared.desk)));
    tasks.spawn(until_told_to_end(app.clone()));
    if !args.hidden {
        window::show(app, None);
    }
    // A port that is taken is told by tray, window and notification.
    let _ = shared.desk.start().await;
    Ok(())
}

/// Lets running requests finish, then ends the app.
pub(crate) async fn quit(app: AppHandle) {
    let shared = app.state::<Shared>().inner().clone();
    window::close(&app);
    match shared.desk.leave().await {
        Ok(0) | Err(_) => {}
        Ok(cut_off) => tracing::warn!(cut_off, "requests were cut off"),
    }
    shared.tasks.close();
    let _ = tokio::time::timeout(END_WITHIN, shared.tasks.wait()).await;
    app.exit(0);
}

/// The session ends, or somebody asks the process to.
#[cfg(unix)]
async fn until_told_to_end(app: AppHandle) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    // Not one of the tasks that are waited for.
    tauri::async_runtime::spawn(quit(app));
}

#[cfg(not(unix))]
async fn until_told_to_end(app: AppHandle) {
    if tokio::signal::ctrl_c().await.is_ok() {
        tauri::async_runtime::spawn(quit(app));
    }
}
