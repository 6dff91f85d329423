//! `http.cors`: which origins may read answers?

use std::{collections::BTreeMap, fmt};

use avouch_model::{
    observation::{Population, PositiveControl},
    product::ProbeClass,
    state::Outcome,
};
use avouch_probe::{Credential, Request, Response};
use serde::{Deserialize, Serialize};

use super::http_call::{Call, Site};
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
    /// What a request without a credential is told, where wildcards and credentials are asked about: a refusal is often
    /// written elsewhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    refused: Vec<Told>,
}

/// What one origin was told.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    origin: String,
    class: Class,
    preflight: bool,
    status: u16,
    /// Whether the status is that of success: the route's own, 200 or 204 for a preflight.
    ok: bool,
    allows: Allows,
    credentials: bool,
    vary: bool,
}

/// What sort of origin asked: what an answer to it shows of how origins are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Class {
    Listed,
    /// One that the check names as belonging to somebody else.
    Other,
    /// One that has nothing to do with a listed one.
    Foreign,
    Null,
    /// A page on the visitor's own machine: left in a list since development.
    Local,
    /// Begins with a listed one.
    Prefix,
    /// Ends with the host of a listed one.
    Suffix,
    /// Has another character where a listed one has a dot.
    Dot,
    Subdomain,
    Scheme,
    Port,
}

impl fmt::Display for Class {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Listed => "listed",
            Self::Other => "other: an origin of somebody else is allowed",
            Self::Foreign => "reflected: any origin is allowed",
            Self::Null => "null: the origin of a sandboxed frame or a local file is allowed",
            Self::Local => "local: any page that is served on the visitor's own machine is allowed",
            Self::Prefix => "prefix: an origin that only begins like a listed one is allowed",
            Self::Suffix => "suffix: an origin that only ends like a listed one is allowed",
            Self::Dot => "dot: an origin with another character for a dot is allowed",
            Self::Subdomain => "subdomain: an origin below a listed one is allowed",
            Self::Scheme => "scheme: the plain http twin of a listed origin is allowed",
            Self::Port => "port: a listed host at another port is allowed",
        })
    }
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
        // Where nothing is listed, look-alikes of the target's own origin are asked for.
        let own = [site.target.url.clone()];
        let models = if asked.allowed.is_empty() { &own } else { asked.allowed.as_slice() };
        let mut others: BTreeMap<String, Class> = asked.others.iter().map(|origin| (origin.clone(), Class::Other)).collect();
        for (class, origin) in models.iter().flat_map(|origin| hostile(origin)) {
            others.entry(origin).or_insert(class);
        }
        others.retain(|origin, _| !asked.allowed.contains(origin));
        let ask = |origins: &mut dyn Iterator<Item = (&String, Class)>| -> Result<Vec<Told>, Unasked> {
            let each: Vec<_> = origins.flat_map(|origin| ways.iter().map(move |&preflight| (origin, preflight))).collect();
            let requests = each.iter().map(|((origin, _), preflight)| request(&call, origin, *preflight, &credential)).collect();
            let sent = site.ask_together(requests)?;
            let told = each.into_iter().zip(sent).map(|((origin, preflight), answer)| {
                let answer = answer?;
                Ok(read((origin.0, origin.1), preflight, call.ok, &answer))
            });
            told.collect()
        };
        let allowed = ask(&mut asked.allowed.iter().map(|origin| (origin, Class::Listed)))?;
        let mut refused = Vec::new();
        let foreign = others.iter().filter(|(_, class)| **class == Class::Foreign).map(|(origin, class)| (origin, *class));
        let listed = asked.allowed.iter().map(|origin| (origin, Class::Listed)).take(1);
        for (origin, class) in listed.chain(foreign).filter(|_| asked.mode == Mode::Credentials) {
            let request = request(&call, origin, false, &Credential::None);
            let answer = site.ask(&request)?;
            refused.push(read((origin, class), false, call.ok, &answer));
        }
        Ok(Seen { allowed, others: ask(&mut others.iter().map(|(origin, class)| (origin, *class)))?, refused })
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let mut findings = Vec::new();
        let ways = |told: &Told| if told.preflight { "a preflight" } else { "a request" };
        let heard = seen.allowed.iter().chain(&seen.others).map(|told| (told, ways(told)));
        for (told, way) in heard.chain(seen.refused.iter().map(|told| (told, "a request without a credential"))) {
            if told.allows == Allows::AnyOrigin && told.credentials {
                findings.push(format!("{way} from {} is told `*` together with credentials", told.origin));
            }
            if asked.mode == Mode::Credentials && told.allows == Allows::ThisOrigin && !told.vary {
                findings.push(format!("{way} from {} is allowed without `Vary: Origin`", told.origin));
            }
        }
        // What is reflected whatever it is says nothing more about the ways of comparing.
        let let_in = |told: &Told| match asked.mode {
            Mode::Credentials => told.allows == Allows::ThisOrigin && told.credentials,
            // `null` is an answer to documents without an origin, whoever asked.
            _ => match told.allows {
                Allows::ThisOrigin | Allows::AnyOrigin => true,
                Allows::Null => told.class == Class::Null,
                Allows::Nothing | Allows::Another => false,
            },
        };
        for preflight in [false, true] {
            let asked_so = || seen.others.iter().filter(|told| told.preflight == preflight && let_in(told));
            let reflected = asked_so().any(|told| told.class == Class::Foreign);
            for told in asked_so().filter(|told| !reflected || matches!(told.class, Class::Foreign | Class::Other)) {
                let way = if preflight { "a preflight" } else { "a request" };
                let with = if told.credentials { ", with credentials" } else { "" };
                findings.push(format!("{} ({way} from {}{with})", told.class, told.origin));
            }
        }
        if asked.mode != Mode::Credentials {
            for told in seen.allowed.iter().filter(|told| told.allows != Allows::ThisOrigin) {
                findings.push(format!("the listed origin {} is not told that it is allowed", told.origin));
            }
        }
        let heard = |told: &Told| told.ok && (asked.mode != Mode::Credentials || told.allows != Allows::Nothing);
        let held = if asked.allowed.is_empty() {
            // An API for no browser refuses preflights as it likes; a request it must answer.
            asked.mode != Mode::Credentials && seen.others.iter().all(|told| told.ok || told.preflight)
        } else {
            !seen.allowed.is_empty() && seen.allowed.iter().all(heard)
        };
        Judgement::decide(
            Population { examined: seen.others.len() as u64, required: 5 },
            if held { PositiveControl::Held } else { PositiveControl::Broken },
            findings,
            match asked.mode {
                _ if asked.allowed.is_empty() => "No origin may read answers.",
                Mode::Request => "Listed origins may read answers; unlisted and hostile origins may not.",
                Mode::Preflight => "Preflights of listed origins are granted; those of unlisted and hostile origins are not.",
                Mode::Credentials => "No wildcard comes with credentials, and every answer to an origin says that it varies.",
            },
        )
    }
}

/// Origins that a careless comparison takes for this one, and those that belong to nobody.
fn hostile(origin: &str) -> Vec<(Class, String)> {
    let mut list = vec![
        (Class::Null, "null".to_owned()),
        (Class::Foreign, "https://evil.example".to_owned()),
        (Class::Local, "http://localhost:3000".to_owned()),
    ];
    if let Some((scheme, host)) = origin.split_once("://") {
        list.push((Class::Prefix, format!("{scheme}://{host}.evil.example")));
        list.push((Class::Suffix, format!("{scheme}://evil{host}")));
        list.push((Class::Subdomain, format!("{scheme}://sub.{host}")));
        if !host.contains(':') {
            list.push((Class::Port, format!("{scheme}://{host}:8443")));
        }
        if scheme == "https" {
            list.push((Class::Scheme, format!("http://{host}")));
        }
        // An unescaped dot in a pattern matches any character.
        if let Some((name, rest)) = host.split_once('.') {
            list.push((Class::Dot, format!("{scheme}://{name}x{rest}")));
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

fn read((origin, class): (&str, Class), preflight: bool, ok: u16, answer: &Response) -> Told {
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
        class,
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
        seen: r#"{"allowed":[{"origin":"https://app.example","class":"listed","preflight":false,"status":200,"ok":true,"allows":"this_origin","credentials":false,"vary":true}],
            "others":[
            {"origin":"null","class":"null","preflight":false,"status":200,"ok":true,"allows":"nothing","credentials":false,"vary":true},
            {"origin":"https://evil.example","class":"foreign","preflight":false,"status":200,"ok":true,"allows":"nothing","credentials":false,"vary":true},
            {"origin":"http://app.example","class":"scheme","preflight":false,"status":200,"ok":true,"allows":"nothing","credentials":false,"vary":true},
            {"origin":"https://sub.app.example","class":"subdomain","preflight":false,"status":200,"ok":true,"allows":"another","credentials":false,"vary":true},
            {"origin":"https://app.example.evil.example","class":"prefix","preflight":false,"status":403,"ok":false,"allows":"nothing","credentials":false,"vary":true}]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "any origin is reflected",
        asked: ASKED,
        seen: r#"{"allowed":[{"origin":"https://app.example","class":"listed","preflight":false,"status":200,"ok":true,"allows":"this_origin","credentials":false,"vary":true}],
            "others":[{"origin":"https://evil.example","class":"foreign","preflight":false,"status":200,"ok":true,"allows":"this_origin","credentials":false,"vary":true}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "an origin that only begins like the listed one is allowed, with credentials",
        asked: ASKED,
        seen: r#"{"allowed":[{"origin":"https://app.example","class":"listed","preflight":false,"status":200,"ok":true,"allows":"this_origin","credentials":true,"vary":true}],
            "others":[{"origin":"https://app.example.evil.example","class":"prefix","preflight":false,"status":200,"ok":true,"allows":"this_origin","credentials":true,"vary":true}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "nothing is listed and nothing is allowed",
        asked: r#"{"target":"api","route":"list","mode":"request","allowed":[],"principal":"a"}"#,
        seen: r#"{"allowed":[],"others":[
            {"origin":"null","class":"null","preflight":false,"status":200,"ok":true,"allows":"nothing","credentials":false,"vary":false},
            {"origin":"https://evil.example","class":"foreign","preflight":false,"status":200,"ok":true,"allows":"nothing","credentials":false,"vary":false},
            {"origin":"https://sub.api.example","class":"subdomain","preflight":false,"status":200,"ok":true,"allows":"nothing","credentials":false,"vary":false},
            {"origin":"https://evilapi.example","class":"suffix","preflight":false,"status":200,"ok":true,"allows":"nothing","credentials":false,"vary":false},
            {"origin":"https://api.example.evil.example","class":"prefix","preflight":false,"status":200,"ok":true,"allows":"nothing","credentials":false,"vary":false}]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "a wildcard comes with credentials",
        asked: CREDENTIALS,
        seen: r#"{"allowed":[{"origin":"https://app.example","class":"listed","preflight":false,"status":200,"ok":true,"allows":"any_origin","credentials":true,"vary":false}],
            "others":[{"origin":"https://evil.example","class":"foreign","preflight":false,"status":200,"ok":true,"allows":"any_origin","credentials":true,"vary":false}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "an answer to one origin does not say that it varies",
        asked: CREDENTIALS,
        seen: r#"{"allowed":[{"origin":"https://app.example","class":"listed","preflight":false,"status":200,"ok":true,"allows":"this_origin","credentials":true,"vary":false}],
            "others":[{"origin":"https://evil.example","class":"foreign","preflight":false,"status":200,"ok":true,"allows":"nothing","credentials":false,"vary":false}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "a refused request shows nothing about origins",
        asked: ASKED,
        seen: r#"{"allowed":[{"origin":"https://app.example","class":"listed","preflight":false,"status":401,"ok":false,"allows":"nothing","credentials":false,"vary":false}],"others":[]}"#,
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

    fn judged(mode: &str, allows: fn(&str) -> bool, vary: bool, listed: &str) -> Judgement {
        let at = serve(Caps::NONE, move |got| {
            let mut headers = vec![];
            let origin = got.header("origin");
            if allows(origin) {
                headers.push(("Access-Control-Allow-Origin", origin.to_owned()));
                headers.push(("Access-Control-Allow-Credentials", "true".to_owned()));
            }
            if vary {
                headers.push(("Vary", "Accept, Origin".to_owned()));
            }
            (if got.method == "OPTIONS" { 204 } else { 200 }, headers, String::new())
        });
        let asked = format!(r#"{{"target":"api","call":"GET /v1","mode":"{mode}","allowed":[{listed}],"principal":"a"}}"#);
        ask::<Cors>(Scene::default(), &target(at), &asked)
    }

    /// The classes that are found, and what is allowed.
    type Careless = (&'static [&'static str], fn(&str) -> bool);

    const LISTED: &str = r#""https://app.example.com""#;

    fn exact(origin: &str) -> bool {
        origin == "https://app.example.com"
    }

    #[test]
    fn each_careless_way_of_comparing_origins_has_a_finding_of_its_own() {
        let careless: [Careless; 10] = [
            (&["reflected"], |_| true),
            (&["null"], |origin| exact(origin) || origin == "null"),
            (&["local"], |origin| exact(origin) || origin.starts_with("http://localhost")),
            (&["port", "prefix"], |origin| origin.starts_with("https://app.example.com")),
            (&["scheme", "subdomain", "suffix"], |origin| origin.ends_with("app.example.com")),
            (&["subdomain"], |origin| exact(origin) || origin.ends_with(".app.example.com")),
            (&["scheme"], |origin| origin.trim_start_matches("http://").trim_start_matches("https://") == "app.example.com"),
            (&["port"], |origin| origin.trim_end_matches(":8443") == "https://app.example.com"),
            (&["dot"], |origin| origin == "https://appxexample.com" || exact(origin)),
            (&["the listed origin https"], |_| false),
        ];
        for mode in ["request", "preflight"] {
            assert_eq!(judged(mode, exact, true, LISTED).outcome, Outcome::Pass, "{mode}");
            for (classes, allows) in &careless {
                let judgement = judged(mode, *allows, true, LISTED);
                assert_eq!(judgement.outcome, Outcome::Fail, "{mode} {classes:?}");
                let mut found: Vec<&str> = judgement.findings.iter().filter_map(|finding| finding.split(':').next()).collect();
                found.sort_unstable();
                assert_eq!(found, *classes, "{mode} {:?}", judgement.findings);
            }
        }
    }

    #[test]
    fn a_wildcard_with_credentials_and_a_missing_vary_are_found() {
        assert_eq!(judged("credentials", exact, true, LISTED).outcome, Outcome::Pass);
        assert_eq!(judged("credentials", exact, false, LISTED).outcome, Outcome::Fail);
        assert_eq!(judged("credentials", |_| true, true, LISTED).outcome, Outcome::Fail);
        assert_eq!(judged("credentials", |_| false, true, LISTED).outcome, Outcome::Error);
        let star = serve(Caps::NONE, |_| {
            let headers = [("Access-Control-Allow-Origin", "*"), ("Access-Control-Allow-Credentials", "true")];
            (200, headers.map(|(name, value)| (name, value.to_owned())).to_vec(), String::new())
        });
        let asked = format!(r#"{{"target":"api","call":"GET /v1","mode":"credentials","allowed":[{LISTED}],"principal":"a"}}"#);
        assert_eq!(ask::<Cors>(Scene::default(), &target(star), &asked).outcome, Outcome::Fail);
    }

    #[test]
    fn a_wildcard_on_refusals_alone_is_found() {
        let outcome = |on_refusals: bool| {
            let at = serve(Caps::NONE, move |got| {
                let mut headers = vec![("Vary", "Origin".to_owned())];
                if got.header("authorization").is_empty() && got.method != "OPTIONS" && on_refusals {
                    headers.push(("Access-Control-Allow-Origin", "*".to_owned()));
                    headers.push(("Access-Control-Allow-Credentials", "true".to_owned()));
                    return (401, headers, String::new());
                }
                if exact(got.header("origin")) {
                    headers.push(("Access-Control-Allow-Origin", got.header("origin").to_owned()));
                }
                (200, headers, String::new())
            });
            let asked =
                format!(r#"{{"target":"api","call":"GET /v1","mode":"credentials","allowed":[{LISTED}],"principal":"a"}}"#);
            ask::<Cors>(Scene::default(), &target(at), &asked).outcome
        };
        assert_eq!((outcome(false), outcome(true)), (Outcome::Pass, Outcome::Fail));
    }

    #[test]
    fn an_api_for_no_browser_allows_nobody() {
        for mode in ["request", "preflight"] {
            assert_eq!(judged(mode, |_| false, false, "").outcome, Outcome::Pass, "{mode}");
            let judgement = judged(mode, |origin| origin == "null", false, "");
            assert_eq!((judgement.outcome, judgement.findings.len()), (Outcome::Fail, 1), "{mode}");
        }
    }
}
