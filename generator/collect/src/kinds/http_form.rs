//! Answers in a form that can be compared and recorded: digests of what they say, without what changes every time.

use std::collections::{BTreeMap, BTreeSet};

use avouch_model::Digest;
use avouch_probe::Response;
use serde::{Deserialize, Serialize};

/// An answer without what may differ. Values are digests: two answers can be compared, and none is repeated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Form {
    pub(super) status: u16,
    /// Header name → digest of its values.
    pub(super) headers: BTreeMap<String, Digest>,
    pub(super) body: Digest,
    pub(super) body_bytes: u64,
}

/// What may differ between two answers that are the same.
#[derive(Clone, Debug)]
pub(super) struct Ignored<'a> {
    pub(super) headers: &'a [String],
    pub(super) body: &'a [String],
}

/// The headers that name the request or the moment.
pub(super) fn ignored_headers() -> Vec<String> {
    ["date", "cf-ray", "x-request-id", "server-timing", "age", "nel", "report-to", "keep-alive", "connection"]
        .map(str::to_owned)
        .to_vec()
}

/// The members of a body that name the request.
pub(super) fn ignored_body() -> Vec<String> {
    ["/requestId", "/request_id", "/error/requestId", "/error/request_id"].map(str::to_owned).to_vec()
}

impl Form {
    /// The form of an answer. Texts in `hide` (an id that was asked for) count as equal wherever they stand.
    pub(super) fn of(answer: &Response, ignored: &Ignored<'_>, hide: &[&str]) -> Self {
        let mut text = answer.text().into_owned();
        if let Some(json) = answer.json() {
            for pointer in ignored.body {
                if let Some(value) = json.pointer(pointer) {
                    // In the text as it came, so that an answer with another order or spacing stays different.
                    text = text.replace(&value.to_string(), "\"\"");
                }
            }
        }
        for hidden in hide.iter().filter(|hidden| !hidden.is_empty()) {
            text = text.replace(hidden, "");
        }
        let names: BTreeSet<&str> = answer.headers.iter().map(|(name, _)| name.as_str()).collect();
        let headers = names
            .into_iter()
            // The length is that of a body which is compared itself, without what may differ in it.
            .filter(|name| *name != "content-length" && !ignored.headers.iter().any(|each| each.eq_ignore_ascii_case(name)))
            .map(|name| {
                let values: Vec<&str> = answer.headers_named(name).collect();
                (name.to_owned(), Digest::of(values.join("\n").as_bytes()))
            })
            .collect();
        Self { status: answer.status, headers, body: Digest::of(text.as_bytes()), body_bytes: text.len() as u64 }
    }

    /// In what two forms differ: `status 401 and 403`, `the header x-a`, `the body`.
    pub(super) fn differences(&self, other: &Self) -> Vec<String> {
        let mut found = Vec::new();
        if self.status != other.status {
            found.push(format!("the status ({} and {})", self.status, other.status));
        }
        let names: BTreeSet<&String> = self.headers.keys().chain(other.headers.keys()).collect();
        for name in names {
            if self.headers.get(name) != other.headers.get(name) {
                found.push(format!("the header {name}"));
            }
        }
        if self.body_bytes != other.body_bytes {
            found.push(format!("the length of the body ({} and {} bytes)", self.body_bytes, other.body_bytes));
        } else if self.body != other.body {
            found.push("the body".to_owned());
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn answer(body: &str, header: (&str, &str)) -> Response {
        Response {
            status: 401,
            headers: vec![(header.0.to_owned(), header.1.to_owned())],
            body: body.as_bytes().to_vec(),
            truncated: false,
            took: Duration::ZERO,
            early: false,
            at: Duration::ZERO,
        }
    }

    fn differences(left: &Response, right: &Response) -> Vec<String> {
        let (headers, body) = (ignored_headers(), ignored_body());
        let ignored = Ignored { headers: &headers, body: &body };
        Form::of(left, &ignored, &[]).differences(&Form::of(right, &ignored, &[]))
    }

    #[test]
    fn a_request_id_of_any_length_makes_no_difference_and_anything_else_does() {
        let left = answer(r#"{"code":"U","requestId":"a1"}"#, ("Date", "now"));
        assert!(differences(&left, &answer(r#"{"code":"U","requestId":"longer"}"#, ("Date", "then"))).is_empty());
        for other in [r#"{"code":"V","requestId":"a1"}"#, r#"{"requestId":"a1","code":"U"}"#, r#"{"code":"U"}"#] {
            assert_eq!(differences(&left, &answer(other, ("Date", "now"))).len(), 1, "{other}");
        }
        assert_eq!(differences(&left, &answer(r#"{"code":"U","requestId":"a1"}"#, ("x-a", "b"))), ["the header x-a"]);
    }
}
