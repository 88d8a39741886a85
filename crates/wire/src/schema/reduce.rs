//! Levels 2 and 3: references inlined, unions flattened where that is certain, and at level 3
//! nothing but type, description, properties, required, enum and items.

use serde_json::{Map, Value, json};

use crate::hub::Dropped;

const KEPT_AT_3: [&str; 6] = ["type", "description", "properties", "required", "enum", "items"];
const UNIONS: [&str; 3] = ["anyOf", "oneOf", "allOf"];

/// How deep references are followed; schemas that contain themselves end here as plain objects.
const MAX_REFERENCES: usize = 4;

/// How many references are put in their places in all: one that names itself often would grow without end.
const MOST_PLACES: usize = 200;

/// The reduced schema; `None` when it is no JSON object, or nothing had to change.
pub(super) fn reduce(source: &str, level: u8, path: &dyn Fn() -> String, dropped: &mut Vec<Dropped>) -> Option<String> {
    let mut value: Value = serde_json::from_str(source).ok()?;
    let root = value.clone();
    let mut work = Reducer { root: &root, level, path, steps: Vec::new(), references: 0, places: MOST_PLACES, dropped };
    work.schema(&mut value);
    let members = value.as_object_mut()?;
    members.shift_remove("$defs");
    members.shift_remove("definitions");
    (value != root).then(|| value.to_string())
}

struct Reducer<'a> {
    root: &'a Value,
    level: u8,
    path: &'a dyn Fn() -> String,
    steps: Vec<String>,
    references: usize,
    /// References that may still be put in their places.
    places: usize,
    dropped: &'a mut Vec<Dropped>,
}

impl Reducer<'_> {
    fn schema(&mut self, value: &mut Value) {
        if value.is_boolean() {
            *value = json!({});
        }
        let before = self.references;
        if let Some(members) = value.as_object_mut() {
            self.inline(members);
            self.merge_all_of(members);
            self.flatten(members);
            plain_type(members);
            self.leave_out(members);
            self.descend(members);
        }
        self.references = before;
    }

    /// Puts what a local `$ref` means in its place; members beside it win.
    fn inline(&mut self, members: &mut Map<String, Value>) {
        while let Some(reference) = members.shift_remove("$ref") {
            let target = reference.as_str().and_then(|r| r.strip_prefix('#')).and_then(|r| self.root.pointer(r));
            self.references += 1;
            let Some(Value::Object(target)) = target.filter(|_| self.references <= MAX_REFERENCES && self.places > 0)
            else {
                self.lost("$ref", "a reference that cannot be put in its place");
                members.entry("type").or_insert_with(|| json!("object"));
                return;
            };
            self.places -= 1;
            absorb(members, target.clone());
        }
    }

    /// `allOf` is one schema when no two parts disagree about a keyword.
    fn merge_all_of(&mut self, members: &mut Map<String, Value>) {
        let Some(Value::Array(parts)) = members.get("allOf") else { return };
        let mut merged = members.clone();
        merged.shift_remove("allOf");
        for part in parts.clone() {
            let Value::Object(mut part) = part else { return };
            self.inline(&mut part);
            if !agree(&merged, &part) {
                return;
            }
            absorb(&mut merged, part);
        }
        *members = merged;
    }

    fn flatten(&mut self, members: &mut Map<String, Value>) {
        for union in ["anyOf", "oneOf"] {
            let Some(Value::Array(branches)) = members.get(union) else { continue };
            let mut branches = branches.clone();
            for branch in branches.iter_mut().filter_map(Value::as_object_mut) {
                self.inline(branch);
            }
            branches.retain(|branch| branch.get("type") != Some(&json!("null")));
            let flat = single(&branches).or_else(|| one_enum(&branches)).or_else(|| same_type(&branches));
            let certain = flat.is_some();
            let flat = flat.or_else(|| (self.level >= 3).then(|| first_type(&branches)).flatten());
            if let Some(flat) = flat {
                members.shift_remove(union);
                absorb(members, flat);
            }
            if !certain && self.level >= 3 {
                self.lost(union, "a union the backend does not take");
            }
        }
    }

    fn leave_out(&mut self, members: &mut Map<String, Value>) {
        if let Some(constant) = members.shift_remove("const") {
            members.insert("enum".to_owned(), json!([constant]));
        }
        if self.level == 2 {
            if members.shift_remove("default").is_some() {
                self.lost("default", super::REASON);
            }
            return;
        }
        let names: Vec<String> = members.keys().filter(|key| !KEPT_AT_3.contains(&key.as_str())).cloned().collect();
        for name in names {
            members.shift_remove(&name);
            if !matches!(name.as_str(), "$defs" | "definitions" | "title") {
                self.lost(&name, super::REASON);
            }
        }
    }

    fn descend(&mut self, members: &mut Map<String, Value>) {
        if let Some(Value::Object(properties)) = members.get_mut("properties") {
            for (name, property) in properties.iter_mut() {
                self.step(&["properties", name], property);
            }
        }
        for name in ["items", "additionalProperties"] {
            if let Some(nested) = members.get_mut(name).filter(|nested| nested.is_object()) {
                self.step(&[name], nested);
            }
        }
        for name in UNIONS {
            for branch in members.get_mut(name).and_then(Value::as_array_mut).into_iter().flatten() {
                self.step(&[name], branch);
            }
        }
    }

    fn step(&mut self, names: &[&str], value: &mut Value) {
        let depth = self.steps.len();
        self.steps.extend(names.iter().map(|name| (*name).to_owned()));
        self.schema(value);
        self.steps.truncate(depth);
    }

    fn lost(&mut self, key: &str, reason: &'static str) {
        let mut path = (self.path)();
        for step in self.steps.iter().map(String::as_str).chain([key]) {
            path.push('.');
            path.push_str(step);
        }
        self.dropped.push(Dropped::new(path, reason));
    }
}

/// `["string", "null"]` is a string.
fn plain_type(members: &mut Map<String, Value>) {
    let Some(Value::Array(types)) = members.get("type") else { return };
    let named: Vec<&Value> = types.iter().filter(|t| *t != "null").collect();
    if let [only] = named.as_slice() {
        let only = (*only).clone();
        members.insert("type".to_owned(), only);
    }
}

/// Takes over members; properties and required lists are united, for the rest what was there first stays.
fn absorb(members: &mut Map<String, Value>, more: Map<String, Value>) {
    for (key, value) in more {
        match (members.get_mut(&key), value) {
            (Some(Value::Object(mine)), Value::Object(theirs)) if key == "properties" => absorb(mine, theirs),
            (Some(Value::Array(mine)), Value::Array(theirs)) if key == "required" => {
                let new: Vec<Value> = theirs.into_iter().filter(|name| !mine.contains(name)).collect();
                mine.extend(new);
            }
            (Some(_), _) => {}
            (None, value) => drop(members.insert(key, value)),
        }
    }
}

fn agree(one: &Map<String, Value>, other: &Map<String, Value>) -> bool {
    other.iter().all(|(key, value)| match key.as_str() {
        "required" | "description" | "title" => true,
        "properties" => match (one.get(key).and_then(Value::as_object), value.as_object()) {
            (Some(mine), Some(theirs)) => theirs.iter().all(|(name, v)| mine.get(name).is_none_or(|m| m == v)),
            _ => true,
        },
        _ => one.get(key).is_none_or(|mine| mine == value),
    })
}

fn single(branches: &[Value]) -> Option<Map<String, Value>> {
    match branches {
        [only] => only.as_object().cloned(),
        _ => None,
    }
}

/// Constants and enums of one type are one enum.
fn one_enum(branches: &[Value]) -> Option<Map<String, Value>> {
    let mut values: Vec<Value> = Vec::new();
    for branch in branches {
        match (branch.get("enum"), branch.get("const")) {
            (Some(Value::Array(list)), _) => values.extend(list.iter().cloned()),
            (None, Some(constant)) => values.push(constant.clone()),
            _ => return None,
        }
    }
    let kind = values.first().map(kind_of)?;
    values.iter().all(|v| kind_of(v) == kind).then(|| map(&json!({"type": kind, "enum": values})))
}

/// Branches of one simple type are that type.
fn same_type(branches: &[Value]) -> Option<Map<String, Value>> {
    let kind = branches.first()?.get("type")?.as_str()?;
    let simple = matches!(kind, "string" | "number" | "integer" | "boolean");
    let same = branches.iter().all(|b| b.get("type").and_then(Value::as_str) == Some(kind) && b.get("enum").is_none());
    (simple && same).then(|| map(&json!({"type": kind})))
}

/// Not certain, but better than no type at all.
fn first_type(branches: &[Value]) -> Option<Map<String, Value>> {
    branches.iter().find(|branch| branch.get("type").is_some()).and_then(Value::as_object).cloned()
}

fn map(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

const fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "string",
        Value::Number(_) => "number",
        Value::Bool(_) => "boolean",
        Value::Null | Value::Array(_) | Value::Object(_) => "object",
    }
}
