//! `websocket.messages`: are WebSocket messages checked before anything is done with them?

use std::time::Duration;

use avouch_model::{
    observation::{Population, PositiveControl},
    product::ProbeClass,
    state::Outcome,
};
use avouch_probe::{Credential, Request, Said, Sent, Socket};
use serde::{Deserialize, Serialize};

use super::http_call::{Site, unasked};
use crate::{Example, Judgement, Patience, Question, Unasked, Vantage, World, malformed, parameters::Pattern, pipelines::count};

/// See the module.
pub(super) struct Messages;

/// Which socket, and what a refusal looks like.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    target: String,
    /// The call that opens the socket (`ok = 101`); its `body` is a message in its right form.
    route: String,
    #[serde(default)]
    principal: Option<String>,
    /// What a text says that refuses a message.
    error: Option<Pattern>,
    /// Codes with which a close frame refuses a message.
    #[serde(default = "refusing")]
    close: Vec<u16>,
    /// Where a message says what it is for, as a JSON Pointer.
    #[serde(default = "type_at")]
    type_at: String,
    /// Members that may be missing, as JSON Pointers.
    #[serde(default)]
    optional: Vec<String>,
    /// How long an answer may take.
    #[serde(default = "wait_ms")]
    wait_ms: u64,
}

/// RFC 6455 section 7.4.1: unsupported data, invalid payload data, policy violation.
fn refusing() -> Vec<u16> {
    vec![1003, 1007, 1008]
}

fn type_at() -> String {
    "/type".to_owned()
}

const fn wait_ms() -> u64 {
    2_000
}

/// What each message was answered with.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    /// The answer to the message in its right form; none when no socket opened.
    valid: Option<Answer>,
    wrong: Vec<WrongSeen>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrongSeen {
    what: String,
    answer: Answer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    /// A text that refuses.
    Error,
    /// Another message.
    Message,
    /// A close frame with this code; 0 without one.
    Closed(u16),
    /// The connection ended without a close frame.
    Gone,
    /// Nothing came.
    Silent,
}

impl Question for Messages {
    const ID: &'static str = "websocket.messages";
    const QUESTION: &'static str = "Are WebSocket messages checked before anything is done with them?";
    const VANTAGE: Vantage = Vantage::Target(ProbeClass::Active);
    // What is not answered in time counts as silence.
    const PATIENCE: Patience = Patience::Quiet;
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/websocket-messages.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        let site = Site::of(world, &asked.target)?;
        let call = site.call_of(site.route(&asked.route)?)?;
        let body = call
            .body
            .ok_or_else(|| Unasked(format!("the route `{}` has no `body`: a message in its right form", asked.route)))?;
        let valid: serde_json::Value = serde_json::from_slice(&body)
            .map_err(|error| Unasked(format!("the message of `{}` is no JSON: {error}", asked.route)))?;
        let credential = asked.principal.clone().map_or(Credential::None, Credential::Principal);
        let open = || -> Result<Option<Socket<'_>>, Unasked> {
            let request = Request::new(ProbeClass::Active, &call.method, &call.path).credential(credential.clone());
            Ok(site.prober.socket(&request).map_err(|error| unasked(&error))?.ok())
        };
        // Each message on a connection of its own: what one sets off must not answer another.
        let ask = |message: Sent<'_>| -> Result<Option<Answer>, Unasked> {
            let Some(mut socket) = open()? else { return Ok(None) };
            if !socket.send(message) {
                return Ok(Some(Answer::Gone));
            }
            let said = socket.receive(Duration::from_millis(asked.wait_ms.clamp(10, 30_000)));
            let answer = asked.answer(&said);
            socket.close();
            Ok(Some(answer))
        };
        let text = valid.to_string();
        let mut seen = Seen { valid: ask(Sent::Text(text.as_bytes()))?, wrong: vec![] };
        if seen.valid.is_none() {
            return Ok(seen);
        }
        let mut wrong = malformed::of(&valid, &asked.optional);
        wrong.extend(malformed::unknown(&valid, &asked.type_at));
        let mut cut = text.clone().into_bytes();
        cut.extend(b" \xff\xfe");
        for (what, message) in wrong.iter().map(|one| (format!("a message {}", one.name), Sent::Text(&one.bytes))).chain([
            ("a message that is empty".to_owned(), Sent::Text(b"")),
            ("a text that is no UTF-8".to_owned(), Sent::Text(&cut)),
            ("a binary message that is no JSON".to_owned(), Sent::Binary(&[0, 1, 2, 3])),
        ]) {
            let answer = ask(message)?.unwrap_or(Answer::Gone);
            seen.wrong.push(WrongSeen { what, answer });
        }
        Ok(seen)
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let mut findings = Vec::new();
        for WrongSeen { what, answer } in &seen.wrong {
            match answer {
                Answer::Error => {}
                Answer::Closed(code) if asked.close.contains(code) => {}
                Answer::Closed(code) => findings.push(format!("{what} ends the connection with the code {code}")),
                Answer::Message => findings.push(format!("{what} is answered as a right one is")),
                Answer::Gone => findings.push(format!("{what} ends the connection without a word")),
                Answer::Silent => findings.push(format!("{what} is answered with silence: nobody can tell what became of it")),
            }
        }
        let number = seen.wrong.len() as u64;
        Judgement::decide(
            Population { examined: number, required: 1 },
            if seen.valid == Some(Answer::Message) { PositiveControl::Held } else { PositiveControl::Broken },
            findings,
            format!(
                "{} were refused; one in its right form was answered.",
                count(number, "malformed message", "malformed messages")
            ),
        )
    }
}

impl Asked {
    fn answer(&self, said: &Said) -> Answer {
        match said {
            Said::Text(text) => {
                let usual = |text: &str| {
                    let json: Option<serde_json::Value> = serde_json::from_str(text).ok();
                    json.is_some_and(|json| json.get("error").is_some_and(|error| !error.is_null()) || json["type"] == "error")
                };
                let refuses = self.error.as_ref().map_or_else(|| usual(text), |error| error.is_match(text));
                if refuses { Answer::Error } else { Answer::Message }
            }
            Said::Binary(_) => Answer::Message,
            Said::Closed(code) => Answer::Closed(code.unwrap_or(0)),
            Said::Gone => Answer::Gone,
            Said::Silent => Answer::Silent,
        }
    }
}

const ASKED: &str = r#"{"target":"api","route":"socket","principal":"a"}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "wrong messages get an error or a close frame",
        asked: ASKED,
        seen: r#"{"valid":"message","wrong":[{"what":"a message that is no JSON","answer":{"closed":1007}},{"what":"a message without /type","answer":"error"}]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "a message of an unknown type is dispatched",
        asked: ASKED,
        seen: r#"{"valid":"message","wrong":[{"what":"a message with an unknown value at /type","answer":"message"}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the server stumbles over what is no JSON",
        asked: ASKED,
        seen: r#"{"valid":"message","wrong":[{"what":"a message that is no JSON","answer":{"closed":1011}}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "nobody can tell what became of a wrong message",
        asked: ASKED,
        seen: r#"{"valid":"message","wrong":[{"what":"a message without /type","answer":"silent"}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the right message is refused too",
        asked: ASKED,
        seen: r#"{"valid":"error","wrong":[{"what":"a message without /type","answer":"error"}]}"#,
        outcome: Outcome::Error,
    },
    Example { name: "no socket opens", asked: ASKED, seen: r#"{"valid":null,"wrong":[]}"#, outcome: Outcome::Error },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_refuses_when_it_says_so() {
        let usual: Asked = serde_json::from_str(ASKED).unwrap();
        let text = |text: &str| Said::Text(text.to_owned());
        assert_eq!(usual.answer(&text(r#"{"error":{"message":"no"}}"#)), Answer::Error);
        assert_eq!(usual.answer(&text(r#"{"type":"error"}"#)), Answer::Error);
        assert_eq!(usual.answer(&text(r#"{"type":"answer","error":null,"text":"an error"}"#)), Answer::Message);
        assert_eq!(usual.answer(&Said::Closed(None)), Answer::Closed(0));
        let own: Asked = serde_json::from_str(&ASKED.replace(r#""principal""#, r#""error":"^NO ","principal""#)).unwrap();
        assert_eq!(own.answer(&text("NO such thing")), Answer::Error);
        assert_eq!(own.answer(&text(r#"{"type":"error"}"#)), Answer::Message);
    }
}
