//! The engine: server, guard, pipeline, backends, relay, images, store, records
