//! Random conversations whose every text occurs only once, and what of them a backend gets.

use branchline_wire::json::Cursor;
use serde_json::Value;

/// Makes texts that occur only once, and remembers where each of them stands.
#[derive(Default)]
pub(crate) struct Maker {
    pub(crate) made: usize,
    pub(crate) texts: Vec<(String, String)>,
}

impl Maker {
    /// A text with everything that needs care.
    pub(crate) fn text(&mut self, path: &str) -> String {
        self.keep(path, |nth| format!("w{nth}\"\\\n\u{e9}\u{1F680}."))
    }

    /// The data of a picture.
    pub(crate) fn picture_data(&mut self, path: &str) -> String {
        self.keep(path, |nth| format!("AAAA{nth}"))
    }

    fn keep(&mut self, path: &str, make: impl FnOnce(usize) -> String) -> String {
        self.made += 1;
        let text = make(self.made);
        self.texts.push((path.to_owned(), text.clone()));
        text
    }
}

/// The rendered messages without the closing bracket.
pub(crate) fn rendered_messages(body: &str) -> String {
    let mut found = String::new();
    Cursor::new(body)
        .object(|key, inner| {
            let value = inner.value()?;
            if key == "messages" {
                value.strip_suffix(']').unwrap().clone_into(&mut found);
            }
            Ok(())
        })
        .unwrap();
    found
}

/// Every string of a body, with strings that are JSON themselves opened.
pub(crate) fn said(body: &str) -> String {
    let mut said = String::new();
    strings(&serde_json::from_str(body).unwrap(), &mut said);
    said
}

fn strings(value: &Value, out: &mut String) {
    match value {
        Value::String(text) => {
            out.push_str(text);
            out.push('\n');
            if let Ok(inner @ Value::Object(_)) = serde_json::from_str(text) {
                strings(&inner, out);
            }
        }
        Value::Array(list) => list.iter().for_each(|v| strings(v, out)),
        Value::Object(map) => map.values().for_each(|v| strings(v, out)),
        _ => {}
    }
}

/// Whether one of these places is this one, lies in it, or holds it.
pub(crate) fn is_named(places: &[String], path: &str) -> bool {
    places.iter().any(|place| path.starts_with(place.as_str()) || place.starts_with(path))
}
