//! The task that owns the serving engine.

use std::net::IpAddr;
use std::sync::Arc;

use branchline_proxy::{Engine, ListenError, watch as backends};
use branchline_settings::{KeyStore, Paths, Settings};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{mpsc, oneshot, watch};

use super::{Moment, Phase, Problem, TakenPort, make};
use crate::error::{ControlError, Result};
use crate::house::{self, House};
use crate::port;

/// What the owner is asked.
#[derive(Debug)]
pub(super) enum Ask {
    Start(oneshot::Sender<Result<()>>),
    Stop(oneshot::Sender<u64>),
    Leave(oneshot::Sender<u64>),
    /// Tell everyone to look again.
    Look,
}

/// Where the settings want it to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    host: String,
    port: u16,
    remote_wanted: bool,
}

impl Place {
    fn of(settings: &Settings) -> Self {
        let server = &settings.server;
        Self {
            host: server.host.clone(),
            port: server.port,
            remote_wanted: server.allow_remote && server.require_token,
        }
    }
}

struct Owner {
    paths: Paths,
    keys: Arc<KeyStore>,
    tell: watch::Sender<Moment>,
    /// The engine that serves, and where it was last asked to.
    serving: Option<(House, Place)>,
}

/// Answers what is asked, and follows the settings, until it is asked to leave or nobody can ask any more.
pub(super) async fn run(
    paths: Paths,
    keys: Arc<KeyStore>,
    tell: watch::Sender<Moment>,
    mut asked: mpsc::Receiver<Ask>,
) {
    let mut owner = Owner { paths, keys, tell, serving: None };
    backends::start(&owner.engine());
    loop {
        let ask = tokio::select! {
            ask = asked.recv() => ask,
            () = owner.moved() => {
                owner.follow().await;
                continue;
            }
        };
        // Whoever asked may be gone.
        match ask {
            Some(Ask::Start(told)) => drop(told.send(owner.start().await)),
            Some(Ask::Stop(told)) => drop(told.send(owner.stop().await)),
            Some(Ask::Look) => owner.tell.send_modify(|_| {}),
            Some(Ask::Leave(told)) => {
                let _ = told.send(owner.leave().await);
                return;
            }
            None => {
                owner.leave().await;
                return;
            }
        }
    }
}

impl Owner {
    fn engine(&self) -> Arc<Engine> {
        Arc::clone(&self.tell.borrow().engine)
    }

    async fn start(&mut self) -> Result<()> {
        if self.serving.is_some() {
            return Ok(());
        }
        let engine = self.engine();
        let place = Place::of(&engine.world().settings);
        match House::listen(engine).await {
            Ok(house) => {
                tracing::info!(address = %house.address, "requests are answered");
                self.serving = Some((house, place));
                self.tell.send_modify(|moment| {
                    moment.phase = Phase::Running;
                    moment.problem = None;
                });
                Ok(())
            }
            Err(error) => Err(self.failed(error).await),
        }
    }

    async fn failed(&self, error: ListenError) -> ControlError {
        let problem = explain(error).await;
        let error = problem.error.clone();
        tracing::error!(code = error.code, "{error}");
        self.tell.send_modify(|moment| moment.problem = Some(problem));
        error
    }

    /// Ends the serving and makes a new engine to ask: the old one has closed its database.
    async fn stop(&mut self) -> u64 {
        let Some((house, _)) = self.serving.take() else {
            self.tell.send_modify(|moment| moment.problem = None);
            return 0;
        };
        self.tell.send_modify(|moment| moment.phase = Phase::Stopping);
        let cut_off = house.close().await;
        tracing::info!(cut_off, "stopped");
        self.renew(cut_off);
        cut_off
    }

    fn renew(&self, cut_off: u64) {
        let made = make::engine(&self.paths, &self.keys);
        self.tell.send_modify(|moment| {
            moment.phase = Phase::Stopped;
            moment.problem = None;
            moment.cut_off = cut_off;
            match made {
                Ok(made) => {
                    backends::start(&made.engine);
                    moment.engine = made.engine;
                    moment.troubles = made.troubles;
                }
                Err(error) => moment.troubles = vec![error],
            }
        });
    }

    async fn leave(&mut self) -> u64 {
        match self.serving.take() {
            Some((house, _)) => {
                self.tell.send_modify(|moment| moment.phase = Phase::Stopping);
                house.close().await
            }
            None => self.engine().stop(house::GRACE).await,
        }
    }

    /// Waits until the settings want the serving engine to listen elsewhere.
    async fn moved(&self) {
        let Some((house, place)) = &self.serving else { return std::future::pending().await };
        let mut events = house.engine.events.listen();
        loop {
            if Place::of(&house.engine.world().settings) != *place {
                return;
            }
            match events.recv().await {
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return std::future::pending().await,
            }
        }
    }

    /// Goes where the settings want it. The new place is opened before the old one is left, so that a port that is taken
    /// costs nothing.
    async fn follow(&mut self) {
        let Some((house, known)) = &mut self.serving else { return };
        let wanted = Place::of(&house.engine.world().settings);
        *known = wanted.clone();
        if is_at(house, &wanted) {
            self.tell.send_modify(|moment| moment.problem = None);
            return;
        }
        let made = match make::engine(&self.paths, &self.keys) {
            Ok(made) => made,
            Err(error) => {
                self.tell.send_modify(|moment| moment.problem = Some(Problem { error, taken: None, next_port: None }));
                return;
            }
        };
        match House::listen(Arc::clone(&made.engine)).await {
            Ok(house) => self.move_into(house, wanted, made).await,
            Err(error) => {
                made.engine.stop(house::GRACE).await;
                self.failed(error).await;
            }
        }
    }

    async fn move_into(&mut self, house: House, place: Place, made: make::Made) {
        tracing::info!(address = %house.address, "requests are answered at a new address");
        backends::start(&made.engine);
        let old = self.serving.replace((house, place));
        self.tell.send_modify(|moment| {
            moment.engine = made.engine;
            moment.troubles = made.troubles;
            moment.problem = None;
        });
        if let Some((old, _)) = old {
            old.close().await;
        }
    }
}

fn is_at(house: &House, place: &Place) -> bool {
    house.address.port() == place.port && place.host.parse() == Ok(house.address.ip())
}

/// A failure to listen, with who is in the way and which port is free.
async fn explain(error: ListenError) -> Problem {
    let code = match &error {
        ListenError::Bind { .. } if house::is_taken(&error) => "port_taken",
        ListenError::Bind { .. } => "cannot_listen",
        ListenError::Host(_) => "bad_host",
        ListenError::Remote(_) => "remote_refused",
    };
    let ListenError::Bind { address, .. } = &error else {
        let error = ControlError::new(code, error.to_string(), error.hint());
        return Problem { error, taken: None, next_port: None };
    };
    let (ip, taken) = (address.ip(), address.port());
    let (holder, next_port) = look_around(ip, taken).await;
    let is_taken = holder.is_some() || code == "port_taken";
    let message = match &holder {
        Some(holder) => format!("port {taken} is taken by {holder}"),
        None if is_taken => format!("port {taken} is taken by another program"),
        None => std::error::Error::source(&error).map_or_else(|| error.to_string(), |why| format!("{error}: {why}")),
    };
    let hint = next_port.map_or_else(|| error.hint(), |port| format!("port {port} is free"));
    let taken = is_taken.then_some(TakenPort { port: taken, holder });
    Problem { error: ControlError::new(code, message, hint), taken, next_port }
}

async fn look_around(ip: IpAddr, taken: u16) -> (Option<String>, Option<u16>) {
    let looked = crate::commands::blocking(move || (port::holder(taken), port::next_free(ip, taken))).await;
    looked.unwrap_or_default()
}
