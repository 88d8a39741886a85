//! The engine: server, guard, pipeline, backends, relay, images, store, records.
//!
//! Read [`pipeline`] first: it is the way of a request. [`world::World`] is what a request is decided from,
//! [`engine::Engine`] what all requests share. No window, no terminal and no command line is assumed here.

mod advise;
mod answers;
mod aside;
mod attempt;
mod backend;
mod bodies;
pub mod browser;
pub mod budget;
mod call;
mod conditions;
mod control;
mod cost;
mod counting;
mod diet;
mod dispatch;
pub mod doctor;
pub mod engine;
pub mod estimates;
pub mod events;
mod fault;
mod guard;
mod images;
mod inbound;
mod journal;
pub mod lane;
mod learned;
mod line;
mod loading;
pub mod metrics;
pub mod money;
pub mod outcomes;
mod outlet;
pub mod pages;
mod past;
mod pipeline;
mod plan;
pub mod probe;
mod projects;
pub mod record;
mod relay;
pub mod replay;
mod retry;
pub mod routes;
mod send;
pub mod server;
mod situation;
pub mod store;
mod surroundings;
mod tags;
pub mod thumbnail;
mod tls;
pub mod tryout;
mod tuning;
mod turns;
pub mod watch;
pub mod whatif;
mod window;
pub mod world;

pub use backend::Backend;
pub use engine::{Engine, Parts, Rpc};
pub use events::{Events, LiveEvent};
pub use fault::Fault;
pub use server::ListenError;
