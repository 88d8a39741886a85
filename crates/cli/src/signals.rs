//! Signals that end a program.

#[cfg(unix)]
use crate::error::Error;
use crate::error::Result;

/// Listens for Ctrl-C and SIGTERM from the moment it is made.
#[derive(Debug)]
pub(crate) struct Signals {
    #[cfg(unix)]
    kinds: [(rustix::process::Signal, tokio::signal::unix::Signal); 3],
}

#[cfg(unix)]
impl Signals {
    pub(crate) fn listen() -> Result<Self> {
        use rustix::process::Signal;
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| signal(kind).map_err(Error::io("listen for signals"));
        Ok(Self {
            kinds: [
                (Signal::INT, listen(SignalKind::interrupt())?),
                (Signal::TERM, listen(SignalKind::terminate())?),
                (Signal::HUP, listen(SignalKind::hangup())?),
            ],
        })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) -> rustix::process::Signal {
        let [(int, ints), (term, terms), (hup, hups)] = &mut self.kinds;
        tokio::select! {
            _ = ints.recv() => *int,
            _ = terms.recv() => *term,
            _ = hups.recv() => *hup,
        }
    }
}

#[cfg(not(unix))]
impl Signals {
    #[expect(clippy::unnecessary_wraps, reason = "as on Unix")]
    pub(crate) fn listen() -> Result<Self> {
        Ok(Self {})
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
