//! Complete SSE frames out of pieces that end anywhere.

use bytes::{Bytes, BytesMut};

/// Lets only complete SSE frames through, so that a stream that dies in the middle of one can still be
/// ended grammatically.
#[derive(Debug, Default)]
pub(super) struct Framer {
    held: BytesMut,
    ready: Option<Bytes>,
    pub(super) hide_usage: bool,
}

impl Framer {
    pub(super) fn push(&mut self, piece: Bytes) {
        if self.held.is_empty() && self.ready.is_none() && ends_frame(&piece) {
            self.ready = Some(piece);
            return;
        }
        if let Some(ready) = self.ready.take() {
            self.held.extend_from_slice(&ready);
        }
        self.held.extend_from_slice(&piece);
    }

    /// All complete frames.
    pub(super) fn complete(&mut self) -> Bytes {
        let complete = match self.ready.take() {
            Some(ready) => ready,
            None => {
                let end = last_frame_end(&self.held);
                self.held.split_to(end).freeze()
            }
        };
        if self.hide_usage { without_usage_chunk(complete) } else { complete }
    }

    /// Everything, complete or not.
    pub(super) fn rest(&mut self) -> Bytes {
        if let Some(ready) = self.ready.take() {
            return ready;
        }
        self.held.split().freeze()
    }
}

/// Leaves out the chunk that holds the usage and nothing else.
fn without_usage_chunk(frames: Bytes) -> Bytes {
    const MARK: &[u8] = b"\"choices\":[]";
    if memchr::memmem::find(&frames, MARK).is_none() {
        return frames;
    }
    let mut kept = BytesMut::with_capacity(frames.len());
    let mut rest = &frames[..];
    while !rest.is_empty() {
        let end = memchr::memmem::find(rest, b"\n\n").map_or(rest.len(), |at| at + 2);
        let (frame, behind) = rest.split_at(end);
        if memchr::memmem::find(frame, MARK).is_none() || memchr::memmem::find(frame, b"\"usage\"").is_none() {
            kept.extend_from_slice(frame);
        }
        rest = behind;
    }
    kept.freeze()
}

fn ends_frame(bytes: &[u8]) -> bool {
    bytes.ends_with(b"\n\n") || bytes.ends_with(b"\r\n\r\n") || bytes.ends_with(b"\r\r")
}

/// Offset behind the last blank line.
fn last_frame_end(bytes: &[u8]) -> usize {
    let mut end = bytes.len();
    while let Some(at) = memchr::memrchr2(b'\n', b'\r', &bytes[..end]) {
        if ends_frame(&bytes[..=at]) {
            return at + 1;
        }
        end = at;
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_usage_chunk_nobody_asked_for_is_left_out() {
        let frames = b"data: {\"choices\":[{}]}\n\ndata: {\"choices\":[],\"usage\":{}}\n\ndata: [DONE]\n\n";
        let kept = without_usage_chunk(Bytes::from_static(frames));
        assert_eq!(kept, "data: {\"choices\":[{}]}\n\ndata: [DONE]\n\n");
    }

    #[test]
    fn only_complete_frames_go_through() {
        let mut framer = Framer::default();
        framer.push(Bytes::from_static(b"data: 1\n\ndata: 2"));
        assert_eq!(framer.complete(), "data: 1\n\n");
        framer.push(Bytes::from_static(b"\n\n"));
        assert_eq!(framer.complete(), "data: 2\n\n");
        framer.push(Bytes::from_static(b"data: 3\r\n\r\n"));
        assert_eq!(framer.complete(), "data: 3\r\n\r\n");
        framer.push(Bytes::from_static(b"data: 4\n"));
        assert_eq!(framer.complete(), "");
        assert_eq!(framer.rest(), "data: 4\n");
    }
}
