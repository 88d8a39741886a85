//! Ports for programs that cannot be given a socket.

use std::net::{Ipv4Addr, TcpListener};

/// A port nobody had a moment ago.
///
/// # Errors
/// The system has none to give.
pub fn free() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
