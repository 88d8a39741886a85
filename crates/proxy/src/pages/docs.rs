//! The OpenAPI document, and the page that shows it to people.

use std::fmt::Write as _;

use serde_json::Value;

use super::html::{escape, page, prose};

/// The API as an OpenAPI 3.1 document, written by hand.
#[must_use]
pub const fn openapi() -> &'static str {
    include_str!("openapi.json")
}

/// The document as a page without script.
#[must_use]
pub fn docs_html() -> String {
    let document: Value = serde_json::from_str(openapi()).unwrap_or_default();
    let mut body = String::with_capacity(64 * 1024);
    head(&mut body, &document);
    for (path, item) in entries(&document["paths"]) {
        for (method, operation) in entries(item) {
            Page { document: &document, out: &mut body }.operation(method, path, operation);
        }
    }
    headers(&mut body, &document);
    schemas(&mut body, &document);
    page("Branchline API", &body)
}

/// Writing to a string cannot fail, so the results of `write!` below are let go.
fn head(out: &mut String, document: &Value) {
    let info = &document["info"];
    let _ = write!(
        out,
        "<header><h1>{} API</h1><span class=\"soft\">version {}</span></header>\n<p>{}</p>\n\
         <nav><a href=\"/\">Status</a><a href=\"/docs/openapi.json\">OpenAPI document</a></nav>\n<h2>Access</h2>\n",
        escape(text(&info["title"])),
        escape(text(&info["version"])),
        prose(text(&info["description"])),
    );
    for (_, scheme) in entries(&document["components"]["securitySchemes"]) {
        let header =
            scheme["name"].as_str().map_or("Authorization: Bearer …".to_owned(), |name| format!("{name}: …"));
        let _ = writeln!(out, "<p><code>{}</code> {}</p>", escape(&header), prose(text(&scheme["description"])));
    }
    out.push_str("<h2>Endpoints</h2>\n<ul>\n");
    for (path, item) in entries(&document["paths"]) {
        for (method, operation) in entries(item) {
            let _ = writeln!(
                out,
                "<li><a href=\"#{}\"><code>{} {}</code></a> {}</li>",
                escape(text(&operation["operationId"])),
                method.to_uppercase(),
                escape(path),
                escape(text(&operation["summary"])),
            );
        }
    }
    out.push_str("</ul>\n");
}

/// The part of the page one operation takes.
#[derive(Debug)]
struct Page<'a> {
    document: &'a Value,
    out: &'a mut String,
}

impl Page<'_> {
    fn operation(&mut self, method: &str, path: &str, operation: &Value) {
        let _ = write!(
            self.out,
            "<section class=\"operation\" id=\"{}\">\n<h2><span class=\"method\">{}</span> <code>{}</code></h2>\n\
             <p><strong>{}.</strong> {}</p>\n",
            escape(text(&operation["operationId"])),
            method.to_uppercase(),
            escape(path),
            escape(text(&operation["summary"])),
            prose(text(&operation["description"])),
        );
        if operation["security"].as_array().is_some_and(Vec::is_empty) {
            self.out.push_str("<p class=\"soft\">Needs no token.</p>\n");
        }
        self.parameters(&operation["parameters"]);
        self.request(&operation["requestBody"]);
        self.responses(&operation["responses"]);
        self.out.push_str("</section>\n");
    }

    fn parameters(&mut self, parameters: &Value) {
        let Some(parameters) = parameters.as_array().filter(|all| !all.is_empty()) else { return };
        let row = |parameter: &Value| {
            let parameter = resolve(self.document, parameter);
            let place = text(&parameter["in"]).to_owned();
            [code(text(&parameter["name"])), place, prose(text(&parameter["description"]))]
        };
        let rows: Vec<_> = parameters.iter().map(row).collect();
        table(self.out, "Parameters", ["Name", "In", "Meaning"], &rows);
    }

    fn request(&mut self, body: &Value) {
        let content = &body["content"]["application/json"];
        if content.is_null() {
            return;
        }
        let _ = writeln!(self.out, "<h3>Body</h3>\n<p>{}</p>", type_of(&content["schema"]));
        example(self.out, &content["example"]);
        for (_, named) in entries(&content["examples"]) {
            example(self.out, &named["value"]);
        }
    }

    fn responses(&mut self, responses: &Value) {
        let row = |(status, response): (&String, &Value)| {
            let response = resolve(self.document, response);
            let types = entries(&response["content"]).map(|(kind, content)| match type_of(&content["schema"]) {
                schema if schema.contains("href") => schema,
                _ => code(kind),
            });
            let types: Vec<_> = types.collect();
            let headers: Vec<_> = entries(&response["headers"]).map(|(name, _)| code(name)).collect();
            let mut meaning = prose(text(&response["description"]));
            if !headers.is_empty() {
                let _ = write!(meaning, "<br><span class=\"soft\">Headers: {}</span>", headers.join(" "));
            }
            [code(status), types.join(" or "), meaning]
        };
        let rows: Vec<_> = entries(responses).map(row).collect();
        table(self.out, "Answers", ["Status", "Body", "Meaning"], &rows);
        let good = responses["200"]["content"]["application/json"]["example"].clone();
        example(self.out, &good);
    }
}

/// What the headers mean, by the name they have in any answer.
fn headers(out: &mut String, document: &Value) {
    let mut rows: Vec<[String; 3]> = Vec::new();
    let inline = entries(&document["paths"]).flat_map(|(_, item)| entries(item));
    let inline = inline.flat_map(|(_, operation)| entries(&operation["responses"]));
    for (_, response) in inline.chain(entries(&document["components"]["responses"])) {
        for (name, header) in entries(&response["headers"]) {
            let header = resolve(document, header);
            let row = [code(name), code(text(&header["example"])), prose(text(&header["description"]))];
            if !rows.contains(&row) {
                rows.push(row);
            }
        }
    }
    out.push_str("<h2>Headers of answers</h2>\n");
    table(out, "", ["Name", "Example", "Meaning"], &rows);
}

/// What a `$ref` points at; the value itself where there is none.
fn resolve<'v>(document: &'v Value, value: &'v Value) -> &'v Value {
    let pointer = value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    pointer.and_then(|pointer| document.pointer(pointer)).unwrap_or(value)
}

fn schemas(out: &mut String, document: &Value) {
    out.push_str("<h2>Shapes</h2>\n");
    for (name, schema) in entries(&document["components"]["schemas"]) {
        let _ = writeln!(out, "<section id=\"schema-{0}\">\n<h3>{0}</h3>", escape(name));
        let _ = writeln!(out, "<p>{}</p>", prose(text(&schema["description"])));
        let rows: Vec<_> = entries(&schema["properties"]).map(|(name, value)| property(schema, name, value)).collect();
        table(out, "", ["Field", "Type", "Meaning"], &rows);
        out.push_str("</section>\n");
    }
}

fn property(schema: &Value, name: &str, value: &Value) -> [String; 3] {
    let required = schema["required"].as_array().is_some_and(|names| names.contains(&Value::from(name)));
    let mut meaning = prose(text(&value["description"]));
    if !required {
        meaning.push_str(" <span class=\"soft\">Optional.</span>");
    }
    [code(name), type_of(value), meaning]
}

/// A schema's type in words, named ones as links.
fn type_of(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()) {
        return format!("<a href=\"#schema-{0}\">{0}</a>", escape(name));
    }
    if let Some(choices) = schema["anyOf"].as_array().or(schema["oneOf"].as_array()) {
        return choices.iter().map(type_of).collect::<Vec<_>>().join(" or ");
    }
    if let Some(choices) = schema["enum"].as_array() {
        return choices.iter().map(|choice| code(text(choice))).collect::<Vec<_>>().join(" or ");
    }
    match &schema["type"] {
        _ if schema["const"].is_string() => code(text(&schema["const"])),
        Value::String(kind) if kind == "array" => format!("list of {}", type_of(&schema["items"])),
        Value::String(kind) => escape(kind).into_owned(),
        Value::Array(kinds) => kinds.iter().map(|kind| escape(text(kind))).collect::<Vec<_>>().join(" or "),
        _ => "any".to_owned(),
    }
}

/// A table of markup cells; nothing for no rows.
fn table(out: &mut String, title: &str, names: [&str; 3], rows: &[[String; 3]]) {
    if rows.is_empty() {
        return;
    }
    if !title.is_empty() {
        let _ = writeln!(out, "<h3>{title}</h3>");
    }
    out.push_str("<div class=\"scroll\"><table><thead><tr>");
    for name in names {
        let _ = write!(out, "<th scope=\"col\">{name}</th>");
    }
    out.push_str("</tr></thead><tbody>\n");
    for [first, second, third] in rows {
        let _ = writeln!(out, "<tr><td>{first}</td><td>{second}</td><td>{third}</td></tr>");
    }
    out.push_str("</tbody></table></div>\n");
}

fn example(out: &mut String, value: &Value) {
    if let (false, Ok(json)) = (value.is_null(), serde_json::to_string_pretty(value)) {
        let _ = writeln!(out, "<pre>{}</pre>", escape(&json));
    }
}

fn code(text: &str) -> String {
    format!("<code>{}</code>", escape(text))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> Value {
        serde_json::from_str(openapi()).unwrap()
    }

    /// Every `$ref` below a value.
    fn references<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str));
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(values) => values.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    #[test]
    fn every_path_of_the_proxy_is_documented() {
        let document = document();
        assert_eq!(document["openapi"], "3.1.0");
        for path in [
            "/v1/messages",
            "/v1/messages/count_tokens",
            "/v1/chat/completions",
            "/v1/responses",
            "/v1/models",
            "/v1/models/{id}",
            "/classify",
            "/",
            "/health",
            "/metrics",
            "/docs",
            "/docs/openapi.json",
        ] {
            assert!(document["paths"][path].is_object(), "{path}");
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = document();
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > 50);
        for reference in found {
            assert!(document.pointer(reference.strip_prefix('#').unwrap()).is_some(), "{reference}");
        }
    }

    #[test]
    fn the_document_has_the_version_of_the_program() {
        assert_eq!(document()["info"]["version"], env!("CARGO_PKG_VERSION"));
    }

    #[test]
    fn the_page_shows_every_operation_and_shape_without_a_script() {
        let page = docs_html();
        let document = document();
        for (path, item) in entries(&document["paths"]) {
            assert!(page.contains(&format!("<code>{}</code></h2>", escape(path))), "{path}");
            for (_, operation) in entries(item) {
                assert!(page.contains(&format!("id=\"{}\"", text(&operation["operationId"]))));
            }
        }
        for (name, _) in entries(&document["components"]["schemas"]) {
            assert!(page.contains(&format!("id=\"schema-{name}\"")), "{name}");
        }
        for part in ["<script", "src=", "url(", "$ref"] {
            assert!(!page.contains(part), "{part}");
        }
        assert!(page.contains("X-Force-Route") && page.contains("x-branchline-score"));
    }
}
