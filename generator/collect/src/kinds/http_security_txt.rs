//! `http.security-txt`: does the target say whom to tell about a vulnerability?

use std::collections::BTreeMap;

use avouch_model::{
    Span, Timestamp,
    observation::{Population, PositiveControl},
    product::ProbeClass,
    state::Outcome,
};
use avouch_probe::Request;
use serde::{Deserialize, Serialize};

use super::http_call::{Site, unasked};
use crate::{Example, Judgement, Question, Unasked, Vantage, World};

/// See the module.
pub(super) struct SecurityTxt;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    target: String,
    #[serde(default = "well_known")]
    path: String,
    #[serde(default = "a_year")]
    expires_max: Span,
}

fn well_known() -> String {
    "/.well-known/security.txt".to_owned()
}

const fn a_year() -> Span {
    Span::Months(12)
}

/// The file's fields, without the addresses in them.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    at: Timestamp,
    status: u16,
    plain_text: bool,
    /// Contacts by scheme (`mailto`, `https`, `tel`); anything else is `other`.
    contacts: BTreeMap<String, u64>,
    /// Contacts that somebody on the way has hidden.
    obfuscated: u64,
    expires_fields: u64,
    expires: Option<Timestamp>,
}

impl Question for SecurityTxt {
    const ID: &'static str = "http.security-txt";
    const QUESTION: &'static str = "Does the target say whom to tell about a vulnerability?";
    const VANTAGE: Vantage = Vantage::Target(ProbeClass::Passive);
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/http-security-txt.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        let site = Site::of(world, &asked.target)?;
        let request = Request::new(ProbeClass::Passive, "GET", &asked.path).body_max(32 << 10);
        let answer = site.prober.send(&request).map_err(|error| unasked(&error))?;
        if answer.truncated {
            return Err(Unasked("the answer was cut off before its end, so it cannot be judged".to_owned()));
        }
        let media_type = answer.header("content-type").unwrap_or_default().to_ascii_lowercase();
        Ok(Seen {
            status: answer.status,
            plain_text: media_type.split(';').next().is_some_and(|kind| kind.trim() == "text/plain"),
            ..read(&answer.text(), (world.clock)())
        })
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let mut findings = Vec::new();
        if seen.status != 200 {
            findings.push(format!("there is no security.txt: the answer is {}", seen.status));
        } else {
            if !seen.plain_text {
                findings.push("the file is not sent as text/plain (RFC 9116 section 3)".to_owned());
            }
            if seen.obfuscated > 0 {
                findings.push(format!("{} contacts are hidden, such as `[email protected]`", seen.obfuscated));
            }
            if ["mailto", "https", "tel"].iter().all(|scheme| !seen.contacts.contains_key(*scheme)) {
                findings.push("there is no Contact with a mailto, https or tel URI (RFC 9116 section 2.5.3)".to_owned());
            }
            match seen.expires {
                _ if seen.expires_fields > 1 => {
                    findings.push(format!("Expires is there {} times, and must be once", seen.expires_fields));
                }
                None => findings.push("there is no Expires that can be read (RFC 9116 section 2.5.5)".to_owned()),
                Some(expires) if expires <= seen.at => findings.push(format!("the file has expired: {expires}")),
                Some(expires) if expires > asked.expires_max.after(seen.at) => {
                    findings.push(format!("the file expires on {expires}, more than {} ahead", asked.expires_max));
                }
                Some(_) => {}
            }
        }
        let control = if seen.status >= 500 { PositiveControl::Broken } else { PositiveControl::NotNeeded };
        let contacts: u64 = seen.contacts.values().sum();
        Judgement::decide(
            Population { examined: contacts, required: 1 },
            control,
            findings,
            format!("{contacts} contacts are published, and the file is in date."),
        )
    }
}

fn read(text: &str, at: Timestamp) -> Seen {
    let mut seen =
        Seen { at, status: 0, plain_text: false, contacts: BTreeMap::new(), obfuscated: 0, expires_fields: 0, expires: None };
    // In a signed file the fields stand between the armour's lines, which have no colon or other names.
    for (name, value) in text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        if name.trim().eq_ignore_ascii_case("contact") {
            let scheme = value.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
            let known = scheme.filter(|scheme| matches!(scheme.as_str(), "mailto" | "https" | "tel"));
            let lower = value.to_ascii_lowercase();
            // Text that an edge or an author puts in place of an address to hide it.
            let hidden = ["[email", "email protected", "email-protection", "[at]", "(at)", " at "];
            let address = known.as_deref() != Some("mailto") || value.contains('@');
            if hidden.iter().any(|each| lower.contains(each)) || !address {
                seen.obfuscated += 1;
            } else {
                *seen.contacts.entry(known.unwrap_or_else(|| "other".to_owned())).or_default() += 1;
            }
        } else if name.trim().eq_ignore_ascii_case("expires") {
            seen.expires_fields += 1;
            seen.expires = value.parse().ok();
        }
    }
    seen
}

const ASKED: &str = r#"{"target":"api"}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "a contact and a date within the year",
        asked: ASKED,
        seen: r#"{"at":"2026-11-21T03:00:00Z","status":200,"plain_text":true,"contacts":{"mailto":1},"obfuscated":0,"expires_fields":1,"expires":"2027-06-01T00:00:00Z"}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "the file has expired",
        asked: ASKED,
        seen: r#"{"at":"2026-11-21T03:00:00Z","status":200,"plain_text":true,"contacts":{"mailto":1},"obfuscated":0,"expires_fields":1,"expires":"2026-06-01T00:00:00Z"}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the address is hidden on the way",
        asked: ASKED,
        seen: r#"{"at":"2026-11-21T03:00:00Z","status":200,"plain_text":true,"contacts":{},"obfuscated":1,"expires_fields":1,"expires":"2027-06-01T00:00:00Z"}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "there is no file",
        asked: ASKED,
        seen: r#"{"at":"2026-11-21T03:00:00Z","status":404,"plain_text":false,"contacts":{},"obfuscated":0,"expires_fields":0,"expires":null}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "a server in trouble shows nothing",
        asked: ASKED,
        seen: r#"{"at":"2026-11-21T03:00:00Z","status":503,"plain_text":false,"contacts":{},"obfuscated":0,"expires_fields":0,"expires":null}"#,
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

    #[test]
    fn a_file_is_judged_by_its_contact_and_date() {
        let outcome = |text: &'static str| {
            let at = serve(Caps::NONE, move |got| {
                let there = got.path == "/.well-known/security.txt";
                (if there { 200 } else { 404 }, vec![("Content-Type", "text/plain; charset=utf-8".to_owned())], text.to_owned())
            });
            ask::<SecurityTxt>(Scene::default(), &target(at), ASKED).outcome
        };
        assert_eq!(outcome("# hello\nContact: mailto:security@example.com\nExpires: 2027-11-01T00:00:00Z\n"), Outcome::Pass);
        for text in [
            "Contact: mailto:security@example.com\nExpires: 2027-12-01T00:00:00Z\n",
            "Contact: mailto:security@example.com\nExpires: 2026-11-01T00:00:00Z\n",
            "Contact: mailto:security@example.com\n",
            "Contact: [email protected]\nExpires: 2027-11-01T00:00:00Z\n",
            "Contact: mailto:security at example.com\nExpires: 2027-11-01T00:00:00Z\n",
            "Contact: security@example.com\nExpires: 2027-11-01T00:00:00Z\n",
            "Expires: 2027-11-01T00:00:00Z\n",
            "",
        ] {
            assert_eq!(outcome(text), Outcome::Fail, "{text}");
        }
    }
}
