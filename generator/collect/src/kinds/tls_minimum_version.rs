//! `tls.minimum-version`: are the promised versions of TLS spoken, and older ones refused?

use avouch_model::{
    observation::{Population, PositiveControl},
    product::ProbeClass,
    state::Outcome,
};
use avouch_probe::{Offered, ProbeError, Version};
use serde::{Deserialize, Serialize};

use super::http_call::{Site, unasked};
use crate::{Example, Judgement, Question, Unasked, Vantage, World};

/// See the module.
pub(super) struct MinimumVersion;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    target: String,
    #[serde(default = "newest")]
    accept: Vec<String>,
    #[serde(default = "older")]
    refuse: Vec<String>,
    #[serde(default = "two_weeks")]
    cert_min_days: i64,
}

fn newest() -> Vec<String> {
    vec!["1.3".to_owned()]
}

fn older() -> Vec<String> {
    ["1.0", "1.1", "1.2"].map(str::to_owned).to_vec()
}

const fn two_weeks() -> i64 {
    14
}

/// What each version offered alone came to, and the certificate.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    accept: Vec<Told>,
    refuse: Vec<Told>,
    certificate: Certificate,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    version: String,
    answer: Answer,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "did", deny_unknown_fields)]
enum Answer {
    Accepted { version: String },
    Refused { alert: u8 },
    Inconclusive { why: String },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is", deny_unknown_fields)]
enum Certificate {
    Trusted { days_left: i64 },
    Refused { why: String },
    Unread,
}

impl Question for MinimumVersion {
    const ID: &'static str = "tls.minimum-version";
    const QUESTION: &'static str = "Are the promised versions of TLS spoken, and older ones refused?";
    const VANTAGE: Vantage = Vantage::Target(ProbeClass::Passive);
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/tls-minimum-version.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        let site = Site::of(world, &asked.target)?;
        let parse = |text: &String| text.parse::<Version>().map_err(Unasked);
        let accept = asked.accept.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
        let refuse = asked.refuse.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
        let Some(best) = accept.iter().copied().max().filter(|best| *best >= Version::Tls12) else {
            return Err(Unasked("`accept` must name 1.2 or 1.3".to_owned()));
        };
        let offer = |versions: &[Version]| -> Result<Vec<Told>, Unasked> {
            let told = |version: &Version| {
                let offered = site.prober.tls_offer(*version).map_err(|error| unasked(&error))?;
                let answer = match offered {
                    Offered::Accepted(version) => Answer::Accepted { version: version.to_string() },
                    Offered::Refused(alert) => Answer::Refused { alert },
                    Offered::Inconclusive(why) => Answer::Inconclusive { why },
                };
                Ok(Told { version: version.to_string(), answer })
            };
            versions.iter().map(told).collect()
        };
        let accept = offer(&accept)?;
        if accept.iter().all(|told| matches!(told.answer, Answer::Inconclusive { .. })) {
            // Nothing there speaks TLS: more offers would only wait.
            return Ok(Seen { accept, refuse: Vec::new(), certificate: Certificate::Unread });
        }
        let refuse = offer(&refuse)?;
        let certificate = match site.prober.certificate(best) {
            Ok(found) => Certificate::Trusted { days_left: found.not_after.seconds_since((world.clock)()).div_euclid(86_400) },
            Err(error @ ProbeError::Tls { .. }) => Certificate::Refused { why: error.chain() },
            Err(ProbeError::Certificate { .. }) => Certificate::Unread,
            Err(error) => return Err(unasked(&error)),
        };
        Ok(Seen { accept, refuse, certificate })
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let mut findings = Vec::new();
        let mut conclusive = 0;
        for told in &seen.refuse {
            match &told.answer {
                Answer::Accepted { version } => {
                    conclusive += 1;
                    findings.push(format!("TLS {} was offered alone and {version} was spoken", told.version));
                }
                Answer::Refused { .. } => conclusive += 1,
                Answer::Inconclusive { .. } => {}
            }
        }
        let mut spoken = 0;
        for told in &seen.accept {
            match &told.answer {
                Answer::Accepted { version } if *version == told.version => {
                    conclusive += 1;
                    spoken += 1;
                }
                Answer::Accepted { version } => {
                    conclusive += 1;
                    findings.push(format!("TLS {} was offered and {version} was spoken", told.version));
                }
                Answer::Refused { alert } => {
                    conclusive += 1;
                    findings.push(format!("TLS {} is refused, with alert {alert}", told.version));
                }
                Answer::Inconclusive { .. } => {}
            }
        }
        match &seen.certificate {
            Certificate::Trusted { days_left } if *days_left < asked.cert_min_days => {
                findings.push(format!("the certificate ends in {days_left} days, sooner than {}", asked.cert_min_days));
            }
            Certificate::Trusted { .. } => {}
            // Where the promised version is refused there is no handshake to read one in.
            Certificate::Refused { .. } if spoken == 0 => {}
            Certificate::Refused { why } => findings.push(format!("the certificate is not accepted: {why}")),
            Certificate::Unread => findings.push("the end of the certificate cannot be read".to_owned()),
        }
        let heard = seen.accept.iter().any(|told| !matches!(told.answer, Answer::Inconclusive { .. }));
        let spoken: Vec<&str> = asked.accept.iter().map(String::as_str).collect();
        let refused: Vec<&str> = asked.refuse.iter().map(String::as_str).collect();
        Judgement::decide(
            Population { examined: conclusive, required: (asked.accept.len() + asked.refuse.len()) as u64 },
            if heard { PositiveControl::Held } else { PositiveControl::Broken },
            findings,
            match refused.as_slice() {
                [] => format!("TLS {} is spoken.", spoken.join(", ")),
                _ => format!("TLS {} is spoken; {} are refused.", spoken.join(", "), refused.join(", ")),
            },
        )
    }
}

const ASKED: &str = r#"{"target":"api","refuse":["1.1","1.2"]}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "only the newest version is spoken",
        asked: ASKED,
        seen: r#"{"accept":[{"version":"1.3","answer":{"did":"accepted","version":"1.3"}}],"refuse":[
            {"version":"1.1","answer":{"did":"refused","alert":70}},{"version":"1.2","answer":{"did":"refused","alert":70}}],
            "certificate":{"is":"trusted","days_left":60}}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "an older version is still spoken",
        asked: ASKED,
        seen: r#"{"accept":[{"version":"1.3","answer":{"did":"accepted","version":"1.3"}}],"refuse":[
            {"version":"1.1","answer":{"did":"refused","alert":70}},{"version":"1.2","answer":{"did":"accepted","version":"1.2"}}],
            "certificate":{"is":"trusted","days_left":60}}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the certificate ends soon",
        asked: ASKED,
        seen: r#"{"accept":[{"version":"1.3","answer":{"did":"accepted","version":"1.3"}}],"refuse":[
            {"version":"1.1","answer":{"did":"refused","alert":70}},{"version":"1.2","answer":{"did":"refused","alert":40}}],
            "certificate":{"is":"trusted","days_left":3}}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "a closed connection is no refusal",
        asked: ASKED,
        seen: r#"{"accept":[{"version":"1.3","answer":{"did":"accepted","version":"1.3"}}],"refuse":[
            {"version":"1.1","answer":{"did":"inconclusive","why":"closed"}},{"version":"1.2","answer":{"did":"refused","alert":70}}],
            "certificate":{"is":"trusted","days_left":60}}"#,
        outcome: Outcome::NotExercised,
    },
    Example {
        name: "nothing there speaks TLS",
        asked: ASKED,
        seen: r#"{"accept":[{"version":"1.3","answer":{"did":"inconclusive","why":"the answer is not TLS"}}],"refuse":[
            {"version":"1.1","answer":{"did":"inconclusive","why":"the answer is not TLS"}}],
            "certificate":{"is":"refused","why":"no handshake"}}"#,
        outcome: Outcome::Error,
    },
];

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::TcpListener,
    };

    use super::*;
    use crate::{
        kinds::http_testing::{Caps, ask, serve, target, try_ask},
        testing::Scene,
    };

    #[test]
    fn a_server_that_speaks_no_tls_is_an_error_never_a_refusal() {
        let plain = serve(Caps::NONE, |_| (200, vec![], String::new()));
        assert!(try_ask::<MinimumVersion>(Scene::default(), &target(plain), ASKED).is_err());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let _ = stream.read(&mut [0; 16]);
                let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
            }
        });
        let mut pretending = target(at);
        pretending.url = format!("https://{at}");
        assert_eq!(ask::<MinimumVersion>(Scene::default(), &pretending, ASKED).outcome, Outcome::Error);
    }
}
