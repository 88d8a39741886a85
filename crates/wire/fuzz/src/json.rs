//! The JSON cursor against `serde_json`.

use branchline_wire::json::{Cursor, Error, Json};
use branchline_wire::text::Text;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// The cursor accepts what `serde_json` reads and nothing that it takes for no JSON; both read the same values.
pub fn check(data: &[u8]) {
    let Ok(source) = std::str::from_utf8(data) else { return };
    let ours = Json::check(source);
    let theirs = serde_json::from_str::<Value>(source);
    match &ours {
        Ok(json) => {
            // Values may still be refused for a lone surrogate or a number beyond `f64`, which the cursor lets through.
            assert!(serde_json::from_str::<&RawValue>(source).is_ok(), "taken for JSON: {source:?}");
            assert_eq!(json.as_str(), source.trim_matches([' ', '\n', '\r', '\t']));
            if let Ok(theirs) = &theirs {
                assert_eq!(&value(source), theirs);
            }
        }
        Err(error) => {
            assert!(theirs.is_err(), "{error}: {source:?}");
            assert!(error.line >= 1 && error.column >= 1 && error.line + error.column <= source.len() + 2);
        }
    }
}

/// Checks that a rendered body is JSON for us and for others.
pub fn assert_json(body: &[u8]) -> &str {
    let body = std::str::from_utf8(body).expect("rendered JSON is UTF-8");
    assert!(serde_json::from_str::<&RawValue>(body).is_ok() && Json::check(body).is_ok(), "rendered no JSON: {body}");
    body
}

/// The value of JSON text, lone surrogates replaced.
pub fn value(source: &str) -> Value {
    read(&mut Cursor::new(source)).expect("known to be JSON")
}

fn read(cursor: &mut Cursor<'_>) -> Result<Value, Error> {
    Ok(match cursor.peek() {
        b'{' => {
            let mut members = Map::new();
            cursor.object(|key, inner| {
                members.insert(Text::escaped(key).decode().into_owned(), read(inner)?);
                Ok(())
            })?;
            Value::Object(members)
        }
        b'[' => {
            let mut list = Vec::new();
            cursor.array(|inner| {
                list.push(read(inner)?);
                Ok(())
            })?;
            Value::Array(list)
        }
        b'"' => Value::String(cursor.string()?.decode().into_owned()),
        _ => {
            let leaf = cursor.value()?;
            serde_json::from_str(leaf).unwrap_or_else(|_| Value::String(leaf.to_owned()))
        }
    })
}
