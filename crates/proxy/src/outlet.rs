//! An answer whose work goes on while it is being sent.
//!
//! A request is one future. It hands out a head and then pieces through its [`Outlet`]; the HTTP body polls
//! that same future whenever it wants more. So no task is spawned, nothing is buffered ahead, and when the
//! client leaves, the server drops the body, the body drops the future, and the upstream call goes with it.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body_util::Full;

/// Status and headers of an answer.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
}

/// Where the work of a request puts its answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outlet(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    head: Option<Head>,
    pieces: VecDeque<Bytes>,
    /// The answer is complete: nothing but the end of the work is waited for.
    whole: bool,
}

impl Outlet {
    /// Says status and headers. Pieces sent before are not lost, they follow.
    pub(crate) fn head(&self, status: StatusCode, headers: HeaderMap) {
        self.state().head = Some(Head { status, headers });
    }

    /// Hands a piece out and waits until it was taken.
    pub(crate) async fn send(&self, piece: Bytes) {
        if piece.is_empty() {
            return;
        }
        self.state().pieces.push_back(piece);
        // The body takes the piece before it polls this future again, so no waker is needed.
        poll_fn(|_| if self.state().pieces.is_empty() { Poll::Ready(()) } else { Poll::Pending }).await;
    }

    /// Hands a last piece out without waiting.
    pub(crate) fn put(&self, piece: Bytes) {
        let mut state = self.state();
        state.whole = true;
        state.pieces.push_back(piece);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The head; that of a whole answer only once the work is `over`: the server drops a body when it has all bytes
    /// of it, and what is left to write down would be lost.
    fn take_head(&self, over: bool) -> Option<Head> {
        let mut state = self.state();
        if state.whole && !over { None } else { state.head.take() }
    }

    fn take_piece(&self) -> Option<Bytes> {
        self.state().pieces.pop_front()
    }
}

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs `make` until it has a head; the rest of it runs inside the body of the response.
pub(crate) async fn respond<F>(make: impl FnOnce(Outlet) -> F) -> Response
where
    F: Future<Output = ()> + Send + 'static,
{
    let outlet = Outlet::default();
    let mut work: Option<Work> = Some(Box::pin(make(outlet.clone())));
    let head = poll_fn(|context| {
        if poll_work(&mut work, context) {
            work = None;
        }
        match outlet.take_head(work.is_none()) {
            Some(head) => Poll::Ready(Some(head)),
            None if work.is_none() => Poll::Ready(None),
            None => Poll::Pending,
        }
    })
    .await;
    let head = head.unwrap_or_else(|| Head { status: StatusCode::INTERNAL_SERVER_ERROR, headers: HeaderMap::new() });
    let body = match work {
        Some(work) => Body::new(Running { work: Some(work), outlet }),
        None => Body::new(Full::new(outlet.take_piece().unwrap_or_default())),
    };
    let mut response = Response::new(body);
    *response.status_mut() = head.status;
    *response.headers_mut() = head.headers;
    response
}

/// Whether the work is over.
fn poll_work(work: &mut Option<Work>, context: &mut Context<'_>) -> bool {
    work.as_mut().is_none_or(|running| running.as_mut().poll(context).is_ready())
}

/// A body that does the work it is the answer of.
struct Running {
    work: Option<Work>,
    outlet: Outlet,
}

impl http_body::Body for Running {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        if let Some(piece) = self.outlet.take_piece() {
            return Poll::Ready(Some(Ok(http_body::Frame::data(piece))));
        }
        if poll_work(&mut self.work, context) {
            self.work = None;
        }
        match self.outlet.take_piece() {
            Some(piece) => Poll::Ready(Some(Ok(http_body::Frame::data(piece)))),
            None if self.work.is_none() => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use http_body_util::BodyExt;

    use super::*;

    async fn text(response: Response) -> String {
        String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn pieces_follow_the_head_in_order() {
        let response = respond(|outlet| async move {
            outlet.head(StatusCode::OK, HeaderMap::new());
            for piece in ["a", "b", "c"] {
                outlet.send(Bytes::from_static(piece.as_bytes())).await;
                tokio::task::yield_now().await;
            }
        })
        .await;
        assert_eq!(text(response).await, "abc");
    }

    #[tokio::test]
    async fn a_whole_answer_needs_no_second_poll_of_its_work() {
        let response = respond(|outlet| async move {
            outlet.head(StatusCode::NOT_FOUND, HeaderMap::new());
            outlet.put(Bytes::from_static(b"gone"));
        })
        .await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        assert_eq!(text(response).await, "gone");
    }

    #[tokio::test]
    async fn work_ends_when_its_body_is_dropped() {
        struct Flag(Arc<AtomicBool>);
        impl Drop for Flag {
            fn drop(&mut self) {
                self.0.store(true, Ordering::SeqCst);
            }
        }
        let dropped = Arc::new(AtomicBool::new(false));
        let flag = Flag(dropped.clone());
        let response = respond(|outlet| async move {
            let _flag = flag;
            outlet.head(StatusCode::OK, HeaderMap::new());
            std::future::pending::<()>().await;
        })
        .await;
        assert!(!dropped.load(Ordering::SeqCst));
        drop(response);
        assert!(dropped.load(Ordering::SeqCst));
    }

    #[tokio::test]
    async fn work_that_says_nothing_is_an_internal_error() {
        assert_eq!(respond(|_| async {}).await.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
