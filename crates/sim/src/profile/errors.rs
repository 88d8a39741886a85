//! Each server's words and shapes for a refusal. Wording is load-bearing: clients match on it.
//! Sources: the error pages of their documentations, and bug reports for what those leave out.

use serde_json::{Value, json};

use super::{Endpoint, Profile};
use crate::model::Format;
use crate::refusal::Refusal;
use crate::reply::Reply;

/// An error before it has its envelope.
struct Words {
    status: u16,
    /// OpenAI-style `code`, empty for none.
    code: &'static str,
    message: String,
}

/// Where an error is said.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) profile: Profile,
    pub(crate) endpoint: Endpoint,
    pub(crate) format: Format,
    pub(crate) method: &'a str,
    pub(crate) path_and_query: &'a str,
}

/// The whole answer to a refused request.
pub(crate) fn reply(place: &Place<'_>, refusal: &Refusal) -> Reply {
    if *refusal == Refusal::NoRoute {
        return no_route(place);
    }
    let words = words(place, refusal);
    Reply::json(words.status, &envelope(place, refusal, &words))
}

/// A path this server does not have in this mode.
pub(crate) fn no_such_route(profile: Profile) -> Reply {
    no_route(&Place { profile, endpoint: Endpoint::Unknown, format: Format::Gguf, method: "POST", path_and_query: "/" })
}

fn no_route(place: &Place<'_>) -> Reply {
    let Place { method, path_and_query, .. } = place;
    match place.profile {
        Profile::LmStudio => {
            let text = format!("Unexpected endpoint or method. ({method} {path_and_query}). Returning 200 anyway");
            Reply::json(200, &json!({"error": text}))
        }
        Profile::Ollama => Reply::whole(404, "text/plain", "404 page not found".into()),
        Profile::Vllm => Reply::json(404, &json!({"detail": "Not Found"})),
        Profile::LlamaCpp => {
            Reply::json(404, &json!({"error": {"code": 404, "message": "File Not Found", "type": "not_found_error"}}))
        }
        Profile::Gemini => Reply::whole(404, "text/html", String::new()),
        Profile::OpenAi => {
            let message = format!("Invalid URL ({method} {path_and_query})");
            Reply::json(
                404,
                &json!({"error": {"message": message, "type": "invalid_request_error", "param": null, "code": null}}),
            )
        }
        Profile::Anthropic => Reply::json(404, &anthropic_error(404, "Not Found")),
    }
}

fn words(place: &Place<'_>, refusal: &Refusal) -> Words {
    let (status, code, message) = match refusal {
        Refusal::Invalid(message) => (400, "", message.clone()),
        Refusal::Template(message) => template(place.profile, message),
        Refusal::Key { missing } => key(place.profile, *missing),
        Refusal::UnknownModel(id) => unknown_model(place, id),
        Refusal::NothingLoaded => (404, "model_not_found", NOTHING_LOADED.to_owned()),
        Refusal::Overflow { tokens, window } => overflow(place, *tokens, *window),
        Refusal::OverflowWithOutput { tokens, output, window } => with_output(place.profile, *tokens, *output, *window),
        Refusal::NoImages => no_images(place.profile),
        Refusal::Grammar(keyword) => grammar(place.profile, keyword),
        Refusal::NoRoute => (404, "", "Not Found".to_owned()),
        Refusal::Scripted { status, message } => (*status, scripted_code(*status), message.clone()),
    };
    Words { status, code, message }
}

const NOTHING_LOADED: &str =
    "No models loaded. Please load a model in the developer page or use the `lms load` command.";

type Said = (u16, &'static str, String);

fn scripted_code(status: u16) -> &'static str {
    match status {
        401 => "invalid_api_key",
        429 => "rate_limit_exceeded",
        _ => "",
    }
}

fn template(profile: Profile, message: &str) -> Said {
    match profile {
        // As a build of November 2026 says it; older ones gave 500 and the bare words.
        Profile::LlamaCpp => {
            let text = format!(
                "Unable to generate parser for this template. Automatic parser generation failed: \n------------\n\
                 While executing CallExpression at line 10, column 76 in source:\nError: Jinja Exception: {message}"
            );
            (400, "", text)
        }
        Profile::LmStudio => (400, "", format!("Error rendering prompt with jinja template: \"{message}\".")),
        _ => (400, "", message.to_owned()),
    }
}

fn key(profile: Profile, missing: bool) -> Said {
    let text = match (profile, missing) {
        (Profile::Anthropic, true) => "x-api-key header is required",
        (Profile::Anthropic, false) => "invalid x-api-key",
        (Profile::OpenAi, true) => "You didn't provide an API key.",
        (Profile::Gemini, true) => "Missing or invalid Authorization header.",
        (Profile::Gemini, false) => "API key not valid. Please pass a valid API key.",
        (Profile::LlamaCpp, _) => "Invalid API Key",
        (_, _) => "Incorrect API key provided.",
    };
    let status = if profile == Profile::Gemini { 400 } else { 401 };
    (status, "invalid_api_key", text.to_owned())
}

fn unknown_model(place: &Place<'_>, id: &str) -> Said {
    match place.profile {
        Profile::Ollama => (404, "", format!("model '{id}' not found")),
        Profile::Vllm => (404, "", format!("The model `{id}` does not exist.")),
        Profile::Anthropic => (404, "", format!("model: {id}")),
        Profile::Gemini => (404, "", format!("models/{id} is not found for API version v1main.")),
        Profile::LmStudio => (
            400,
            "model_not_found",
            format!("Invalid model identifier \"{id}\". Please specify a valid downloaded model."),
        ),
        _ => (404, "model_not_found", format!("The model `{id}` does not exist or you do not have access to it.")),
    }
}

fn overflow(place: &Place<'_>, tokens: u64, window: u64) -> Said {
    let text = match (place.profile, place.format) {
        (Profile::LmStudio, Format::Mlx) => "Context size has been exceeded".to_owned(),
        (Profile::LmStudio, Format::Gguf) => format!(
            "Trying to keep the first {tokens} tokens when context the overflows. However, the model is loaded with \
             context length of only {window} tokens, which is not enough. Try to load the model with a larger context \
             length, or provide a shorter input"
        ),
        (Profile::LlamaCpp | Profile::Ollama, _) => {
            format!("request ({tokens} tokens) exceeds the available context size ({window} tokens), try increasing it")
        }
        (Profile::Anthropic, _) => format!("prompt is too long: {tokens} tokens > {window} maximum"),
        (Profile::Gemini, _) => {
            format!("The input token count ({tokens}) exceeds the maximum number of tokens allowed ({window}).")
        }
        (_, _) => format!(
            "This model's maximum context length is {window} tokens. However, your messages resulted in {tokens} tokens. \
             Please reduce the length of the messages."
        ),
    };
    (400, "context_length_exceeded", text)
}

fn with_output(profile: Profile, tokens: u64, output: u64, window: u64) -> Said {
    let text = match profile {
        Profile::Anthropic => format!(
            "input length and `max_tokens` exceed context limit: {tokens} + {output} > {window}, decrease input length or \
             `max_tokens` and try again"
        ),
        _ => format!(
            "This model's maximum context length is {window} tokens. However, you requested {} tokens ({tokens} in the \
             messages, {output} in the completion). Please reduce the length of the messages or completion.",
            tokens + output
        ),
    };
    (400, "context_length_exceeded", text)
}

fn no_images(profile: Profile) -> Said {
    match profile {
        Profile::LmStudio => (400, "", "Model does not support images. Please use a model that does.".to_owned()),
        Profile::LlamaCpp => (
            500,
            "",
            "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj".to_owned(),
        ),
        _ => (400, "", "This model is not a multimodal model: it does not accept image input.".to_owned()),
    }
}

fn grammar(profile: Profile, keyword: &str) -> Said {
    match profile {
        // LM Studio passes the engine's 400 on as a 500 (lmstudio-ai/lmstudio-bug-tracker#2220).
        Profile::LmStudio => {
            (500, "", format!("Engine protocol predict request returned 400: failed to parse grammar ({keyword})"))
        }
        _ => (400, "", format!("failed to parse grammar: JSON schema conversion failed: {keyword}")),
    }
}

fn envelope(place: &Place<'_>, refusal: &Refusal, words: &Words) -> Value {
    let Words { status, code, message } = words;
    // llama.cpp keeps its own shape on /v1/messages too.
    if place.endpoint.is_anthropic() && place.profile != Profile::LlamaCpp {
        return anthropic_error(*status, message);
    }
    match place.profile {
        Profile::LlamaCpp => llama_error(refusal, words),
        Profile::Anthropic => anthropic_error(*status, message),
        Profile::Gemini => json!([{"error": {"code": status, "message": message, "status": google_status(*status)}}]),
        Profile::Ollama if place.endpoint != Endpoint::Chat => json!({"error": message}),
        Profile::LmStudio if code.is_empty() || *code == "context_length_exceeded" => json!({"error": message}),
        Profile::Vllm => {
            let kind = if *status == 404 { "NotFoundError" } else { "BadRequestError" };
            json!({"error": {"message": message, "type": kind, "param": null, "code": status}})
        }
        _ => {
            let param = if *code == "model_not_found" { json!("model") } else { Value::Null };
            let code = if code.is_empty() { Value::Null } else { json!(code) };
            json!({"error": {"message": message, "type": openai_type(*status), "param": param, "code": code}})
        }
    }
}

fn llama_error(refusal: &Refusal, words: &Words) -> Value {
    let kind = match (refusal, words.status) {
        (Refusal::Overflow { .. }, _) => "exceed_context_size_error",
        (_, 400) => "invalid_request_error",
        (_, 401) => "authentication_error",
        (_, 404) => "not_found_error",
        (_, 503) => "unavailable_error",
        _ => "server_error",
    };
    let mut error = json!({"code": words.status, "message": words.message, "type": kind});
    if let Refusal::Overflow { tokens, window } = refusal {
        error["n_prompt_tokens"] = json!(tokens);
        error["n_ctx"] = json!(window);
    }
    json!({"error": error})
}

pub(crate) fn anthropic_type(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        409 => "conflict_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        529 => "overloaded_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    }
}

fn anthropic_error(status: u16, message: &str) -> Value {
    let kind = anthropic_type(status);
    json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_sim"})
}

fn openai_type(status: u16) -> &'static str {
    match status {
        429 => "rate_limit_error",
        500.. => "server_error",
        _ => "invalid_request_error",
    }
}

fn google_status(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        503 => "UNAVAILABLE",
        500.. => "INTERNAL",
        _ => "INVALID_ARGUMENT",
    }
}
