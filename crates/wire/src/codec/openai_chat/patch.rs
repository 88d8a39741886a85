//! An OpenAI chat request changed in place: what no edit touched keeps its bytes and its order.
//!
//! When the engine needs the counters of a streamed answer it sets [`Request::stream_usage`]; where the client's own
//! `stream_options` do not say so and the dialect knows them, they are added here. The relay then keeps the
//! closing usage chunk from a client that did not ask for it.

use std::fmt::Write;

use super::decode::is_leading;
use super::encode;
use super::read::{elements, get, members, truth};
use crate::Dialect;
use crate::codec::Encoded;
use crate::hub::{Dropped, Request};

/// Writes the request again, touched members anew. White space between the top-level members is not kept.
#[must_use]
pub fn request(request: &Request<'_>, dialect: &Dialect) -> Encoded {
    let size: usize = request.fields.iter().map(|(key, value)| key.len() + value.len() + 4).sum();
    let mut patch = Patch { request, dialect, out: String::with_capacity(size + 256), dropped: Vec::new() };
    patch.out.push('{');
    for (key, value) in &request.fields {
        patch.member(key, value);
    }
    patch.missing();
    patch.out.push('}');
    Encoded { body: patch.out.into_bytes(), dropped: patch.dropped }
}

struct Patch<'p> {
    request: &'p Request<'p>,
    dialect: &'p Dialect,
    out: String,
    dropped: Vec<Dropped>,
}

impl Patch<'_> {
    fn member(&mut self, key: &str, value: &str) {
        let touched = self.request.touched;
        match key {
            "model" if touched.model => self.model(),
            "max_tokens" | "max_completion_tokens" if touched.max_tokens => self.max_tokens(key),
            "messages" if touched.messages || touched.system => self.messages(value),
            "tools" | "functions" if touched.tools => self.tools(),
            "stream_options" if self.wants_usage() => self.stream_options(value),
            _ if touched.extra && self.is_removed(key) => {}
            _ => {
                self.key(key);
                self.out.push_str(value);
            }
        }
    }

    /// Members that the source did not have.
    fn missing(&mut self) {
        let absent = |name: &str| !self.request.fields.iter().any(|(key, _)| *key == name);
        let touched = self.request.touched;
        let model = touched.model && absent("model");
        let limit = touched.max_tokens && absent("max_tokens") && absent("max_completion_tokens");
        let usage = self.wants_usage() && absent("stream_options");
        if model {
            self.model();
        }
        if limit {
            self.max_tokens("max_tokens");
        }
        if usage {
            self.stream_options("{}");
        }
    }

    fn key(&mut self, key: &str) {
        self.out.push_str(if self.out.len() > 1 { ",\"" } else { "\"" });
        self.out.push_str(key);
        self.out.push_str("\":");
    }

    fn model(&mut self) {
        self.key("model");
        self.out.push('"');
        self.out.push_str(self.request.model.as_escaped());
        self.out.push('"');
    }

    fn max_tokens(&mut self, key: &str) {
        let Some(limit) = self.request.max_tokens else { return };
        self.key(key);
        _ = write!(self.out, "{limit}");
    }

    fn tools(&mut self) {
        let start = self.out.len();
        self.key("tools");
        if !encode::tool_list(&self.request.tools, self.dialect, &mut self.out, &mut self.dropped) {
            self.out.truncate(start);
        }
    }

    fn messages(&mut self, source: &str) {
        self.key("messages");
        self.out.push('[');
        let start = self.out.len();
        if self.request.touched.system {
            encode::system_message(&self.request.system, self.dialect, &mut self.out, &mut self.dropped);
        } else {
            for leading in elements(source).unwrap_or_default().into_iter().take_while(|m| is_leading(m)) {
                self.comma(start);
                self.out.push_str(leading);
            }
        }
        for (nth, message) in self.request.messages.iter().enumerate() {
            let before = self.out.len();
            self.comma(start);
            let empty = self.out.len();
            match message.raw {
                Some(raw) => self.out.push_str(raw),
                None => encode::message(message, nth, self.dialect, &mut self.out, &mut self.dropped),
            }
            if self.out.len() == empty {
                self.out.truncate(before);
            }
        }
        self.out.push(']');
    }

    fn comma(&mut self, start: usize) {
        if self.out.len() > start {
            self.out.push(',');
        }
    }

    /// Usage is wanted though the client's own options do not ask for it.
    fn wants_usage(&self) -> bool {
        let options = get(&self.request.fields, "stream_options").and_then(|options| members(options).ok());
        let asked = truth(options.and_then(|found| get(&found, "include_usage")));
        self.request.stream && self.request.stream_usage && self.dialect.stream_usage && !asked
    }

    fn stream_options(&mut self, value: &str) {
        self.key("stream_options");
        self.out.push_str("{\"include_usage\":true");
        for (key, value) in members(value).unwrap_or_default() {
            if key != "include_usage" {
                self.key(key);
                self.out.push_str(value);
            }
        }
        self.out.push('}');
    }

    /// An unknown member that an edit took out of `extra`.
    fn is_removed(&self, key: &str) -> bool {
        !is_known(key) && !self.request.extra.iter().any(|(kept, _)| *kept == key)
    }
}

/// Members the hub has a place for: they never stand in `extra`.
fn is_known(key: &str) -> bool {
    const KNOWN: [&str; 19] = [
        "model",
        "messages",
        "tools",
        "functions",
        "tool_choice",
        "function_call",
        "parallel_tool_calls",
        "max_completion_tokens",
        "max_tokens",
        "stream",
        "stream_options",
        "stop",
        "temperature",
        "top_p",
        "top_k",
        "user",
        "reasoning_effort",
        "response_format",
        "n",
    ];
    KNOWN.contains(&key)
}

#[cfg(test)]
mod tests {
    use super::super::decode;
    use super::*;
    use crate::hub::{Block, Content};
    use crate::text::Text;

    const BODY: &str = r#"{"messages":[{"role":"system","content":"s"},{"role":"user","content":[{"type":"text","text":"a"}]},{"role":"assistant","content":"b","name":"n"}],"model":"m","seed":7,"stream":true,"x":{"y": 1}}"#;

    fn patched(change: impl FnOnce(&mut Request<'_>)) -> String {
        let mut hub = decode::request(BODY).unwrap();
        change(&mut hub);
        String::from_utf8(request(&hub, &Dialect::default()).body).unwrap()
    }

    #[test]
    fn nothing_touched_gives_the_same_bytes() {
        assert_eq!(patched(|_| ()), BODY);
    }

    #[test]
    fn a_new_model_changes_nothing_else() {
        let out = patched(|hub| {
            hub.model = Text::escaped("other");
            hub.touched.model = true;
        });
        assert_eq!(out, BODY.replace(r#""model":"m""#, r#""model":"other""#));
    }

    #[test]
    fn only_a_changed_message_is_written_anew() {
        let out = patched(|hub| {
            hub.messages[0].content = Content::Blocks(vec![Block::from_text(Text::escaped("new"))]);
            hub.messages[0].raw = None;
            hub.touched.messages = true;
        });
        assert_eq!(out, BODY.replace(r#"[{"type":"text","text":"a"}]"#, r#""new""#));
    }

    #[test]
    fn a_message_emptied_by_an_edit_leaves_no_comma() {
        let out = patched(|hub| {
            hub.messages[1].role = crate::hub::Role::System;
            hub.messages[1].content = Content::default();
            hub.messages[1].raw = None;
            hub.touched.messages = true;
        });
        assert_eq!(out, BODY.replace(r#",{"role":"assistant","content":"b","name":"n"}"#, ""));
    }

    #[test]
    fn a_field_taken_out_of_extra_is_gone() {
        let out = patched(|hub| {
            hub.extra.retain(|(key, _)| *key != "seed");
            hub.touched.extra = true;
        });
        assert_eq!(out, BODY.replace(r#""seed":7,"#, ""));
    }

    #[test]
    fn usage_is_asked_for_when_the_engine_wants_it() {
        let out = patched(|hub| hub.stream_usage = true);
        assert_eq!(out, BODY.replace(r#"{"y": 1}}"#, r#"{"y": 1},"stream_options":{"include_usage":true}}"#));
    }

    #[test]
    fn a_limit_the_client_did_not_set_is_added() {
        let out = patched(|hub| {
            hub.max_tokens = Some(5);
            hub.touched.max_tokens = true;
        });
        assert!(out.ends_with(r#","max_tokens":5}"#));
    }
}
