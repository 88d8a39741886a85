//! The engine: server, guard, pipeline, backends, relay, images, store, records

pub mod record;
pub mod store;
