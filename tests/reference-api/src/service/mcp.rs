//! The preview for agents: a tool of the Model Context Protocol (2025-06-18) that words a task for the host's model.

use hyper::{Method, StatusCode, body::Incoming};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    answer::{Answer, INVALID_BODY, METHOD_NOT_ALLOWED, Refusal, json_answer},
    app::{App, Call},
    body::{self, Cap},
};
use crate::defect::{Chosen, Defect};

/// What hosts mark roles, turns and results with: ChatML, Llama, Mistral, Gemma, and the tags of tool results.
const RESERVED: [&str; 18] = [
    "<|im_start|>",
    "<|im_end|>",
    "<|system|>",
    "<|user|>",
    "<|assistant|>",
    "<|endoftext|>",
    "<|begin_of_text|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
    "[INST]",
    "[/INST]",
    "<<SYS>>",
    "<</SYS>>",
    "<start_of_turn>",
    "<end_of_turn>",
    "<tool_result>",
    "</tool_result>",
];

/// A message of JSON-RPC 2.0.
#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    id: Value,
    method: String,
    #[serde(default)]
    params: Value,
}

/// `POST /v1/mcp`.
pub(super) async fn endpoint(app: &App, call: &Call<'_>, body: Incoming) -> Result<Answer, Refusal> {
    if *call.method != Method::POST {
        return Err(METHOD_NOT_ALLOWED);
    }
    let bytes = app.settings.limits.single_bytes;
    let sent = body::read(call.headers, body, Cap { bytes, undeclared_bytes: bytes, characters: None }).await?;
    let message: Message = serde_json::from_slice(&sent).map_err(|_| INVALID_BODY)?;
    let mut answer = match message.method.as_str() {
        "initialize" => json!({ "result": {
            "protocolVersion": "2025-06-18",
            "capabilities": { "tools": {} },
            "serverInfo": { "name": "ck", "version": env!("CARGO_PKG_VERSION") },
        } }),
        "tools/list" => json!({ "result": { "tools": [tool()] } }),
        "tools/call" => called(&message.params, app.chosen()),
        _ => json!({ "error": { "code": -32_601, "message": "There is no such method." } }),
    };
    answer["jsonrpc"] = "2.0".into();
    answer["id"] = message.id;
    Ok(json_answer(StatusCode::OK, &answer))
}

fn tool() -> Value {
    let text = |description: &str| json!({ "type": "string", "description": description });
    json!({
        "name": "word_summary",
        "description": "Words a summary of recent interactions as a task for your model.",
        "inputSchema": {
            "type": "object",
            "properties": { "topic": text("What the summary is about."), "reader": text("Whom it is for.") },
            "required": ["topic", "reader"],
        },
    })
}

fn called(params: &Value, chosen: Chosen) -> Value {
    let argument = |name: &str| params["arguments"][name].as_str().map(|text| clean(text, chosen));
    match (params["name"].as_str(), argument("topic"), argument("reader")) {
        (Some("word_summary"), Some(topic), Some(reader)) => {
            let text = format!("Summarise the interactions of the past week about: {topic}\nWrite for: {reader}\n");
            json!({ "result": { "content": [{ "type": "text", "text": text }], "isError": false } })
        }
        _ => json!({ "error": { "code": -32_602, "message": "There is no such tool, or an argument is missing." } }),
    }
}

/// A text without reserved tokens, and without those that only appear once others are gone.
fn clean(text: &str, chosen: Chosen) -> String {
    let mut text = text.to_owned();
    if chosen.is(Defect::McpTokensThrough) {
        return text;
    }
    loop {
        let cleaned = RESERVED.iter().fold(text.clone(), |text, token| text.replace(token, ""));
        if cleaned == text || chosen.is(Defect::McpTokensOnce) {
            if chosen.is(Defect::McpInvisibleLast) {
                return cleaned.replace(is_invisible, "");
            }
            return cleaned;
        }
        text = cleaned;
    }
}

/// Whether a reader does not see it: a soft hyphen, and what joins or parts without a width.
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}')
}
