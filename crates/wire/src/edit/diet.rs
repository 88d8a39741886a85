//! The tools of a request made smaller: some left out, descriptions cut. What comes of a tool depends on that tool alone,
//! so that the next request of the session says the same.

use std::borrow::Cow;

use crate::hub::{Dropped, Request, Tool};
use crate::json::{Cursor, Error, Json};
use crate::schema;
use crate::text::{Text, escape_into};

/// Members of a schema that hold data, not schemas: a `description` inside belongs to the data.
const DATA: [&str; 4] = ["default", "const", "enum", "examples"];

/// Takes a tool away.
pub(super) fn drop_tool(request: &mut Request<'_>, name: &str) {
    let before = request.tools.len();
    request.tools.retain(|tool| !tool.name.is(name));
    request.touched.tools |= request.tools.len() < before;
}

/// Reduces the schemas of all tools to what `level` allows.
pub(super) fn simplify(request: &mut Request<'_>, level: u8, lost: &mut Vec<Dropped>) {
    for (at, tool) in request.tools.iter_mut().enumerate() {
        let Some(source) = &tool.input_schema else { continue };
        let path = format!("tools[{at}].input_schema");
        if let Cow::Owned(simple) = schema::sanitise(source.as_str(), level, &path, lost) {
            tool.input_schema = Some(Json::trusted_owned(simple));
            tool.raw = None;
            request.touched.tools = true;
        }
    }
}

/// Cuts descriptions: of tools to `tools` characters, of their parameters to `parameters`; `None` leaves them alone.
pub(super) fn shorten(request: &mut Request<'_>, tools: Option<u32>, parameters: Option<u32>) {
    for tool in &mut request.tools {
        request.touched.tools |= shorten_tool(tool, tools, parameters);
    }
}

/// Whether anything changed.
fn shorten_tool(tool: &mut Tool<'_>, most: Option<u32>, parameters: Option<u32>) -> bool {
    let mut changed = false;
    if let (Some(most), Some(description)) = (most, &tool.description)
        && let Some(cut) = shortened(&description.decode(), most)
    {
        tool.description = cut.map(|text| Text::plain(&text).into_owned());
        changed = true;
    }
    if let (Some(most), Some(schema)) = (parameters, &tool.input_schema)
        && let Some(cut) = shortened_schema(schema.as_str(), most)
    {
        tool.input_schema = Some(Json::trusted_owned(cut));
        changed = true;
    }
    if changed {
        tool.raw = None;
    }
    changed
}

/// `None` where the text is short enough; else what is left of it: whole sentences where there are any, and nothing
/// where nothing may be left.
fn shortened(text: &str, most: u32) -> Option<Option<String>> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let (end, _) = text.char_indices().nth(most)?;
    if most == 0 {
        return Some(None);
    }
    let kept = &text[..end];
    let sentence = kept.char_indices().rev().find(|(at, letter)| {
        let behind = text[at + letter.len_utf8()..].chars().next();
        let ends = matches!(letter, '.' | '!' | '?') && behind.is_none_or(char::is_whitespace);
        ends || matches!(letter, '。' | '！' | '？')
    });
    // A first sentence that is only a few words says less than the beginning of the second.
    if let Some((at, letter)) = sentence.filter(|(at, _)| at * 3 >= kept.len()) {
        return Some(Some(kept[..at + letter.len_utf8()].trim_end().to_owned()));
    }
    let word = kept.rfind(char::is_whitespace).filter(|at| at * 2 >= kept.len()).unwrap_or(kept.len());
    Some(Some(format!("{}…", kept[..word].trim_end())))
}

/// The schema with its descriptions cut; `None` where nothing changed.
fn shortened_schema(source: &str, most: u32) -> Option<String> {
    let mut out = String::with_capacity(source.len());
    cut_schema(&mut Cursor::new(source), most, &mut out).ok()?;
    (out.len() != source.len() && out != source).then_some(out)
}

fn cut_schema(cursor: &mut Cursor<'_>, most: u32, out: &mut String) -> Result<(), Error> {
    match cursor.peek() {
        b'{' => object(cursor, most, out),
        b'[' => array(cursor, most, out),
        _ => {
            out.push_str(cursor.value()?);
            Ok(())
        }
    }
}

fn object(cursor: &mut Cursor<'_>, most: u32, out: &mut String) -> Result<(), Error> {
    out.push('{');
    let mut first = true;
    cursor.object(|key, inner| {
        if key == "description" && inner.peek() == b'"' {
            let text = inner.string()?;
            let cut = shortened(&text.decode(), most);
            if cut != Some(None) {
                member(key, &mut first, out);
                out.push('"');
                match cut {
                    Some(Some(cut)) => escape_into(&cut, out),
                    _ => out.push_str(text.as_escaped()),
                }
                out.push('"');
            }
            return Ok(());
        }
        member(key, &mut first, out);
        if DATA.contains(&key) {
            out.push_str(inner.value()?);
            return Ok(());
        }
        cut_schema(inner, most, out)
    })?;
    out.push('}');
    Ok(())
}

fn array(cursor: &mut Cursor<'_>, most: u32, out: &mut String) -> Result<(), Error> {
    out.push('[');
    let mut first = true;
    cursor.array(|inner| {
        if !std::mem::take(&mut first) {
            out.push(',');
        }
        cut_schema(inner, most, out)
    })?;
    out.push(']');
    Ok(())
}

fn member(key: &str, first: &mut bool, out: &mut String) {
    out.push_str(if std::mem::take(first) { "\"" } else { ",\"" });
    out.push_str(key);
    out.push_str("\":");
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::codec::{decode_request, encode_request, patch_request};
    use crate::edit::{Edit, apply};
    use crate::{Dialect, Protocol, Upstream};

    fn cut(text: &str, most: u32) -> String {
        shortened(text, most).map_or_else(|| text.to_owned(), Option::unwrap_or_default)
    }

    #[test]
    fn a_description_ends_with_the_last_sentence_that_fits() {
        assert_eq!(
            cut("Reads a file. Lines are numbered. Long files are cut.", 40),
            "Reads a file. Lines are numbered."
        );
        assert_eq!(cut("Reads a file.", 40), "Reads a file.");
        assert_eq!(cut("Reads v1.2 of a file and then says what was in it", 30), "Reads v1.2 of a file and then…");
        assert_eq!(cut("ファイルを読む。行に番号を付ける。長いものは切る。", 18), "ファイルを読む。行に番号を付ける。");
        assert_eq!(cut("anything", 0), "");
    }

    fn body() -> Value {
        json!({"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}], "tools": [
            {"name": "Read", "description": "Reads a file. And says much more about it.", "input_schema": {
                "type": "object", "properties": {"description": {"type": "string",
                    "description": "What it is for. In a few words.", "default": {"description": "Kept. Whole and untouched."}}}}},
            {"name": "Web", "description": "Searches.", "input_schema": {"type": "object"}}]})
    }

    #[test]
    fn dropped_and_shortened_tools_leave_the_rest_as_it_was() {
        let source = body().to_string();
        let mut request = decode_request(Protocol::Anthropic, &source).unwrap();
        let edits =
            [Edit::DropTool { name: "Web".into() }, Edit::ShortenTools { tools: Some(15), parameters: Some(16) }];
        apply(&mut request, &edits);
        for encoded in [
            patch_request(Upstream::Anthropic, &request, &Dialect::default()),
            encode_request(Upstream::Anthropic, &request, &Dialect { schema_level: 0, ..Dialect::default() }),
        ] {
            let mut expected = body()["tools"][0].clone();
            expected["description"] = json!("Reads a file.");
            expected["input_schema"]["properties"]["description"]["description"] = json!("What it is for.");
            let said: Value = serde_json::from_slice(&encoded.body).unwrap();
            assert_eq!(said["tools"], json!([expected]));
            assert_eq!(said["messages"], body()["messages"]);
        }
    }

    #[test]
    fn a_diet_that_changes_nothing_leaves_every_byte() {
        let source = body().to_string();
        let mut request = decode_request(Protocol::Anthropic, &source).unwrap();
        apply(&mut request, &[Edit::ShortenTools { tools: Some(500), parameters: Some(500) }]);
        assert!(!request.touched.tools);
    }
}
