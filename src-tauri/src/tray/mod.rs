//! The tray icon: draws what `branchline_control::tray` says, and does what its menu is asked.

mod menu;

use std::sync::Arc;
use std::time::Duration;

use branchline_control::tray::{Action, Follower, Icon, Tray};
use tauri::AppHandle;
use tauri::image::Image;
use tauri::tray::{MouseButton, MouseButtonState, TrayIcon, TrayIconBuilder, TrayIconEvent};
use tokio::sync::mpsc;

use self::menu::DrawnMenu;
use crate::app::{self, Shared};
use crate::{notify, window};

const ID: &str = "branchline";
/// How long until a tray that could not be had is tried again: at login the app may be there before the panel is.
const AGAIN: Duration = Duration::from_secs(3);

/// What is on the screen.
struct Drawn {
    icon: TrayIcon,
    menu: DrawnMenu,
    picture: Icon,
}

/// Draws the tray until the app ends.
pub(crate) async fn keep(app: AppHandle, shared: Shared) {
    let (click, mut clicks) = mpsc::channel(8);
    let (done, mut dones) = mpsc::channel(8);
    app.on_menu_event(move |_, event| {
        // A full channel is a menu clicked faster than anybody can.
        let _ = click.try_send(event.id().0.clone());
    });
    // Not on the icon itself: it is on the screen before it could be listened to.
    app.on_tray_icon_event(|app, event| {
        if let TrayIconEvent::Click { button: MouseButton::Left, button_state: MouseButtonState::Up, .. } = event {
            window::show(app, None);
        }
    });
    let mut trays = follow(&shared);
    let (mut wanted, mut drawn) = (None, None);
    loop {
        tokio::select! {
            tray = trays.recv() => match tray {
                Some(tray) => wanted = Some(tray),
                None => return,
            },
            Some(id) = clicks.recv() => {
                act(&app, &shared, &id, done.clone());
                continue;
            }
            // A clicked check mark may have changed on its own.
            Some(()) = dones.recv() => {}
            () = tokio::time::sleep(AGAIN), if drawn.is_none() && wanted.is_some() => {}
        }
        if let Some(tray) = &wanted {
            drawn = draw(&app, drawn, tray);
        }
    }
}

/// What the tray shows, each time that changed.
fn follow(shared: &Shared) -> mpsc::Receiver<Tray> {
    let (tell, told) = mpsc::channel(1);
    let desk = Arc::clone(&shared.desk);
    shared.tasks.spawn(async move {
        let mut follower = Follower::new(desk).await;
        while let Some(tray) = follower.next().await {
            if tell.send(tray).await.is_err() {
                return;
            }
        }
    });
    told
}

fn draw(app: &AppHandle, drawn: Option<Drawn>, tray: &Tray) -> Option<Drawn> {
    let result = match drawn {
        Some(drawn) => drawn.redraw(app, tray),
        None => first(app, tray),
    };
    result.inspect_err(|error| tracing::debug!(%error, "there is no tray yet")).ok()
}

fn first(app: &AppHandle, tray: &Tray) -> tauri::Result<Drawn> {
    let menu = DrawnMenu::new(app, &tray.items)?;
    let builder = TrayIconBuilder::with_id(ID);
    // The name for screen readers and settings of the panel; macOS would write it beside the icon.
    let builder = if cfg!(target_os = "linux") { builder.title("Branchline") } else { builder };
    let icon = builder
        .icon(picture(tray.icon)?)
        .icon_as_template(cfg!(target_os = "macos"))
        .tooltip(&tray.tooltip)
        .menu(&menu.menu)
        .show_menu_on_left_click(false)
        .build(app)?;
    tracing::info!("the tray icon is there");
    Ok(Drawn { icon, menu, picture: tray.icon })
}

impl Drawn {
    fn redraw(mut self, app: &AppHandle, tray: &Tray) -> tauri::Result<Self> {
        if self.picture != tray.icon {
            self.icon.set_icon_with_as_template(Some(picture(tray.icon)?), cfg!(target_os = "macos"))?;
            self.picture = tray.icon;
        }
        self.icon.set_tooltip(Some(&tray.tooltip))?;
        if !self.menu.update(&tray.items)? {
            self.menu = DrawnMenu::new(app, &tray.items)?;
            self.icon.set_menu(Some(self.menu.menu.clone()))?;
        }
        Ok(self)
    }
}

fn picture(icon: Icon) -> tauri::Result<Image<'static>> {
    Image::from_bytes(match (icon, cfg!(target_os = "macos")) {
        (Icon::Running, false) => include_bytes!("../../../icons/tray/running.png").as_slice(),
        (Icon::Stopped, false) => include_bytes!("../../../icons/tray/stopped.png"),
        (Icon::Degraded, false) => include_bytes!("../../../icons/tray/degraded.png"),
        (Icon::Running, true) => include_bytes!("../../../icons/tray/running-template.png"),
        (Icon::Stopped, true) => include_bytes!("../../../icons/tray/stopped-template.png"),
        (Icon::Degraded, true) => include_bytes!("../../../icons/tray/degraded-template.png"),
    })
}

/// Does what a line of the menu is for, beside the drawing: a stop may take ten seconds.
fn act(app: &AppHandle, shared: &Shared, id: &str, done: mpsc::Sender<()>) {
    let Some(action) = Action::of(id) else { return };
    if action == Action::Quit {
        // Quitting waits for the tasks that are tracked.
        tauri::async_runtime::spawn(app::quit(app.clone()));
        return;
    }
    let (app, desk) = (app.clone(), Arc::clone(&shared.desk));
    shared.tasks.spawn(async move {
        match action.run(&desk).await {
            Ok(Some(Action::Window)) => window::show(&app, None),
            Ok(Some(Action::Request(id))) => window::show(&app, Some(&format!("log/{id}"))),
            Ok(_) => {}
            // The tray and a notification of its own say so.
            Err(error) if error.code == "port_taken" => {}
            Err(error) => notify::failed(&app, &error),
        }
        let _ = done.send(()).await;
    });
}
