//! The path of a setting (`backends.lmstudio.base_url`, `rules[1].then`), and finding it in a TOML document.

use std::fmt;
use std::ops::Range;

use toml_edit::{Document, Item, Key};

use crate::error::{Result, SettingsError};

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A key of a table.
    Key(String),
    /// An entry of an array, from 0.
    Index(usize),
}

/// Where a setting stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeyPath(pub(crate) Vec<Step>);

impl KeyPath {
    /// The path of these keys.
    pub(crate) fn keys<const N: usize>(keys: [&str; N]) -> Self {
        Self(keys.iter().map(|key| Step::Key((*key).to_owned())).collect())
    }

    /// Reads `a.b."c.d"`. Entries of arrays cannot be named: lists are set as a whole.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let keys = Key::parse(text).map_err(|error| SettingsError::KeyPath {
            path: text.to_owned(),
            reason: error.message().trim().replace('\n', ", "),
        })?;
        Ok(Self(keys.iter().map(|key| Step::Key(key.get().to_owned())).collect()))
    }

    /// The number of the rule this path is in.
    pub(crate) fn rule(&self) -> Option<usize> {
        match self.0.as_slice() {
            [Step::Key(section), Step::Index(index), ..] if section == "rules" => Some(*index),
            _ => None,
        }
    }

    /// This path with one more key.
    pub(crate) fn join(&self, key: &str) -> Self {
        let mut longer = self.clone();
        longer.0.push(Step::Key(key.to_owned()));
        longer
    }

    /// This path with an index.
    pub(crate) fn at(&self, index: usize) -> Self {
        let mut longer = self.clone();
        longer.0.push(Step::Index(index));
        longer
    }

    /// The keys without the indices.
    pub(crate) fn only_keys(&self) -> Vec<&str> {
        let keys = self.0.iter().filter_map(|step| match step {
            Step::Key(key) => Some(key.as_str()),
            Step::Index(_) => None,
        });
        keys.collect()
    }

    /// One of the two stands above the other, or they are the same.
    pub(crate) fn touches(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).all(|(mine, its)| mine == its)
    }

    /// The path cut behind its last key: the thing that can be taken out of a table.
    pub(crate) fn up_to_last_key(&self) -> Self {
        let mut shorter = self.clone();
        while matches!(shorter.0.last(), Some(Step::Index(_))) {
            shorter.0.pop();
        }
        shorter
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(formatter, "[{index}]")?,
                Step::Key(key) => {
                    let dot = if position > 0 { "." } else { "" };
                    write!(formatter, "{dot}{}", Key::new(key).default_repr().as_raw().as_str().unwrap_or(key))?;
                }
            }
        }
        Ok(())
    }
}

/// The item at a path.
pub(crate) fn item_at<'a>(root: &'a Item, path: &KeyPath) -> Option<&'a Item> {
    path.0.iter().try_fold(root, |item, step| match step {
        Step::Key(key) => item.get(key.as_str()),
        Step::Index(index) => item.get(*index),
    })
}

/// The line (from 1) a path stands on; when it is not in the file, the line of the nearest part that is.
pub(crate) fn line_of(document: &Document<&str>, path: &KeyPath) -> Option<usize> {
    let mut item = document.as_item();
    let mut span = None;
    for step in &path.0 {
        let next = match step {
            Step::Key(key) => {
                let table = item.as_table_like();
                span = table.and_then(|table| table.key(key)).and_then(Key::span).or(span);
                item.get(key.as_str())
            }
            Step::Index(index) => item.get(*index),
        };
        let Some(next) = next else { break };
        if matches!(step, Step::Index(_)) {
            span = next.span().or(span);
        }
        item = next;
    }
    span.map(|span| line_at(document.raw(), span.start))
}

/// The line (from 1) of a byte offset.
pub(crate) fn line_at(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}

/// The deepest item whose text holds a span.
pub(crate) fn path_at(document: &Document<&str>, span: &Range<usize>) -> Option<KeyPath> {
    deepest(document.as_item(), &KeyPath::default(), span)
}

/// Children are asked first and always: the span of a table may end before those of its sub-tables begin.
fn deepest(item: &Item, path: &KeyPath, span: &Range<usize>) -> Option<KeyPath> {
    if let Some(table) = item.as_table_like() {
        for (key, child) in table.iter() {
            let longer = path.join(key);
            if let Some(found) = deepest(child, &longer, span) {
                return Some(found);
            }
            let key_span = table.key(key).and_then(Key::span);
            if key_span.is_some_and(|own| holds(&own, span)) {
                return Some(longer);
            }
        }
    }
    if let Some(tables) = item.as_array_of_tables() {
        for index in 0..tables.len() {
            let found = item.get(index).and_then(|child| deepest(child, &path.at(index), span));
            if found.is_some() {
                return found;
            }
        }
    }
    let own = item.span()?;
    (holds(&own, span) && !path.0.is_empty()).then(|| path.clone())
}

fn holds(outer: &Range<usize>, inner: &Range<usize>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}
