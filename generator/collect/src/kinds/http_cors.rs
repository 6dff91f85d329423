//! `http.cors`: which origins may read answers?

use std::collections::BTreeSet;

use avouch_model::{
    observation::{Population, PositiveControl},
    product::ProbeClass,
    state::Outcome,
};
use avouch_probe::{Credential, Request, Response};
use serde::{Deserialize, Serialize};

use super::http_call::{Call, Site, unasked};
use crate::{Example, Judgement, Question, Unasked, Vantage, World};

/// See the module.
pub(super) struct Cors;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    target: String,
    #[serde(default)]
    route: Option<String>,
    #[serde(default)]
    call: Option<String>,
    mode: Mode,
    allowed: Vec<String>,
    #[serde(default)]
    others: Vec<String>,
    #[serde(default)]
    principal: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mode {
    Request,
    Preflight,
    Credentials,
}

/// The answers to each origin.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    allowed: Vec<Told>,
    others: Vec<Told>,
}

/// What one origin was told.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    origin: String,
    preflight: bool,
    status: u16,
    /// Whether the status is that of success: the route's own, 200 or 204 for a preflight.
    ok: bool,
    allows: Allows,
    credentials: bool,
    vary: bool,
}

/// What Access-Control-Allow-Origin says, seen from the origin that asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Allows {
    Nothing,
    ThisOrigin,
    AnyOrigin,
    Null,
    Another,
}

impl Question for Cors {
    const ID: &'static str = "http.cors";
    const QUESTION: &'static str = "Are answers readable for the listed origins and for no other?";
    const VANTAGE: Vantage = Vantage::Target(ProbeClass::Active);
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/http-cors.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        let site = Site::of(world, &asked.target)?;
        let call = site.call(asked.route.as_deref(), asked.call.as_deref())?;
        if asked.allowed.is_empty() {
            return Err(Unasked("`allowed` is empty: name an origin that must be allowed".to_owned()));
        }
        let credential = match (&asked.principal, asked.mode) {
            (Some(principal), _) => Credential::Principal(principal.clone()),
            (None, Mode::Preflight) => Credential::None,
            (None, _) => return Err(Unasked("this mode needs a `principal`".to_owned())),
        };
        let ways: &[bool] = match asked.mode {
            Mode::Request => &[false],
            Mode::Preflight => &[true],
            Mode::Credentials => &[false, true],
        };
        let mut others: BTreeSet<String> = asked.allowed.iter().flat_map(|origin| hostile(origin)).collect();
        others.extend(asked.others.iter().cloned());
        others.retain(|origin| !asked.allowed.contains(origin));
        let ask = |origins: &mut dyn Iterator<Item = &String>| -> Result<Vec<Told>, Unasked> {
            let mut told = Vec::new();
            for origin in origins {
                for &preflight in ways {
                    let request = request(&call, origin, preflight, &credential);
                    let answer = site.prober.send(&request).map_err(|error| unasked(&error))?;
                    told.push(read(origin, preflight, call.ok, &answer));
                }
            }
            Ok(told)
        };
        Ok(Seen { allowed: ask(&mut asked.allowed.iter())?, others: ask(&mut others.iter())? })
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let mut findings = Vec::new();
        for told in seen.allowed.iter().chain(&seen.others) {
            let way = if told.preflight { "a preflight" } else { "a request" };
            if told.allows == Allows::AnyOrigin && told.credentials {
                findings.push(format!("{way} from {} is told `*` together with credentials", told.origin));
            }
            if asked.mode == Mode::Credentials && told.allows == Allows::ThisOrigin && !told.vary {
                findings.push(format!("{way} from {} is allowed without `Vary: Origin`", told.origin));
            }
        }
        for told in &seen.others {
            let way = if told.preflight { "a preflight" } else { "a request" };
            let allowed = matches!(told.allows, Allows::ThisOrigin | Allows::AnyOrigin | Allows::Null);
            if allowed && asked.mode != Mode::Credentials {
                findings.push(format!("{way} from the unlisted origin {} is allowed", told.origin));
            }
            if told.allows == Allows::ThisOrigin && told.credentials {
                findings.push(format!("{way} from the unlisted origin {} is allowed with credentials", told.origin));
            }
        }
        if asked.mode != Mode::Credentials {
            for told in seen.allowed.iter().filter(|told| told.allows != Allows::ThisOrigin) {
                findings.push(format!("the listed origin {} is not told that it is allowed", told.origin));
            }
        }
        let heard = |told: &Told| told.ok && (asked.mode != Mode::Credentials || told.allows != Allows::Nothing);
        let held = !seen.allowed.is_empty() && seen.allowed.iter().all(heard);
        Judgement::decide(
            Population { examined: seen.others.len() as u64, required: 5 },
            if held { PositiveControl::Held } else { PositiveControl::Broken },
            findings,
            match asked.mode {
                Mode::Request => "Listed origins may read answers; unlisted and hostile origins may not.",
                Mode::Preflight => "Preflights of listed origins are granted; those of unlisted and hostile origins are not.",
                Mode::Credentials => "No wildcard comes with credentials, and every answer to an origin says that it varies.",
            },
        )
    }
}

/// Origins that a careless comparison takes for this one, and those that belong to nobody.
fn hostile(origin: &str) -> Vec<String> {
    let mut list = vec!["null".to_owned(), "https://evil.example".to_owned()];
    if let Some((scheme, host)) = origin.split_once("://") {
        list.push(format!("{scheme}://{host}.evil.example"));
        list.push(format!("{scheme}://evil{host}"));
        list.push(format!("{scheme}://sub.{host}"));
        if !host.contains(':') {
            list.push(format!("{scheme}://{host}:8443"));
        }
        if scheme == "https" {
            list.push(format!("http://{host}"));
        }
        // An unescaped dot in a pattern matches any character.
        if let Some((name, rest)) = host.split_once('.') {
            list.push(format!("{scheme}://{name}x{rest}"));
        }
    }
    list
}

fn request(call: &Call, origin: &str, preflight: bool, credential: &Credential) -> Request {
    if preflight {
        // A preflight carries no credential (Fetch standard, "CORS-preflight fetch").
        return Request::new(ProbeClass::Active, "OPTIONS", &call.path)
            .header("Origin", origin)
            .header("Access-Control-Request-Method", &call.method)
            .header("Access-Control-Request-Headers", "authorization,content-type");
    }
    call.request(ProbeClass::Active, credential.clone()).header("Origin", origin)
}

fn read(origin: &str, preflight: bool, ok: u16, answer: &Response) -> Told {
    let allowed: Vec<&str> = answer.headers_named("access-control-allow-origin").map(str::trim).collect();
    let allows = match allowed.as_slice() {
        [] => Allows::Nothing,
        list if list.contains(&"*") => Allows::AnyOrigin,
        list if list.contains(&origin) && origin != "null" => Allows::ThisOrigin,
        list if list.contains(&"null") => Allows::Null,
        _ => Allows::Another,
    };
    let says = |name: &str, word: &str| {
        answer.headers_named(name).flat_map(|value| value.split(',')).any(|part| part.trim().eq_ignore_ascii_case(word))
    };
    Told {
        origin: origin.to_owned(),
        preflight,
        status: answer.status,
        ok: if preflight { matches!(answer.status, 200 | 204) } else { answer.status == ok },
        allows,
        credentials: says("access-control-allow-credentials", "true"),
        vary: says("vary", "origin") || says("vary", "*"),
    }
}

const ASKED: &str = r#"{"target":"api","route":"list","mode":"request","allowed":["https://app.example"],"principal":"a"}"#;
const CREDENTIALS: &str =
    r#"{"target":"api","route":"list","mode":"credentials","allowed":["https://app.example"],"principal":"a"}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "the listed origin is allowed and no other",
        asked: ASKED,
        seen: r#"{"allowed":[{"origin":"https://app.example","preflight":false,"status":200,"ok":true,"allows":"this_origin","credentials":false,"vary":true}],
            "others":[
            {"origin":"null","preflight":false,"status":200,"ok":true,"allows":"nothing","credentials":false,"vary":true},
            {"origin":"https://evil.example","preflight":false,"status":200,"ok":true,"allows":"nothing","credentials":false,"vary":true},
            {"origin":"http://app.example","preflight":false,"status":200,"ok":true,"allows":"nothing","credentials":false,"vary":true},
            {"origin":"https://sub.app.example","preflight":false,"status":200,"ok":true,"allows":"another","credentials":false,"vary":true},
            {"origin":"https://app.example.evil.example","preflight":false,"status":403,"ok":false,"allows":"nothing","credentials":false,"vary":true}]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "any origin is reflected",
        asked: ASKED,
        seen: r#"{"allowed":[{"origin":"https://app.example","preflight":false,"status":200,"ok":true,"allows":"this_origin","credentials":false,"vary":true}],
            "others":[{"origin":"https://evil.example","preflight":false,"status":200,"ok":true,"allows":"this_origin","credentials":false,"vary":true}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "a wildcard comes with credentials",
        asked: CREDENTIALS,
        seen: r#"{"allowed":[{"origin":"https://app.example","preflight":false,"status":200,"ok":true,"allows":"any_origin","credentials":true,"vary":false}],
            "others":[{"origin":"https://evil.example","preflight":false,"status":200,"ok":true,"allows":"any_origin","credentials":true,"vary":false}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "an answer to one origin does not say that it varies",
        asked: CREDENTIALS,
        seen: r#"{"allowed":[{"origin":"https://app.example","preflight":false,"status":200,"ok":true,"allows":"this_origin","credentials":true,"vary":false}],
            "others":[{"origin":"https://evil.example","preflight":false,"status":200,"ok":true,"allows":"nothing","credentials":false,"vary":false}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "a refused request shows nothing about origins",
        asked: ASKED,
        seen: r#"{"allowed":[{"origin":"https://app.example","preflight":false,"status":401,"ok":false,"allows":"nothing","credentials":false,"vary":false}],"others":[]}"#,
        outcome: Outcome::Error,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        kinds::http_testing::{Caps, ask, serve, target},
        testing::Scene,
    };

    fn outcome(mode: &str, allows: fn(&str) -> Option<String>, vary: bool) -> Outcome {
        let at = serve(Caps::NONE, move |got| {
            let mut headers = vec![];
            if let Some(origin) = allows(got.header("origin")) {
                headers.push(("Access-Control-Allow-Origin", origin));
                headers.push(("Access-Control-Allow-Credentials", "true".to_owned()));
            }
            if vary {
                headers.push(("Vary", "Accept, Origin".to_owned()));
            }
            (if got.method == "OPTIONS" { 204 } else { 200 }, headers, String::new())
        });
        let asked = format!(
            r#"{{"target":"api","call":"GET /v1","mode":"{mode}","allowed":["https://app.example.com"],"principal":"a"}}"#
        );
        ask::<Cors>(Scene::default(), &target(at), &asked).outcome
    }

    #[test]
    fn careless_comparisons_of_origins_are_found() {
        let exact = |origin: &str| (origin == "https://app.example.com").then(|| origin.to_owned());
        let suffix = |origin: &str| origin.ends_with("app.example.com").then(|| origin.to_owned());
        let prefix = |origin: &str| origin.starts_with("https://app.example.com").then(|| origin.to_owned());
        let null = |origin: &str| matches!(origin, "null" | "https://app.example.com").then(|| origin.to_owned());
        for mode in ["request", "preflight"] {
            assert_eq!(outcome(mode, exact, true), Outcome::Pass, "{mode}");
            for careless in [suffix, prefix, null, |origin: &str| Some(origin.to_owned())] {
                assert_eq!(outcome(mode, careless, true), Outcome::Fail, "{mode}");
            }
            assert_eq!(outcome(mode, |_| None, true), Outcome::Fail, "{mode}");
        }
    }

    #[test]
    fn a_wildcard_with_credentials_and_a_missing_vary_are_found() {
        let exact = |origin: &str| (origin == "https://app.example.com").then(|| origin.to_owned());
        assert_eq!(outcome("credentials", exact, true), Outcome::Pass);
        assert_eq!(outcome("credentials", exact, false), Outcome::Fail);
        assert_eq!(outcome("credentials", |_| Some("*".to_owned()), true), Outcome::Fail);
        assert_eq!(outcome("credentials", |_| None, true), Outcome::Error);
    }
}
