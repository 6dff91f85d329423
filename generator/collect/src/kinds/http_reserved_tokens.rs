//! `http.reserved-tokens`: do control tokens of the host reach the prompt that is made of a caller's text?

use avouch_model::{
    observation::{Population, PositiveControl},
    product::ProbeClass,
    state::Outcome,
};
use avouch_probe::{Credential, Request, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::http_call::{Site, apart, edited, is_success, not_all};
use crate::{Example, Judgement, Question, Unasked, Vantage, World};

/// See the module.
pub(super) struct ReservedTokens;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    target: String,
    /// The call that makes a prompt of what it is sent, and answers with it.
    route: String,
    #[serde(default)]
    principal: Option<String>,
    /// JSON Pointers to the texts in the body of the route; one text may hold several, separated by commas.
    arguments: Vec<String>,
    tokens: Vec<String>,
    /// Statuses that refuse a text.
    #[serde(default = "refusals")]
    status: Vec<u16>,
}

fn refusals() -> Vec<u16> {
    vec![400, 422]
}

/// How a token is written into a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Form {
    Plain,
    /// One inside of itself: taking it out once leaves one.
    Nested,
    /// One inside of another: taking them out one after another may leave one.
    Crossed,
    /// In full-width letters, which compatibility normalisation (Unicode Annex 15, NFKC) makes plain.
    Wide,
    /// With a character of no width inside, which is often taken out for tidiness.
    Parted,
}

impl Form {
    const ALL: [Self; 5] = [Self::Plain, Self::Nested, Self::Crossed, Self::Wide, Self::Parted];

    /// The token of this index, written in this form.
    fn written(self, tokens: &[String], index: usize) -> String {
        let token = tokens.get(index).map_or("", String::as_str);
        let middle = token.chars().count() / 2;
        let with_inside = |inside: &str| {
            let (first, last): (String, String) = (token.chars().take(middle).collect(), token.chars().skip(middle).collect());
            format!("{first}{inside}{last}")
        };
        match self {
            Self::Plain => token.to_owned(),
            Self::Nested => with_inside(token),
            Self::Crossed => with_inside(tokens.get((index + 1) % tokens.len()).map_or("", String::as_str)),
            Self::Wide => token.chars().map(wide).collect(),
            Self::Parted => with_inside("\u{200b}"),
        }
    }

    const fn told(self) -> &'static str {
        match self {
            Self::Plain => "as it is",
            Self::Nested => "wrapped into itself",
            Self::Crossed => "wrapped into another",
            Self::Wide => "in full-width letters",
            Self::Parted => "with a character of no width inside",
        }
    }
}

/// The full-width form of a printable ASCII character (Unicode block Halfwidth and Fullwidth Forms).
fn wide(letter: char) -> char {
    match u32::from(letter) {
        code @ 0x21..=0x7e => char::from_u32(code + 0xfee0).unwrap_or(letter),
        _ => letter,
    }
}

/// What came of each argument; never what an answer says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    arguments: Vec<Argument>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Argument {
    at: String,
    /// Whether an ordinary text in it came through.
    reached: bool,
    tried: Vec<Tried>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tried {
    form: Form,
    status: u16,
    /// Whether the answer says that the text was not taken.
    refused: bool,
    /// Which tokens are more often in the answer than in that to the ordinary text, from 0.
    through: Vec<usize>,
    /// Whether the answer could be read to its end, and says something.
    whole: bool,
}

impl Question for ReservedTokens {
    const ID: &'static str = "http.reserved-tokens";
    const QUESTION: &'static str = "Do control tokens of the host reach the prompt that is made of a caller's text?";
    const VANTAGE: Vantage = Vantage::Target(ProbeClass::Active);
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/http-reserved-tokens.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        if asked.tokens.iter().any(|token| token.chars().count() < 2) || asked.tokens.is_empty() {
            return Err(Unasked("`tokens` lists the control tokens of the host, each of two characters or more".to_owned()));
        }
        let site = Site::of(world, &asked.target)?;
        let route = site.route(&asked.route)?;
        let credential = asked.principal.clone().map_or(Credential::None, Credential::Principal);
        let put = |at: &str, text: &str| -> Result<Request, Unasked> {
            let mut call = site.call_of(route)?;
            let body = call.body.as_deref().ok_or_else(|| Unasked(format!("give the route `{}` a `body` file", asked.route)))?;
            let with = edited(body, [(at, Some(&Value::from(text)))]);
            call.body = Some(with.map_err(|what| Unasked(format!("the body of `{}` {what}", asked.route)))?);
            // Both forms in which a server of the Model Context Protocol answers (2025-06-18, Transports, Streamable HTTP).
            let request = call.request(ProbeClass::Active, credential.clone());
            Ok(request.header("Accept", "application/json, text/event-stream"))
        };
        let forms: Vec<Form> = Form::ALL.into_iter().filter(|form| *form != Form::Crossed || asked.tokens.len() > 1).collect();
        // Of each argument, the ordinary text and then the tokens in each form.
        let (mut requests, mut each) = (Vec::new(), Vec::new());
        for at in apart(&asked.arguments) {
            let words: Vec<String> = (0..=asked.tokens.len()).map(|_| site.random()).collect();
            requests.push(put(at, &words.join(" "))?);
            for form in &forms {
                let between = |index: usize, word: &String| match asked.tokens.len() {
                    last if index == last => word.clone(),
                    _ => format!("{word} {} ", form.written(&asked.tokens, index)),
                };
                let text: String = words.iter().enumerate().map(|(index, word)| between(index, word)).collect();
                requests.push(put(at, &text)?);
            }
            each.push((at, words));
        }
        let mut answers = site.try_together(Some(route), requests, &credential)?.into_iter();
        let mut answer = || answers.next().map(|(answer, _)| answer).ok_or_else(not_all);
        let mut arguments = Vec::new();
        for (at, words) in each {
            let ordinary = answer()?;
            let said = texts(&ordinary);
            let reached =
                ordinary.status == route.ok && !refuses(&ordinary) && words.iter().all(|word| said.contains(word.as_str()));
            let mut tried = Vec::new();
            for &form in &forms {
                let answer = answer()?;
                let got = texts(&answer);
                let more = |token: &&String| got.matches(token.as_str()).count() > said.matches(token.as_str()).count();
                tried.push(Tried {
                    form,
                    status: answer.status,
                    refused: asked.status.contains(&answer.status) || (answer.status == route.ok && refuses(&answer)),
                    through: (0..).zip(&asked.tokens).filter(|(_, token)| more(token)).map(|(index, _)| index).collect(),
                    whole: !answer.truncated && !got.is_empty(),
                });
            }
            arguments.push(Argument { at: at.to_owned(), reached, tried });
        }
        Ok(Seen { arguments })
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let (mut findings, mut conclusive, mut refused, mut tried) = (Vec::new(), 0, 0, 0);
        for argument in &seen.arguments {
            for one in &argument.tried {
                tried += 1;
                let tokens = one.through.iter().filter_map(|index| asked.tokens.get(*index));
                let tokens: Vec<String> = tokens.map(|token| format!("`{}`", token.escape_debug())).collect();
                if !tokens.is_empty() {
                    let which = tokens.join(", ");
                    findings.push(format!("{}: {which}, sent {}, came through", argument.at, one.form.told()));
                } else if one.refused {
                    refused += 1;
                } else if !one.whole || !is_success(one.status) {
                    continue;
                }
                conclusive += 1;
            }
        }
        let reached = !seen.arguments.is_empty() && seen.arguments.iter().all(|argument| argument.reached);
        Judgement::decide(
            Population { examined: conclusive, required: tried.max(1) },
            if reached { PositiveControl::Held } else { PositiveControl::Broken },
            findings,
            format!(
                "{} control tokens in {} arguments came through in none of {conclusive} answers; {refused} of them refuse.",
                asked.tokens.len(),
                seen.arguments.len()
            ),
        )
    }
}

/// Whether an answer that came as a success says that the call was not done: an error of JSON-RPC 2.0 (section 5.1) for wrong
/// parameters, or a tool's own (Model Context Protocol 2025-06-18, Tools, Error Handling).
fn refuses(answer: &Response) -> bool {
    const INVALID_PARAMS: i64 = -32_602;
    let refusing = |message: &Value| {
        message.pointer("/error/code").and_then(Value::as_i64) == Some(INVALID_PARAMS)
            || message.pointer("/result/isError") == Some(&Value::Bool(true))
    };
    messages(answer).is_some_and(|messages| messages.iter().any(refusing))
}

/// What an answer says: the texts of its JSON with their escapes read, or itself.
fn texts(answer: &Response) -> String {
    let Some(messages) = messages(answer) else { return answer.text().into_owned() };
    let mut into = String::new();
    messages.iter().for_each(|message| collect(message, &mut into));
    into
}

/// The JSON of an answer, or of the data of its server-sent events (HTML Living Standard, section 9.2.6).
fn messages(answer: &Response) -> Option<Vec<Value>> {
    if let Some(json) = answer.json() {
        return Some(vec![json]);
    }
    answer.header("content-type").filter(|media| media.trim_start().starts_with("text/event-stream"))?;
    let text = answer.text().replace("\r\n", "\n");
    let data = |event: &str| -> Option<Value> {
        let lines: Vec<&str> = event.lines().filter_map(|line| line.strip_prefix("data:")).collect();
        serde_json::from_str(&lines.join("\n")).ok()
    };
    Some(text.split("\n\n").filter_map(data).collect())
}

/// Every text of a value, a line each. `serde_json` bounds the depth.
fn collect(value: &Value, into: &mut String) {
    match value {
        Value::String(text) => {
            into.push_str(text);
            into.push('\n');
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, into)),
        Value::Object(members) => {
            for (name, member) in members {
                into.push_str(name);
                into.push('\n');
                collect(member, into);
            }
        }
        _ => {}
    }
}

const ASKED: &str = r#"{"target":"api","route":"tool","arguments":["/arguments/topic"],"tokens":["<|im_start|>","[INST]"]}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "tokens are taken out",
        asked: ASKED,
        seen: r#"{"arguments":[{"at":"/arguments/topic","reached":true,"tried":[
            {"form":"plain","status":200,"refused":false,"through":[],"whole":true},
            {"form":"nested","status":200,"refused":true,"through":[],"whole":true}]}]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "a token that was wrapped into itself is whole again",
        asked: ASKED,
        seen: r#"{"arguments":[{"at":"/arguments/topic","reached":true,"tried":[
            {"form":"plain","status":200,"refused":false,"through":[],"whole":true},
            {"form":"nested","status":200,"refused":false,"through":[0],"whole":true}]}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the service falls over",
        asked: ASKED,
        seen: r#"{"arguments":[{"at":"/arguments/topic","reached":true,"tried":[
            {"form":"plain","status":500,"refused":false,"through":[],"whole":true}]}]}"#,
        outcome: Outcome::NotExercised,
    },
    Example {
        name: "not even an ordinary text came through",
        asked: ASKED,
        seen: r#"{"arguments":[{"at":"/arguments/topic","reached":false,"tried":[
            {"form":"plain","status":200,"refused":false,"through":[],"whole":true}]}]}"#,
        outcome: Outcome::Error,
    },
    Example { name: "no argument is named", asked: ASKED, seen: r#"{"arguments":[]}"#, outcome: Outcome::Error },
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        kinds::http_testing::{Caps, Got, ask, json as answer, route, serve, target},
        testing::Scene,
    };

    const TOKENS: [&str; 2] = ["<|im_start|>", "[INST]"];

    /// A service that answers with its own framing, of which the tokens are a part, and what `clean` makes of the argument.
    fn judged(clean: fn(&str) -> Option<String>, stream: bool) -> Judgement {
        let at = serve(Caps::NONE, move |got: &Got| {
            let sent: Value = serde_json::from_slice(&got.body).unwrap();
            let message = match clean(sent["arguments"]["topic"].as_str().unwrap()) {
                Some(text) => json!({"result": {"content": [{"type": "text", "text": format!("<|im_start|>user\n{text}")}]}}),
                None => json!({"error": {"code": -32_602, "message": "no control tokens"}}),
            };
            // As many serialisers escape what may stand in HTML.
            let message = message.to_string().replace('<', "\\u003c");
            if stream {
                return (
                    200,
                    vec![("Content-Type", "text/event-stream".to_owned())],
                    format!("event: message\ndata: {message}\n\n"),
                );
            }
            answer(200, message)
        });
        let mut target = target(at);
        let (name, mut tool) = route("tool", "POST /mcp", 200);
        tool.body = Some("tool.json".to_owned());
        target.routes = [(name, tool)].into();
        ask::<ReservedTokens>(Scene::of([("tool.json", r#"{"arguments":{"topic":"weather"}}"#)]), &target, ASKED)
    }

    fn once(text: &str) -> String {
        TOKENS.iter().fold(text.to_owned(), |text, token| text.replace(token, ""))
    }

    fn until_none(text: &str) -> Option<String> {
        let mut text = text.to_owned();
        while once(&text) != text {
            text = once(&text);
        }
        Some(text)
    }

    #[test]
    fn what_is_taken_out_for_good_or_refused_passes() {
        let refuse = |text: &str| (until_none(text).as_deref() == Some(text)).then(|| text.to_owned());
        for stream in [false, true] {
            for clean in [until_none, refuse] {
                let judgement = judged(clean, stream);
                assert_eq!(judgement.outcome, Outcome::Pass, "{:?}", judgement.findings);
            }
        }
    }

    #[test]
    fn what_comes_through_in_any_form_is_found() {
        let found = |clean: fn(&str) -> Option<String>| judged(clean, false).findings.join("\n");
        assert!(found(|text| Some(text.to_owned())).contains("as it is"));
        assert!(found(|text| Some(once(text))).contains("wrapped into itself"));
        assert!(found(|text| Some(until_none(text)?.replace('\u{200b}', ""))).contains("no width"));
        let plain_after = |text: &str| {
            let clean = until_none(text)?;
            Some(
                clean
                    .chars()
                    .map(|letter| {
                        char::from_u32(u32::from(letter).wrapping_sub(0xfee0)).filter(char::is_ascii_graphic).unwrap_or(letter)
                    })
                    .collect(),
            )
        };
        assert!(found(plain_after).contains("full-width"));
        // Each token until it is gone, one after the other: the second leaves the first.
        let one_by_one = |text: &str| {
            let mut text = text.to_owned();
            for token in TOKENS {
                while text.contains(token) {
                    text = text.replace(token, "");
                }
            }
            Some(text)
        };
        assert!(found(one_by_one).contains("wrapped into another"));
    }

    #[test]
    fn an_argument_that_no_prompt_is_made_of_shows_nothing() {
        assert_eq!(judged(|_| Some("something else".to_owned()), false).outcome, Outcome::Error);
    }
}
