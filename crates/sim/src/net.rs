//! Sockets that can be unplugged: a listener with a door, connections that can be cut or reset.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::task::{Context, Poll};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// What happens to a new connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// It is served.
    Open,
    /// It is accepted and closed at once (a port forwarder whose target is down).
    Slammed,
    /// It is accepted and never read (a server that hangs while loading).
    Deaf,
}

/// The door's state, shared by the listener and the test.
#[derive(Debug, Default)]
pub(crate) struct DoorSwitch(AtomicU8);

impl DoorSwitch {
    pub(crate) fn set(&self, door: Door) {
        self.0.store(door as u8, Ordering::SeqCst);
    }

    fn get(&self) -> Door {
        match self.0.load(Ordering::SeqCst) {
            0 => Door::Open,
            1 => Door::Slammed,
            _ => Door::Deaf,
        }
    }
}

/// A handle on one accepted connection.
#[derive(Debug)]
pub(crate) struct Wire {
    cut: CancellationToken,
    reset: AtomicBool,
}

impl Wire {
    /// Ends the connection; `reset` makes it a TCP RST.
    pub(crate) fn cut(&self, reset: bool) {
        self.reset.store(reset, Ordering::SeqCst);
        self.cut.cancel();
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.cut.is_cancelled()
    }
}

/// The connection handle as axum hands it to the request handler.
#[derive(Debug, Clone)]
pub(crate) struct WireInfo(pub(crate) Arc<Wire>);

impl Connected<IncomingStream<'_, SimListener>> for WireInfo {
    fn connect_info(stream: IncomingStream<'_, SimListener>) -> Self {
        Self(Arc::clone(&stream.io().wire))
    }
}

/// Accepts loopback connections with TCP_NODELAY until the power goes.
#[derive(Debug)]
pub(crate) struct SimListener {
    inner: TcpListener,
    power: CancellationToken,
    door: Arc<DoorSwitch>,
    deaf: Vec<TcpStream>,
}

impl SimListener {
    pub(crate) fn new(inner: TcpListener, power: CancellationToken, door: Arc<DoorSwitch>) -> Self {
        Self { inner, power, door, deaf: Vec::new() }
    }

    async fn next(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            let Ok((stream, address)) = self.inner.accept().await else {
                tokio::task::yield_now().await;
                continue;
            };
            match self.door.get() {
                Door::Open => return (stream, address),
                Door::Slammed => drop(stream),
                Door::Deaf => self.deaf.push(stream),
            }
        }
    }
}

impl Listener for SimListener {
    type Io = SimIo;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (stream, address) = self.next().await;
        // A delayed ACK on the first token would be measured as the proxy's latency.
        let _ = stream.set_nodelay(true);
        let cut = self.power.child_token();
        let gone = Box::pin(cut.clone().cancelled_owned());
        let wire = Arc::new(Wire { cut, reset: AtomicBool::new(false) });
        (SimIo { stream, wire, gone }, address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.inner.local_addr()
    }
}

/// A TCP stream that fails as soon as its wire is cut.
#[derive(Debug)]
pub(crate) struct SimIo {
    stream: TcpStream,
    wire: Arc<Wire>,
    gone: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl SimIo {
    fn alive(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if self.wire.is_cut() || self.gone.as_mut().poll(cx).is_ready() {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(())
    }
}

impl Drop for SimIo {
    fn drop(&mut self) {
        if self.wire.reset.load(Ordering::SeqCst) {
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for SimIo {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.alive(cx)?;
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for SimIo {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.alive(cx)?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
