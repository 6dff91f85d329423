//! `http.plain-text`: is the API never served in plain HTTP?

use std::time::Duration;

use avouch_model::{
    Span,
    observation::{Population, PositiveControl},
    product::ProbeClass,
    state::Outcome,
};
use avouch_probe::{ProbeError, Request};
use serde::{Deserialize, Serialize};

use super::http_call::{Site, unasked};
use crate::{Example, Judgement, Question, Unasked, Vantage, World};

/// See the module.
pub(super) struct PlainText;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    target: String,
    #[serde(default = "root")]
    path: String,
    #[serde(default = "half_a_year")]
    hsts_min_age: Span,
}

/// What a proxy that ends TLS tells the service behind it, and what anybody may send.
const FORWARDED: (&str, &str) = ("X-Forwarded-Proto", "https");

fn root() -> String {
    "/".to_owned()
}

const fn half_a_year() -> Span {
    Span::Seconds(180 * 86_400)
}

/// What plain HTTP does, and what https says about staying there.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    plain: Plain,
    /// What it does for a request that says it came over https to somebody before it; none where plain HTTP did not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    forwarded: Option<Plain>,
    https_status: Option<u16>,
    hsts_max_age: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "did", deny_unknown_fields)]
enum Plain {
    /// The connection was refused, or closed without an answer in HTTP.
    NotServed,
    /// Nothing was heard.
    Silent,
    /// It answered.
    Answered { status: u16, to_https: bool },
}

impl Question for PlainText {
    const ID: &'static str = "http.plain-text";
    const QUESTION: &'static str = "Is the API never served in plain HTTP?";
    const VANTAGE: Vantage = Vantage::Target(ProbeClass::Passive);
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/http-plain-text.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        let site = Site::of(world, &asked.target)?;
        if !site.target.url.starts_with("https://") {
            let name = &site.target.name;
            return Err(Unasked(format!("`url` in `[targets.{name}]` is not https: it is served in plain HTTP as configured")));
        }
        let request = Request::new(ProbeClass::Passive, "GET", &asked.path).timeout(Duration::from_secs(10));
        let ask = |request: Request| match site.prober.send(&request.plain()) {
            Ok(answer) => Ok(Plain::Answered {
                status: answer.status,
                to_https: answer.header("location").is_some_and(|to| to.to_ascii_lowercase().starts_with("https://")),
            }),
            Err(ProbeError::Refused { .. } | ProbeError::Reset { .. } | ProbeError::NotHttp { .. }) => Ok(Plain::NotServed),
            Err(ProbeError::TimedOut { .. }) => Ok(Plain::Silent),
            Err(error) => Err(unasked(&error)),
        };
        let plain = ask(request.clone())?;
        let forwarded = match plain {
            Plain::Answered { .. } => Some(ask(request.clone().header(FORWARDED.0, FORWARDED.1))?),
            Plain::NotServed | Plain::Silent => None,
        };
        let https = site.prober.send(&request).map_err(|error| unasked(&error))?;
        let hsts_max_age = https.header("strict-transport-security").and_then(max_age);
        Ok(Seen { plain, forwarded, https_status: Some(https.status), hsts_max_age })
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let examined = u64::from(!matches!(seen.plain, Plain::Silent));
        let mut findings: Vec<String> = seen.plain.wrong().into_iter().collect();
        // Whoever is right without the header is served in plain text for saying a word.
        if findings.is_empty()
            && let Some(wrong) = seen.forwarded.as_ref().and_then(Plain::wrong)
        {
            findings.push(format!("with `{}: {}`, {wrong}", FORWARDED.0, FORWARDED.1));
        }
        match seen.hsts_max_age {
            None => findings.push("https does not send Strict-Transport-Security with a max-age".to_owned()),
            Some(age) if age < asked.hsts_min_age.seconds_min() => {
                findings.push(format!("Strict-Transport-Security lasts {age} seconds, less than {}", asked.hsts_min_age));
            }
            Some(_) => {}
        }
        Judgement::decide(
            Population { examined, required: 1 },
            if seen.https_status.is_some() { PositiveControl::Held } else { PositiveControl::Broken },
            findings,
            match &seen.plain {
                Plain::Answered { .. } => {
                    "Plain HTTP is refused or permanently redirected to https, where browsers are told to stay."
                }
                _ => "Plain HTTP is not served, and https tells browsers to stay there.",
            },
        )
    }
}

impl Plain {
    /// What is wrong with it, if anything.
    fn wrong(&self) -> Option<String> {
        match self {
            Self::NotServed | Self::Silent | Self::Answered { status: 301 | 308, to_https: true } => None,
            Self::Answered { status, to_https: true } if (300..400).contains(status) => {
                Some(format!("plain HTTP redirects to https with {status}, which is not permanent"))
            }
            // The request was refused for being in plain text (RFC 9110 sections 15.5.4, 15.5.20, 15.5.22).
            Self::Answered { status: 400 | 403 | 421 | 426, .. } => None,
            Self::Answered { status, .. } => Some(format!("plain HTTP is answered with {status}")),
        }
    }
}

/// The `max-age` directive (RFC 6797 section 6.1.1).
fn max_age(value: &str) -> Option<u64> {
    value.split(';').find_map(|directive| {
        let (name, age) = directive.split_once('=')?;
        name.trim().eq_ignore_ascii_case("max-age").then(|| age.trim().trim_matches('"').parse().ok())?
    })
}

const ASKED: &str = r#"{"target":"api"}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "plain HTTP is permanently redirected",
        asked: ASKED,
        seen: r#"{"plain":{"did":"answered","status":308,"to_https":true},"https_status":200,"hsts_max_age":31536000}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "the connection is refused",
        asked: ASKED,
        seen: r#"{"plain":{"did":"not_served"},"https_status":401,"hsts_max_age":15552000}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "the API is served in plain HTTP",
        asked: ASKED,
        seen: r#"{"plain":{"did":"answered","status":200,"to_https":false},"https_status":200,"hsts_max_age":31536000}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "whoever says that the request came over https is served in plain HTTP",
        asked: ASKED,
        seen: r#"{"plain":{"did":"answered","status":308,"to_https":true},"forwarded":{"did":"answered","status":401,"to_https":false},"https_status":200,"hsts_max_age":31536000}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "browsers are not told to stay on https",
        asked: ASKED,
        seen: r#"{"plain":{"did":"answered","status":301,"to_https":true},"https_status":200,"hsts_max_age":null}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "silence shows nothing",
        asked: ASKED,
        seen: r#"{"plain":{"did":"silent"},"https_status":200,"hsts_max_age":31536000}"#,
        outcome: Outcome::NotExercised,
    },
    Example {
        name: "https does not answer either",
        asked: ASKED,
        seen: r#"{"plain":{"did":"not_served"},"https_status":null,"hsts_max_age":31536000}"#,
        outcome: Outcome::Error,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        kinds::http_testing::{Caps, serve, target, try_ask},
        testing::Scene,
    };

    #[test]
    fn the_age_is_read_from_any_place_of_the_header() {
        assert_eq!(max_age("includeSubDomains; Max-Age=\"31536000\"; preload"), Some(31_536_000));
        assert_eq!(max_age("includeSubDomains"), None);
        assert_eq!(max_age("max-age=soon"), None);
    }

    #[test]
    fn a_target_that_is_configured_in_plain_http_cannot_be_asked() {
        let at = serve(Caps::NONE, |_| (200, vec![], String::new()));
        let error = try_ask::<PlainText>(Scene::default(), &target(at), ASKED).unwrap_err();
        assert!(error.0.contains("[targets.api]"), "{error}");
    }
}
