//! The engine over real sockets against simulated model servers. One binary: linking is what costs time here.
//!
//! No test waits for time to pass: simulated servers wait at gates, tests wait for requests, events and records.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what a test cannot do without fails it")]

mod again;
mod asides;
mod backends;
mod browser;
mod clients;
mod counting;
mod deciding;
mod diet;
mod doctor;
mod faults;
mod field_notes;
mod guard;
mod images;
mod loading;
mod money;
mod outages;
mod pools;
mod prefix;
mod privacy;
mod queueing;
mod records;
mod repair;
mod responses;
mod rig;
mod roles;
mod rules;
mod settings;
mod soak;
mod streams;
mod throwaway;
mod translation;
mod trying;
mod windows;
