//! Small readers over JSON source text: members of an object, elements of an array, leaves.

use crate::json::{Cursor, Error};
use crate::text::Text;

/// The members of an object in their order, keys in escaped form.
pub(in crate::codec) fn members(source: &str) -> Result<Vec<(&str, &str)>, Error> {
    let mut found = Vec::with_capacity(8);
    let mut cursor = Cursor::new(source);
    cursor.object(|key, inner| {
        found.push((key, inner.value()?));
        Ok(())
    })?;
    cursor.end()?;
    Ok(found)
}

/// The elements of an array.
pub(in crate::codec) fn elements(source: &str) -> Result<Vec<&str>, Error> {
    let mut found = Vec::with_capacity(8);
    let mut cursor = Cursor::new(source);
    cursor.array(|inner| {
        found.push(inner.value()?);
        Ok(())
    })?;
    cursor.end()?;
    Ok(found)
}

/// The last member of that name that is not `null`; none where `source` is no object.
pub(in crate::codec) fn member<'a>(source: &'a str, name: &str) -> Option<&'a str> {
    get(&members(source).ok()?, name)
}

/// The last member of that name that is not `null`.
pub(in crate::codec) fn get<'a>(members: &[(&'a str, &'a str)], name: &str) -> Option<&'a str> {
    members.iter().rev().find(|(key, _)| *key == name).map(|(_, value)| *value).filter(|value| *value != "null")
}

/// The objects of an array, each as source text with its members; no members where an element is no object.
pub(in crate::codec) fn objects(source: &str) -> Result<Vec<Object<'_>>, Error> {
    let mut found = Vec::with_capacity(8);
    let mut cursor = Cursor::new(source);
    cursor.array(|inner| {
        let mark = inner.mark();
        if inner.peek() != b'{' {
            found.push((inner.value()?, None));
            return Ok(());
        }
        let mut members = Vec::with_capacity(8);
        inner.object(|key, inner| {
            members.push((key, inner.value()?));
            Ok(())
        })?;
        found.push((inner.since(mark), Some(members)));
        Ok(())
    })?;
    cursor.end()?;
    Ok(found)
}

/// An object as source text, and its members.
pub(in crate::codec) type Object<'a> = (&'a str, Option<Vec<(&'a str, &'a str)>>);

/// A string value. `source` was given by a cursor, so that what stands between quotes is known to be a string.
pub(in crate::codec) fn text(source: &str) -> Option<Text<'_>> {
    inside(source).map(Text::escaped)
}

/// The escaped inside of a string value.
pub(in crate::codec) fn inside(source: &str) -> Option<&str> {
    source.strip_prefix('"')?.strip_suffix('"')
}

/// A string member.
pub(in crate::codec) fn text_member<'a>(source: &'a str, name: &str) -> Option<Text<'a>> {
    member(source, name).and_then(text)
}

/// A whole number, also when written as `12.0` or `"12"`.
pub(in crate::codec) fn number(source: &str) -> Option<u64> {
    let digits = source.trim_matches('"');
    let digits = digits.strip_suffix(".0").unwrap_or(digits);
    digits.parse().ok()
}

/// `true`.
pub(in crate::codec) fn truth(source: Option<&str>) -> bool {
    source == Some("true")
}
