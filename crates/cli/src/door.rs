//! How a command asks: the running engine where there is one, else an engine inside this process.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use branchline_control::{ControlError, dispatch};
use branchline_proxy::Engine;
use branchline_settings::{Settings, Tokens};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::{Error, Result};
use crate::house;
use crate::http::Client;
use crate::out::while_waiting;

/// Longest wait of [`quick`].
const QUICK: Duration = Duration::from_millis(500);

/// Who answers.
#[derive(Debug)]
pub(crate) enum Door {
    /// An engine that runs.
    Running(Client),
    /// One for this command alone.
    Inside(Arc<Engine>),
}

impl Door {
    /// The running engine, or one inside this process, which knows no backend yet.
    pub(crate) async fn open(context: &Context) -> Result<Self> {
        match running(context).await {
            Some(client) => Ok(Self::Running(client)),
            None => Ok(Self::Inside(house::passing_engine(context.paths.clone(), context.settings()?)?)),
        }
    }

    /// The same, but one inside this process asks all backends first: only a server that is asked tells its models, and
    /// the windows they are loaded with.
    pub(crate) async fn informed(context: &Context) -> Result<Self> {
        let door = Self::open(context).await?;
        if door.is_inside() {
            let _: Value = while_waiting("looking for models", door.ask("models.refresh", json!({}))).await?;
        }
        Ok(door)
    }

    pub(crate) const fn is_inside(&self) -> bool {
        matches!(self, Self::Inside(_))
    }

    /// Asks one command.
    pub(crate) async fn ask<T: DeserializeOwned>(&self, name: &str, request: Value) -> Result<T> {
        let answer = match self {
            Self::Running(client) => client.rpc(name, &request).await?,
            Self::Inside(engine) => dispatch(Arc::clone(engine), name, request).await?,
        };
        serde_json::from_value(answer).map_err(|error| {
            let message = format!("the engine's answer to {name} is not understood: {error}");
            ControlError::new("version", message, "the running engine may be of another version: restart it").into()
        })
    }
}

/// The running engine, which must be there.
pub(crate) async fn must_run(context: &Context) -> Result<Client> {
    running(context).await.ok_or(Error::NoEngine)
}

/// The running engine that has this data folder's tokens.
pub(crate) async fn running(context: &Context) -> Option<Client> {
    let tokens = Tokens::load(&context.paths).ok().flatten()?;
    for address in addresses(context) {
        let client = Client::new(address, tokens.control.clone());
        // Another program, or another installation's engine, does not know our token.
        if client.rpc("status", &json!({})).await.is_ok() {
            return Some(client);
        }
    }
    None
}

/// One answer of a running engine, at once or not at all: for a line that is drawn again and again.
pub(crate) async fn quick<T: DeserializeOwned>(context: &Context, name: &str, request: Value) -> Option<T> {
    let tokens = Tokens::load(&context.paths).ok().flatten()?;
    let told = std::fs::read_to_string(house::address_file(&context.paths)).ok();
    // Without that file no engine of this folder listens: the settings need not be read.
    let address = reachable(told?.trim().parse().ok()?);
    let client = Client::new(address, tokens.control);
    let answer = tokio::time::timeout(QUICK, client.rpc(name, &request)).await.ok()?.ok()?;
    serde_json::from_value(answer).ok()
}

fn addresses(context: &Context) -> Vec<SocketAddr> {
    let told = std::fs::read_to_string(house::address_file(&context.paths)).ok();
    let told = told.and_then(|text| text.trim().parse().ok());
    let mut all: Vec<SocketAddr> = told.into_iter().chain(configured(&context.settings_as_far_as_good())).collect();
    all.iter_mut().for_each(|address| *address = reachable(*address));
    all.dedup();
    all
}

fn configured(settings: &Settings) -> Option<SocketAddr> {
    let server = &settings.server;
    server.ip().filter(|_| server.port != 0).map(|ip| SocketAddr::new(ip, server.port))
}

/// "Any address" is nothing one can call.
fn reachable(address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), address.port())
    } else {
        address
    }
}
