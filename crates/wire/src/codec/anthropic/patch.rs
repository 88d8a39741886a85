//! A request changed in place: what no edit touched keeps its bytes and its order, so that the backend finds
//! the prefix it has in its cache, and fields nobody here knows arrive.

use super::encode::{self, Writer};
use crate::Dialect;
use crate::codec::Encoded;
use crate::hub::{Message, Request, Touched};

/// Writes a request that came in this protocol. With nothing touched the values are those of the source, byte for
/// byte; white space between top-level members is not kept, so send the source itself where it is at hand.
#[must_use]
pub fn request(request: &Request<'_>, dialect: &Dialect) -> Encoded {
    let size: usize = request.fields.iter().map(|(name, raw)| name.len() + raw.len() + 4).sum();
    let mut out = Writer::new(size + size / 16 + 256);
    for (n, (name, raw)) in request.fields.iter().enumerate() {
        if !is_touched(name, request.touched) {
            out.member(name, raw);
        } else if !encode::is_repeated(&request.fields, n) {
            member(name, request, dialect, &mut out);
        }
    }
    for name in ["model", "max_tokens", "system", "messages", "tools"] {
        if is_touched(name, request.touched) && !request.fields.iter().any(|(known, _)| *known == name) {
            member(name, request, dialect, &mut out);
        }
    }
    Encoded { body: out.end(), dropped: Vec::new() }
}

fn is_touched(name: &str, touched: Touched) -> bool {
    match name {
        "model" => touched.model,
        "max_tokens" => touched.max_tokens,
        "system" => touched.system,
        "messages" => touched.messages,
        "tools" => touched.tools,
        _ => false,
    }
}

fn member(name: &str, request: &Request<'_>, dialect: &Dialect, out: &mut Writer) {
    match name {
        "model" => encode::model_member(request, out),
        "max_tokens" => encode::max_tokens_member(request, dialect, out),
        "system" if request.system.is_empty() => {}
        "system" => {
            out.key("system");
            encode::content(&request.system, out);
        }
        "tools" => encode::tools_member(request, out),
        _ => out.key("messages").list(&request.messages, message),
    }
}

fn message(message: &Message<'_>, out: &mut Writer) {
    if let Some(raw) = message.raw {
        out.raw(raw);
        return;
    }
    out.open();
    out.member("role", encode::role(message.role));
    out.key("content");
    encode::content(&message.content, out);
    encode::extra(&message.extra, out);
    out.close();
}
