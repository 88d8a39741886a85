//! What an able model does with the plain tasks a check-up consists of: it calls the tool it is told to, names the
//! coloured squares of a picture, and finds a quoted word in a long text. It really looks at the picture and the text.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::ask::{Ask, OfferedTool};
use crate::script::Answer;

const COLOURS: [(&str, [u8; 3]); 6] = [
    ("red", [220, 30, 30]),
    ("green", [20, 150, 60]),
    ("blue", [30, 70, 220]),
    ("yellow", [250, 215, 0]),
    ("black", [0, 0, 0]),
    ("white", [255, 255, 255]),
];

/// The answer of an able model, where the request is such a task.
#[must_use]
pub fn able(ask: &Ask) -> Option<Answer> {
    let question = ask.question();
    if !ask.pictures.is_empty() {
        return squares(&ask.body).map(|colours| Answer::text(format!("Squares in a row: {}.", colours.join(", "))));
    }
    if !ask.outcomes.is_empty() {
        return None;
    }
    described(&question).or_else(|| calls(ask, &question)).or_else(|| quoted(&question))
}

/// The colours of the squares in the request's first picture, from left to right.
fn squares(body: &Value) -> Option<Vec<&'static str>> {
    let picture = image::load_from_memory(&first_picture(body)?).ok()?.to_rgb8();
    let middle = picture.height() / 2;
    let mut found: Vec<&str> = Vec::new();
    let mut before = "white";
    for x in 0..picture.width() {
        let colour = nearest(picture.get_pixel(x, middle).0);
        if colour != before && colour != "white" {
            found.push(colour);
        }
        before = colour;
    }
    (found.len() > 2).then_some(found)
}

fn nearest(pixel: [u8; 3]) -> &'static str {
    let distance = |colour: &[u8; 3]| -> u32 {
        pixel.iter().zip(colour).map(|(one, other)| u32::from(one.abs_diff(*other)).pow(2)).sum()
    };
    COLOURS.iter().min_by_key(|(_, colour)| distance(colour)).map_or("white", |(name, _)| name)
}

/// The bytes of the first picture, in either protocol.
fn first_picture(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::Array(items) => items.iter().find_map(first_picture),
        Value::Object(fields) => {
            let url = value.pointer("/image_url/url").and_then(Value::as_str);
            let inline = url.and_then(|url| url.split_once(";base64,")).map(|(_, data)| data);
            let data = inline.or_else(|| value.pointer("/source/data").and_then(Value::as_str));
            match data.and_then(|data| STANDARD.decode(data).ok()) {
                Some(bytes) => Some(bytes),
                None => fields.values().find_map(first_picture),
            }
        }
        _ => None,
    }
}

/// A question about a picture that somebody else has looked at.
fn described(question: &str) -> Option<Answer> {
    let (_, after) = question.split_once("<<IMAGE DESCRIPTION")?;
    let (said, _) = after.split_once(">>")?;
    let (_, said) = said.split_once(": ")?;
    Some(Answer::text(said))
}

/// `Call get_weather for Oslo and for Lima`: a call for each.
fn calls(ask: &Ask, question: &str) -> Option<Answer> {
    let (_, order) = question.rsplit_once("Call ")?;
    let order = order.trim_start_matches("the tool ");
    let (name, rest) = order.split_once(' ')?;
    let tool = ask.tool(name)?;
    let sentence = rest.split(['.', ',']).next().unwrap_or_default();
    let subjects = sentence.split(" and ").filter_map(|part| part.trim().strip_prefix("for "));
    let answer = subjects.fold(Answer::default(), |answer, subject| answer.and_call(name, given(tool, subject)));
    answer.has_calls().then_some(answer)
}

/// The arguments of a tool that is about one thing.
fn given(tool: &OfferedTool, subject: &str) -> Value {
    let required = tool.schema.get("required").and_then(Value::as_array);
    let names = required.into_iter().flatten().filter_map(Value::as_str);
    names.map(|name| (name.to_owned(), json!(subject))).collect::<Map<_, _>>().into()
}

/// `What is the password of the lighthouse?`, where the text says `The password of the lighthouse is "…"`.
fn quoted(question: &str) -> Option<Answer> {
    let (text, asked) = question.rsplit_once("What is the ")?;
    let (subject, _) = asked.split_once('?')?;
    let (_, after) = text.split_once(&format!("The {subject} is \""))?;
    after.split_once('"').map(|(word, _)| Answer::text(word))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::ask::Spoken;

    fn asked(text: &str) -> Ask {
        let schema = json!({"type": "object", "required": ["city"], "properties": {"city": {"type": "string"}}});
        let body = json!({"model": "m", "tools": [{"name": "get_weather", "input_schema": schema}],
            "messages": [{"role": "user", "content": text}]});
        Ask::read(Spoken::Anthropic, &Arc::new(body))
    }

    #[test]
    fn it_calls_for_each_thing_it_is_told() {
        let answer = able(&asked("Two cities. Call get_weather for Oslo and for Lima, both in one answer.")).unwrap();
        assert_eq!(format!("{:?}", answer.parts).matches("get_weather").count(), 2);
        assert!(able(&asked("Call something_else for Oslo.")).is_none());
    }

    #[test]
    fn it_finds_the_word_only_where_it_stands() {
        let text = "Entry 1.\nThe name of the cat is \"Mo\".\nEntry 2.\nWhat is the name of the cat? Say it.";
        assert!(format!("{:?}", able(&asked(text)).unwrap().parts).contains("\"Mo\""));
        assert!(able(&asked("Entry 1.\nWhat is the name of the cat? Say it.")).is_none());
    }
}
