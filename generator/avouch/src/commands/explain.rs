//! `avouch explain`: the page of a kind, a check, a claim, a control, a requirement or an error code.

use std::fmt::Write as _;

use anyhow::bail;
use avouch_collect::Kind;
use avouch_model::{
    Json,
    catalogue::{Catalogue, Check, Claim, Control, Requirement},
    state::{Outcome, State},
};
use avouch_read::mapping;
use serde_json::Value;

use crate::{
    cli::Global,
    exit::{Exit, Usage},
    output::Output,
    project::Project,
};

/// The codes of mistakes in configuration and mapping, and what each means.
const CODES: &[(&str, &str)] = &[
    ("bad-address", "A source address must be an address of this machine, or a range of at most 4,096 of them."),
    (
        "bad-baseline",
        "An entry about a known secret names its rule, path and keyed digest, a reason, and the last day that it counts.",
    ),
    ("bad-call", "A route calls with a method and a path from the root of the target: `POST /v1/items`."),
    (
        "bad-contact",
        "Reporters need a URI: `mailto:` or `https://` (RFC 9116, section 2.5.3). Obfuscated addresses reach nobody.",
    ),
    (
        "bad-key",
        "Decisions are signed with Ed25519 keys in OpenSSH's form, also on a hardware key (`sk-ssh-ed25519@openssh.com`).",
    ),
    (
        "bad-rules",
        "Rules for secrets are TOML in the format of gitleaks 8; what is not known is refused, since it would silently find something else.",
    ),
    ("bad-schedule", "Schedules are cron expressions with six fields (second minute hour day month weekday), in UTC."),
    ("bad-slug", "Names that end up in addresses are slugs: lower-case letters, digits, `-` and `_`, at most 64."),
    ("bad-url", "Targets are scheme, host and port; databases `sqlite:path`. Neither holds a credential."),
    ("bad-value", "The value does not have the form that this key needs; the message names the form."),
    ("duplicate-rule", "Retention rules are published by name, so a name stands for one rule."),
    (
        "large-lag",
        "Rows may stay longer than promised by more than a quarter of the promise. Purge more often, or promise what you keep.",
    ),
    ("missing-key", "The key is needed; the message says where it belongs."),
    ("no-role", "The site names people by role only, so a person without a role cannot be shown."),
    ("secret-in-configuration", "Credentials are named by environment variable: `value = \"Bearer ${PROBE_A}\"`."),
    ("toml-syntax", "The text is not TOML. Only the first mistake of each line is shown, and at most ten."),
    ("unknown-database", "Retention rules and checks name a database of `[databases]`."),
    ("unknown-key", "The key does not exist; a misspelt key would silently do nothing."),
    ("unknown-profile", "Profiles are built in, or TOML files beneath the folder."),
    ("unknown-value", "The value is none of the words that this key takes."),
    ("wrong-type", "The value has another type than the key: quotes make a text, `[…]` a list."),
];

/// The words that avouch says of how something stands.
const WORDS: &[(&str, &str)] = &[
    ("passed", "A fresh observation of the current release saw what is promised."),
    ("failed", "A fresh observation saw the opposite. What it saw is sealed until `avouch evidence release`."),
    ("error", "It could not be tested: the subject could not be reached or read, or the positive control broke."),
    (
        "no_data",
        "Not tested: nothing was observed yet, there was too little to look at, or other numbers than the claim's were tested.",
    ),
    ("stale", "Out of date: the last observation is older than it may be, or belongs to another release."),
    (
        "not_configured",
        "Not tested: a slot is not filled, and the key that fills it is named; or no check of this kind is built yet.",
    ),
    ("not_applicable", "A signed decision says that it does not apply, with a reason and a day on which that is read again."),
    ("waived", "It failed, under a dated exception that somebody else approved. It passes the gate and satisfies nothing."),
    ("planned", "Promised for later. Never a pass."),
    ("inherited", "A provider's word, on record and in date. Alone it satisfies nothing."),
    ("satisfied", "Every applicable control of the requirement passed, and so did a claim that supports it."),
    ("not_satisfied", "A control that addresses the requirement failed."),
    ("undetermined", "No control of the requirement failed, and not all of them passed."),
    ("gap", "No control addresses the requirement. A signed decision names an owner and a day."),
    ("unproven", "Nothing in an observation names the release that it is about, so it counts for none."),
    ("sealed", "Recorded, and kept in the private store: the log holds a salted digest."),
    ("withdrawn", "A payload that was removed, with a reason. Its entry and digest stay."),
    ("tampered", "What is published is not what was signed."),
    ("could_not_tell", "The gate could not be decided: nothing that it requires failed, and not all of it was told."),
    ("missed", "Scheduled runs that nobody made. What they would have said is not known."),
    ("late", "The next run was due, by the schedule on record, and has not been recorded."),
    ("unused", "A waiver in force about something that does not fail: it excuses nothing."),
    ("unanchored", "The key came from the site itself: it agrees with itself, and may be anybody's."),
];

/// What `avouch explain` lists, by the word that lists it.
const LISTS: &[(&str, &str)] = &[
    ("kinds", "what can be asked"),
    ("checks", "what is asked here"),
    ("controls", "what is done against what can go wrong"),
    ("claims", "what is promised"),
    ("requirements", "what standards ask for"),
    ("profiles", "the claims that come with avouch"),
    ("baseline", "what is looked at without a claim"),
    ("words", "how something stands"),
    ("errors", "the codes of mistakes"),
];

/// What stands below the list of the baseline.
const BASELINE: &str = "
Looked at in every repository with a profile, whatever it claims. Nothing is promised by it and no requirement is satisfied by it;
it stops nothing unless `[gate] baseline = true`.
";

/// Prints the page of an id; without one, what can be listed.
pub(crate) fn explain(global: &Global, output: &Output, id: Option<&str>) -> anyhow::Result<Exit> {
    let Some(id) = id else {
        let lists: String = LISTS.iter().map(|(list, what)| format!("avouch explain {list:14} {what}\n")).collect();
        output.result(&lists)?;
        return Ok(Exit::Satisfied);
    };
    // The mapping of the project where there is one that loads, otherwise everything that is built in.
    let catalogue = match global.directory.join(&global.config).is_file() {
        true => Project::load(global, output)?.catalogue,
        false => everything()?,
    };
    let page = page(&catalogue, id);
    match page {
        Some(page) => {
            output.result(&page)?;
            Ok(Exit::Satisfied)
        }
        None => {
            let near = avouch_read::toml_walk::nearest(id, names(&catalogue).into_iter());
            let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            let lists: Vec<&str> = LISTS.iter().map(|(list, _)| *list).collect();
            bail!(Usage(format!("nothing is named `{id}`{near}; `{}` list what there is", lists.join("`, `"))))
        }
    }
}

fn everything() -> anyhow::Result<Catalogue> {
    let kinds: Vec<&str> = avouch_collect::kinds::ALL.iter().map(|kind| kind.id).collect();
    let loaded = mapping::load(&mapping::builtin_profiles(), &mapping::builtins(), &kinds);
    loaded.map_err(|problems| anyhow::anyhow!("the built-in mapping has mistakes: {}", problems.len()))
}

fn names(catalogue: &Catalogue) -> Vec<&str> {
    let kinds = avouch_collect::kinds::ALL.iter().map(|kind| kind.id);
    let checks = catalogue.checks.iter().map(|check| check.id.as_str());
    let controls = catalogue.controls.iter().map(|control| control.id.as_str());
    let claims = catalogue.claims.iter().map(|claim| claim.id.as_str());
    let requirements =
        catalogue.standards.iter().flat_map(|standard| &standard.requirements).map(|requirement| requirement.id.as_str());
    kinds.chain(checks).chain(controls).chain(claims).chain(requirements).chain(CODES.iter().map(|(code, _)| *code)).collect()
}

fn page(catalogue: &Catalogue, id: &str) -> Option<String> {
    match id {
        "kinds" => {
            return Some(avouch_collect::kinds::ALL.iter().map(|kind| format!("{:28} {}\n", kind.id, kind.question)).collect());
        }
        "checks" => {
            return Some(catalogue.checks.iter().map(|check| format!("{:32} {}\n", check.id, check.question.en)).collect());
        }
        "controls" => {
            return Some(catalogue.controls.iter().map(|control| format!("{:24} {}\n", control.id, control.title.en)).collect());
        }
        "claims" => {
            return Some(catalogue.claims.iter().map(|claim| format!("{:30} {}\n", claim.id, claim.statement.en)).collect());
        }
        "requirements" => {
            let all = catalogue.standards.iter().flat_map(|standard| &standard.requirements);
            return Some(all.map(|requirement| format!("{:12} {}\n", requirement.id, requirement.title.en)).collect());
        }
        "profiles" => return Some(catalogue.profiles.iter().map(|(id, title)| format!("{id:16} {}\n", title.en)).collect()),
        "baseline" => {
            let each =
                catalogue.baseline.iter().map(|one| format!("{:24} {} ({})\n", one.id, one.title.en, one.checks.join(", ")));
            return Some(format!("{}{BASELINE}", each.collect::<String>()));
        }
        "words" => return Some(WORDS.iter().map(|(word, text)| format!("{word:24} {text}\n")).collect()),
        "errors" => return Some(CODES.iter().map(|(code, text)| format!("{code:24} {text}\n")).collect()),
        _ => {}
    }
    if let Some(kind) = avouch_collect::kinds::find(id) {
        return Some(format!("{}\n\n{}", kind.explanation.trim_end(), parameters(kind)));
    }
    catalogue
        .check(id)
        .map(|check| check_page(catalogue, check))
        .or_else(|| catalogue.control(id).map(|control| control_page(catalogue, control)))
        .or_else(|| catalogue.claims.iter().find(|claim| claim.id == id).map(claim_page))
        .or_else(|| catalogue.requirement(id).map(|requirement| requirement_page(catalogue, requirement)))
        .or_else(|| {
            let word = word_of(id);
            let named = CODES.iter().chain(WORDS).find(|(code, _)| *code == word);
            named.or_else(|| CODES.iter().find(|(code, _)| *code == id)).map(|(code, text)| format!("{code}\n\n{text}\n"))
        })
}

/// The parameters of a kind, with those of its first example as a profile writes them.
fn parameters(kind: &Kind) -> String {
    let all = (kind.parameters)();
    let example = kind.examples.first().and_then(|example| serde_json::from_str::<Value>(example.asked).ok());
    let example = example.as_ref().and_then(Value::as_object).cloned().unwrap_or_default();
    let is_needed = |name: &str| {
        let mut rest = example.clone();
        rest.remove(name).is_some() && Json::from_value(&rest).is_ok_and(|rest| (kind.accepts)(&rest).is_err())
    };
    let (needed, other): (Vec<&String>, Vec<&String>) = all.iter().partition(|name| is_needed(name));
    let mut text = "## Parameters\n\n".to_owned();
    for (what, names) in [("Needed", needed), ("Not needed", other)] {
        if !names.is_empty() {
            let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            let _ = writeln!(text, "{what}: {}.", names.join(", "));
        }
    }
    if all.is_empty() {
        text.push_str("None.\n");
    }
    if !example.is_empty() {
        text.push_str("\nFor example:\n\n```toml\n[check.NAME.parameters]\n");
        for (name, value) in &example {
            let _ = writeln!(text, "{} = {}", toml_key(name), toml_value(value));
        }
        text.push_str("```\n");
    }
    if let Some(example) = kind.examples.iter().find(|example| example.outcome == Outcome::Fail) {
        let seen = serde_json::from_str::<Value>(example.seen).unwrap_or_default().to_string();
        let _ = write!(
            text,
            "\nA transcript that it must call a failure, as `avouch selftest` takes one of a check:\n\n```toml\n[[check.NAME.example]]\nname = {}\noutcome = \"fail\"\nseen = {}\n```\n",
            toml_value(&Value::from(example.name)),
            if seen.contains('\'') { toml_value(&Value::from(seen)) } else { format!("'{seen}'") },
        );
    }
    text
}

/// A value on one line of TOML. Its basic strings know every escape that JSON writes.
fn toml_value(value: &Value) -> String {
    match value {
        Value::Array(list) => format!("[{}]", list.iter().map(toml_value).collect::<Vec<_>>().join(", ")),
        Value::Object(table) if table.is_empty() => "{}".to_owned(),
        Value::Object(table) => {
            let pairs: Vec<String> =
                table.iter().map(|(key, value)| format!("{} = {}", toml_key(key), toml_value(value))).collect();
            format!("{{ {} }}", pairs.join(", "))
        }
        other => other.to_string(),
    }
}

fn toml_key(key: &str) -> String {
    let is_bare = !key.is_empty() && key.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_".contains(letter));
    if is_bare { key.to_owned() } else { Value::from(key).to_string() }
}

/// The word of [`WORDS`] that is meant: as it is printed for people, for programs, or listed here.
fn word_of(said: &str) -> String {
    let state = State::ALL.iter().find(|state| said == crate::output::word(**state) || said == state.name());
    match state {
        Some(State::Pass) => "passed".to_owned(),
        Some(State::Fail) => "failed".to_owned(),
        Some(state) => state.name().to_owned(),
        None => said.replace(' ', "_"),
    }
}

fn check_page(catalogue: &Catalogue, check: &Check) -> String {
    let mut text = format!(
        "{}\n\n{}\n\nkind: {} (`avouch explain {}`)\nasked of: {}\n",
        check.id, check.question.en, check.kind, check.kind, check.subject
    );
    let _ = writeln!(text, "counts for: {}", check.max_age);
    for slot in &check.needs {
        let description = catalogue.slots.iter().find(|known| known.id == *slot).map(|known| known.description.en.as_str());
        let _ = writeln!(text, "needs: {slot}: {}", description.unwrap_or_default());
    }
    for name in &check.numbers {
        if let Some(value) = check.parameters.get(name) {
            let _ = writeln!(text, "the claim's number: {name} = {}", serde_json::to_string(value).unwrap_or_default());
        }
    }
    for claim in catalogue.claims.iter().filter(|claim| claim.deciding().any(|id| id == check.id)) {
        let _ = writeln!(text, "decides: {}: {}", claim.id, claim.statement.en);
        let others: Vec<&str> = claim.any_of.iter().map(String::as_str).filter(|id| *id != check.id).collect();
        if others.len() < claim.any_of.len() {
            let _ = writeln!(text, "  as an alternative to {}", others.join(", "));
        }
    }
    for baseline in catalogue.baseline.iter().filter(|baseline| baseline.checks.contains(&check.id)) {
        let _ = writeln!(text, "baseline, not claimed: {}", baseline.title.en);
    }
    text
}

fn control_page(catalogue: &Catalogue, control: &Control) -> String {
    let mut text = format!("{}\n\n{}\n\n{}\n\n", control.id, control.title.en, control.statement.en);
    for claim in catalogue.claims_of(&control.id) {
        let _ = writeln!(text, "claims: {}: {}", claim.id, claim.statement.en);
    }
    for check in catalogue.checks_of(&control.id) {
        let _ = writeln!(text, "checked by: {check}");
    }
    for satisfies in &control.satisfies {
        let title = catalogue.requirement(&satisfies.requirement).map(|requirement| requirement.title.en.as_str());
        let _ = writeln!(text, "addresses: {} {}", satisfies.requirement, title.unwrap_or_default());
    }
    text
}

fn claim_page(claim: &Claim) -> String {
    let mut text = format!("{}\n\n{}\n\ncontrol: {}\n", claim.id, claim.statement.en, claim.control);
    for check in &claim.checks {
        let _ = writeln!(text, "decided by: {check}");
    }
    if !claim.any_of.is_empty() {
        let _ = writeln!(
            text,
            "decided by one of: {} (one that passes is enough, and so is one that fails)",
            claim.any_of.join(", ")
        );
    }
    if let Some(untested) = &claim.untested {
        let _ = writeln!(text, "not tested: {}", untested.en);
    }
    text
}

fn requirement_page(catalogue: &Catalogue, requirement: &Requirement) -> String {
    let mut text = format!("{} {}\n\n{}\n\n{}\n", requirement.id, requirement.title.en, requirement.asks.en, requirement.url);
    let cwes: Vec<String> = requirement.cwes.iter().map(|cwe| format!("CWE-{cwe}")).collect();
    if !cwes.is_empty() {
        let _ = writeln!(text, "weaknesses: {}", cwes.join(", "));
    }
    for control in &catalogue.controls {
        if control.satisfies.iter().any(|satisfies| satisfies.requirement == requirement.id) {
            let _ = writeln!(text, "addressed by: {}: {}", control.id, control.title.en);
        }
    }
    text
}
