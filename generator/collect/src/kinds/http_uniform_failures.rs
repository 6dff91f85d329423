//! `http.uniform-failures`: do all failures to sign in look the same?

use avouch_model::{
    observation::{Population, PositiveControl},
    product::ProbeClass,
    state::Outcome,
};
use avouch_probe::Credential;
use serde::{Deserialize, Serialize};

use super::{
    http_call::{Cause, Site},
    http_form::{Form, Ignored, ignored_body, ignored_headers},
};
use crate::{Example, Judgement, Question, Unasked, Vantage, World};

/// See the module.
pub(super) struct UniformFailures;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    target: String,
    #[serde(default)]
    route: Option<String>,
    #[serde(default)]
    call: Option<String>,
    principal: String,
    causes: Vec<Cause>,
    #[serde(default = "unauthorized")]
    status: u16,
    #[serde(default)]
    code: Option<String>,
    #[serde(default = "code_at")]
    code_at: String,
    #[serde(default = "ignored_headers")]
    ignore_headers: Vec<String>,
    #[serde(default = "ignored_body")]
    ignore_body: Vec<String>,
}

const fn unauthorized() -> u16 {
    401
}

fn code_at() -> String {
    "/error/code".to_owned()
}

/// The answer to the valid principal, and to each cause of failure.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    valid_status: u16,
    valid_expected: u16,
    causes: Vec<Failure>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Failure {
    name: String,
    form: Form,
    /// Whether the body carries the expected code; none when no code is expected.
    code: Option<bool>,
}

impl Question for UniformFailures {
    const ID: &'static str = "http.uniform-failures";
    const QUESTION: &'static str = "Do all failures to authenticate look the same?";
    const VANTAGE: Vantage = Vantage::Target(ProbeClass::Active);
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/http-uniform-failures.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        let site = Site::of(world, &asked.target)?;
        let call = site.call(asked.route.as_deref(), asked.call.as_deref())?;
        let ask = |credential| {
            let request = call.request(ProbeClass::Active, credential);
            site.ask(&request)
        };
        let ignored = Ignored { headers: &asked.ignore_headers, body: &asked.ignore_body };
        let mut causes = Vec::new();
        for cause in &asked.causes {
            let answer = ask(cause.credential(&asked.principal)?)?;
            let code = asked.code.as_ref().map(|code| {
                let json = answer.json();
                json.as_ref().and_then(|json| json.pointer(&asked.code_at)).and_then(|found| found.as_str()) == Some(code)
            });
            causes.push(Failure { name: cause.name.clone(), form: Form::of(&answer, &ignored, &[]), code });
        }
        // Last, so that what the failures set off (a lock, a limit) is seen to leave the valid one alone.
        let credential = Credential::Principal(asked.principal.clone());
        let valid = ask(credential.clone())?;
        if let Some(route) = asked.route.as_deref() {
            site.undo(site.route(route)?, &valid, &credential);
        }
        Ok(Seen { valid_status: valid.status, valid_expected: call.ok, causes })
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let mut findings = Vec::new();
        for failure in &seen.causes {
            if failure.form.status != asked.status {
                let (name, status, expected) = (&failure.name, failure.form.status, asked.status);
                findings.push(format!("`{name}` is answered with {status}, expected {expected}"));
            }
            if failure.code == Some(false) {
                findings.push(format!(
                    "`{}` is answered without the code `{}`",
                    failure.name,
                    asked.code.as_deref().unwrap_or("")
                ));
            }
        }
        if let Some((first, rest)) = seen.causes.split_first() {
            for other in rest {
                let differences = first.form.differences(&other.form);
                if !differences.is_empty() {
                    let (left, right) = (&first.name, &other.name);
                    findings.push(format!("`{left}` and `{right}` can be told apart by {}", differences.join(", ")));
                }
            }
        }
        let held = seen.valid_status == seen.valid_expected && seen.valid_status != asked.status;
        Judgement::decide(
            Population { examined: seen.causes.len() as u64, required: 2 },
            if held { PositiveControl::Held } else { PositiveControl::Broken },
            findings,
            format!("{} causes of failure are answered alike, with {}.", seen.causes.len(), asked.status),
        )
    }
}

const ASKED: &str = r#"{"target":"api","route":"list","principal":"a","causes":[
    {"name":"no credential","credential":"none"},{"name":"expired key","principal":"expired"}],"code":"UNAUTHORIZED"}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "two causes are answered alike",
        asked: ASKED,
        seen: r#"{"valid_status":200,"valid_expected":200,"causes":[
            {"name":"no credential","code":true,"form":{"status":401,"headers":{},"body":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","body_bytes":40}},
            {"name":"expired key","code":true,"form":{"status":401,"headers":{},"body":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","body_bytes":40}}]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "the answer to an expired key says so",
        asked: ASKED,
        seen: r#"{"valid_status":200,"valid_expected":200,"causes":[
            {"name":"no credential","code":true,"form":{"status":401,"headers":{},"body":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","body_bytes":40}},
            {"name":"expired key","code":true,"form":{"status":401,"headers":{},"body":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b866","body_bytes":52}}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "an expired key still lets in",
        asked: ASKED,
        seen: r#"{"valid_status":200,"valid_expected":200,"causes":[
            {"name":"no credential","code":true,"form":{"status":401,"headers":{},"body":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","body_bytes":40}},
            {"name":"expired key","code":false,"form":{"status":200,"headers":{},"body":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","body_bytes":40}}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the valid key is refused too, so nothing was told apart",
        asked: ASKED,
        seen: r#"{"valid_status":401,"valid_expected":200,"causes":[
            {"name":"no credential","code":true,"form":{"status":401,"headers":{},"body":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","body_bytes":40}},
            {"name":"expired key","code":true,"form":{"status":401,"headers":{},"body":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","body_bytes":40}}]}"#,
        outcome: Outcome::Error,
    },
    Example {
        name: "one cause alone cannot be compared",
        asked: ASKED,
        seen: r#"{"valid_status":200,"valid_expected":200,"causes":[
            {"name":"no credential","code":true,"form":{"status":401,"headers":{},"body":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","body_bytes":40}}]}"#,
        outcome: Outcome::NotExercised,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        kinds::http_testing::{Caps, ask, json, serve, target},
        testing::Scene,
    };

    fn outcome(expired: &'static str) -> Outcome {
        let at = serve(Caps::NONE, move |got| {
            let key = got.header("authorization").to_owned();
            let say = |why: &str| {
                json(401, format!(r#"{{"error":{{"code":"UNAUTHORIZED","message":"{why}","requestId":"{}"}}}}"#, got.peer))
            };
            if key == "Bearer ck_live_AAAAAAAAAAAAAAAA0123456789" {
                json(200, "{}")
            } else if key.contains("BBBB") {
                say(expired)
            } else {
                say("no")
            }
        });
        let asked = r#"{"target":"api","call":"GET /v1","principal":"a","code":"UNAUTHORIZED","causes":[
            {"name":"none","credential":"none"},{"name":"malformed","credential":"malformed"},
            {"name":"unknown","credential":"unknown"},{"name":"altered","credential":"altered"},
            {"name":"expired","principal":"b"}]}"#;
        ask::<UniformFailures>(Scene::default(), &target(at), asked).outcome
    }

    #[test]
    fn an_answer_that_says_why_is_found() {
        assert_eq!(outcome("no"), Outcome::Pass);
        assert_eq!(outcome("ex"), Outcome::Fail);
        assert_eq!(outcome("expired"), Outcome::Fail);
    }
}
