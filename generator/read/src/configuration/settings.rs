//! The sections that are one table each.

use std::collections::{BTreeMap, BTreeSet};

use avouch_model::{
    configuration::{EvidenceSettings, Gate, GateTerms, Party, SbomSettings, Schedule, SiteSettings},
    payload::{DisclosurePromise, ProductName},
    product::Person,
};

use super::{is_inner_path, is_slug};
use crate::{
    mapping::builtin_names,
    schedule::Slots,
    toml_walk::{Field, TableReader, suggestion},
};

/// The languages that the site is written in.
const LANGUAGES: &[(&str, &str)] = &[("en", "en"), ("fr", "fr")];

pub(super) fn product(root: &TableReader<'_, '_>) -> (Option<ProductName>, Vec<String>) {
    let Some(table) = root.required("product").table() else { return (None, Vec::new()) };
    let name = table.required("name").words();
    let slug = slug(&table.required("slug"));
    let languages = table.optional("languages");
    let mut chosen: Vec<String> = Vec::new();
    for language in languages.texts().unwrap_or_default() {
        match LANGUAGES.iter().find(|(known, _)| known == language.get_ref()) {
            Some((known, _)) if chosen.iter().any(|other| other == known) => {}
            Some((known, _)) => chosen.push((*known).to_owned()),
            None => table.walk().report(
                table
                    .walk()
                    .error("unknown-language", language.span(), format!("the site is not written in `{}`", language.get_ref()))
                    .label("named here")
                    .help("one of `en`, `fr`"),
            ),
        }
    }
    if chosen.is_empty() {
        chosen = LANGUAGES.iter().map(|(known, _)| (*known).to_owned()).collect();
    }
    let profiles = profiles(&table);
    table.finish();
    let product = name.zip(slug).map(|(name, slug)| ProductName { name: name.into_inner(), slug, languages: chosen });
    (product, profiles)
}

fn profiles(table: &TableReader<'_, '_>) -> Vec<String> {
    let (built_in, mut profiles) = (builtin_names(), Vec::new());
    for profile in table.optional("profiles").texts().unwrap_or_default() {
        let name = profile.get_ref();
        let is_path = name.ends_with(".toml") && is_inner_path(name);
        if !is_path && !built_in.contains(&name.as_str()) {
            let mut help = suggestion(name, built_in.iter().copied());
            help.push_str(" (or the path of a TOML file of your own, beneath this folder)");
            let message = format!("no profile is named `{name}`");
            table.walk().report(table.walk().error("unknown-profile", profile.span(), message).label("named here").help(help));
        } else if !profiles.contains(name) {
            profiles.push(name.clone());
        }
    }
    profiles
}

pub(super) fn release(root: &TableReader<'_, '_>) -> String {
    let Some(table) = root.optional("release").table() else { return "v*".to_owned() };
    let tags = table.optional("tags").words().map_or_else(|| "v*".to_owned(), toml::Spanned::into_inner);
    table.finish();
    tags
}

pub(super) fn sbom(root: &TableReader<'_, '_>) -> SbomSettings {
    let default = SbomSettings { spec: "1.6".to_owned(), formats: vec!["json".to_owned()], ..SbomSettings::default() };
    let Some(table) = root.optional("sbom").table() else { return default };
    let specs = [("1.5", "1.5"), ("1.6", "1.6"), ("1.7", "1.7")];
    let spec = table.optional("spec").one_of(&specs).map_or("1.6", toml::Spanned::into_inner);
    let formats = formats(&table, default.formats.clone());
    let (author, supplier) = (party(&table.optional("author")), party(&table.optional("supplier")));
    table.finish();
    SbomSettings { spec: spec.to_owned(), formats, author, supplier }
}

/// The formats of an SBOM, `json` first: the others are made of it, and the checks read it.
fn formats(table: &TableReader<'_, '_>, default: Vec<String>) -> Vec<String> {
    const KNOWN: [&str; 3] = ["json", "xml", "spdx-json"];
    let Some(named) = table.optional("formats").texts() else { return default };
    let report = |format: &toml::Spanned<String>, code: &'static str, message: String, help: &str| {
        let problem = table.walk().error(code, format.span(), message);
        table.walk().report(problem.label("named here").help(help));
    };
    for (at, format) in named.iter().enumerate() {
        let name = format.get_ref();
        if !KNOWN.contains(&name.as_str()) {
            let help = "write `json`, `xml` or `spdx-json`";
            report(format, "unknown-format", format!("SBOMs are not written as `{name}`"), help);
        } else if named.iter().take(at).any(|before| before.get_ref() == name) {
            report(format, "format-twice", format!("`{name}` is named twice"), "name each format once");
        }
    }
    let others_only = |format: &toml::Spanned<String>| ["xml", "spdx-json"].contains(&format.get_ref().as_str());
    if let Some(first) = named.first().filter(|_| named.iter().all(others_only)) {
        let message = "an SBOM is written as JSON in any case: the other formats are made of it, and checks read it";
        report(first, "format-without-json", message.to_owned(), "add `json`");
    }
    let written = KNOWN.into_iter().filter(|known| named.iter().any(|format| format.get_ref() == known));
    let written: Vec<String> = written.map(str::to_owned).collect();
    if written.is_empty() { default } else { written }
}

/// Who answers for something: a name, and where to ask.
fn party(field: &Field<'_, '_>) -> Option<Party> {
    let table = field.table()?;
    let name = table.required("name").words().map(toml::Spanned::into_inner);
    let url = table.optional("url");
    let email = table.optional("email");
    let checked = |field: &Field<'_, '_>, fits: fn(&str) -> bool, message: &str, help: &str| {
        let text = field.words()?;
        if !fits(text.get_ref()) {
            field.report("bad-contact", text.span(), message, help);
            return None;
        }
        Some(text.into_inner())
    };
    let url = checked(&url, is_web_address, "this is no address of the web", "write an `https://` address");
    let email = checked(&email, is_mail_address, "this is no address for mail", "write it plain: `sbom@example.com`");
    table.finish();
    Some(Party { name: name?, url, email })
}

fn is_web_address(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    host.is_some_and(|host| !host.is_empty() && !host.starts_with('/'))
        && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte))
}

fn is_mail_address(text: &str) -> bool {
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"(),:;<>[\\]".contains(&byte));
    plain && text.split_once('@').is_some_and(|(user, host)| !user.is_empty() && host.contains('.') && !host.contains('@'))
}

pub(super) fn schedule(root: &TableReader<'_, '_>) -> Schedule {
    let Some(table) = root.optional("schedule").table() else { return Schedule::default() };
    let read = |key: &str| {
        let text = table.optional(key).text()?;
        match Slots::parse(text.get_ref()) {
            Ok(slots) => Some((text.into_inner(), slots.longest_gap())),
            Err(error) => {
                table.walk().report(table.walk().error("bad-schedule", text.span(), error.to_string()).label("written here"));
                None
            }
        }
    };
    let (purge, run) = (read("purge"), read("run"));
    table.finish();
    let (purge, purge_gap) = purge.unzip();
    let (run, run_gap) = run.unzip();
    Schedule { purge, run, purge_gap, run_gap }
}

pub(super) fn bind(root: &TableReader<'_, '_>) -> BTreeMap<String, String> {
    let Some(table) = root.optional("bind").table() else { return BTreeMap::new() };
    let filled = table.entries().into_iter().filter_map(|(slot, field)| Some((slot.into_inner(), field.words()?.into_inner())));
    filled.collect()
}

pub(super) fn gate(root: &TableReader<'_, '_>) -> (Gate, GateTerms) {
    let Some(table) = root.optional("gate").table() else { return (Gate::Configured, GateTerms::default()) };
    let field = table.optional("require");
    let is_list = field.json().is_some_and(|json| json.get_ref().as_list().is_some());
    let gate = if is_list {
        Gate::Only(field.texts().unwrap_or_default().into_iter().map(toml::Spanned::into_inner).collect())
    } else {
        field.one_of(&[("configured", false), ("all", true)]).map_or(Gate::Configured, |all| match all.into_inner() {
            true => Gate::All,
            false => Gate::Configured,
        })
    };
    let terms = GateTerms {
        no_worse_than: table.optional("no_worse_than").words().map(toml::Spanned::into_inner),
        baseline: table.optional("baseline").boolean().is_some_and(toml::Spanned::into_inner),
    };
    table.finish();
    (gate, terms)
}

pub(super) fn people(root: &TableReader<'_, '_>) -> BTreeMap<String, Person> {
    let Some(table) = root.optional("people").table() else { return BTreeMap::new() };
    let mut people = BTreeMap::new();
    for (name, field) in table.entries() {
        let Some(person) = field.table() else { continue };
        let key = person.required("key").words();
        let roles: BTreeSet<String> =
            person.required("roles").texts().unwrap_or_default().into_iter().map(toml::Spanned::into_inner).collect();
        person.finish();
        let Some(key) = key else { continue };
        let type_known = key.get_ref().starts_with("ssh-ed25519 ") || key.get_ref().starts_with("sk-ssh-ed25519@openssh.com ");
        if !type_known {
            let message = format!("the key of `{}` is not an Ed25519 key in OpenSSH's form", name.get_ref());
            let help = "write the line of the `.pub` file: `ssh-ed25519 AAAA…` or `sk-ssh-ed25519@openssh.com AAAA…`";
            table.walk().report(table.walk().error("bad-key", key.span(), message).label("written here").help(help));
        }
        if roles.is_empty() {
            let message = format!("`{}` has no role; roles are what is published instead of names", name.get_ref());
            table
                .walk()
                .report(table.walk().error("no-role", name.span(), message).label("named here").help("roles = [\"security\"]"));
        }
        let name = name.into_inner();
        people.insert(name.clone(), Person { name, key: key.into_inner(), roles });
    }
    people
}

pub(super) fn disclosure(root: &TableReader<'_, '_>) -> DisclosurePromise {
    let Some(table) = root.optional("disclosure").table() else { return DisclosurePromise::default() };
    let contact = table.optional("contact").words();
    if let Some(contact) = &contact {
        let text = contact.get_ref();
        let is_mail =
            text.strip_prefix("mailto:").is_some_and(|address| address.contains('@') && !address.contains(['[', ' ', '<']));
        if !is_mail && !text.starts_with("https://") {
            let message = "the contact is not a URI that a reporter can use";
            let help = "write `mailto:security@example.com` or an `https://` address (RFC 9116, section 2.5.3)";
            table.walk().report(table.walk().error("bad-contact", contact.span(), message).label("written here").help(help));
        }
    }
    let triage_within = table.optional("triage_within").parsed().map(toml::Spanned::into_inner);
    let fix_within = table.optional("fix_within").table().map(|fix| {
        let limits = ["critical", "high", "medium", "low"];
        let read =
            limits.iter().filter_map(|severity| Some(((*severity).to_owned(), fix.optional(severity).parsed()?.into_inner())));
        let limits = read.collect();
        fix.finish();
        limits
    });
    table.finish();
    DisclosurePromise {
        contact: contact.map(toml::Spanned::into_inner),
        triage_within,
        fix_within: fix_within.unwrap_or_default(),
    }
}

pub(super) fn evidence(root: &TableReader<'_, '_>) -> Option<EvidenceSettings> {
    let table = root.required("evidence").table()?;
    let origin = table.required("origin").words();
    if let Some(origin) = &origin {
        let text = origin.get_ref();
        // C2SP signed-note: a key name is non-empty and holds neither white space nor a plus sign.
        if text.chars().any(|character| character.is_whitespace() || character == '+' || character.is_control())
            || text.len() > 200
        {
            let message = "the origin holds white space, `+` or more than 200 bytes";
            table.walk().report(table.walk().error("bad-origin", origin.span(), message).label("written here"));
        }
    }
    let ledger = sqlite_file(&table.optional("ledger"), ".avouch/ledger.db");
    let signing_key_env = table.optional("signing_key_env").words().map(toml::Spanned::into_inner);
    table.finish();
    Some(EvidenceSettings { origin: origin?.into_inner(), ledger, signing_key_env })
}

pub(super) fn site(root: &TableReader<'_, '_>) -> SiteSettings {
    let default = SiteSettings { out: "public".to_owned(), base_url: None };
    let Some(table) = root.optional("site").table() else { return default };
    let field = table.optional("out");
    let out = field.words();
    if let Some(out) = out.as_ref().filter(|out| !is_a_folder_of_its_own(out.get_ref())) {
        field.report(
            "bad-out",
            out.span(),
            format!("the site cannot be put into `{}`: everything in that folder belongs to the site", out.get_ref()),
            "name a folder of its own: `public`",
        );
    }
    let base_url = table.optional("base_url").words();
    if let Some(url) = &base_url
        && !(url.get_ref().starts_with("https://") || url.get_ref().starts_with("http://"))
    {
        let message = "the address of the site does not begin with https://";
        table.walk().report(table.walk().error("bad-url", url.span(), message).label("written here"));
    }
    table.finish();
    let out = out.map_or(default.out, toml::Spanned::into_inner);
    SiteSettings { out, base_url: base_url.map(|url| url.into_inner().trim_end_matches('/').to_owned()) }
}

/// Whether a path is neither the folder of the configuration, nor one around it, nor what git or the ledger keep to themselves.
fn is_a_folder_of_its_own(path: &str) -> bool {
    let mut below = Vec::new();
    for part in path.split('/').filter(|part| !matches!(*part, "" | ".")) {
        match (part, below.last()) {
            (".git" | ".avouch", _) => return false,
            ("..", Some(&last)) if last != ".." => drop(below.pop()),
            _ => below.push(part),
        }
    }
    below.last().is_some_and(|last| *last != "..")
}

/// A slug, or none with a report.
pub(super) fn slug(field: &Field<'_, '_>) -> Option<String> {
    let text = field.words()?;
    if is_slug(text.get_ref()) {
        return Some(text.into_inner());
    }
    field.report(
        "bad-slug",
        text.span(),
        format!("`{}` is not a slug", text.get_ref()),
        "use lower-case letters, digits, `-` and `_`",
    );
    None
}

/// The file of a `sqlite:` address.
pub(super) fn sqlite_file(field: &Field<'_, '_>, default: &str) -> String {
    let Some(text) = field.words() else { return default.to_owned() };
    match text.get_ref().strip_prefix("sqlite:") {
        Some(path) if !path.is_empty() => path.to_owned(),
        _ => {
            field.report(
                "bad-url",
                text.span(),
                format!("`{}` names no SQLite file", text.get_ref()),
                format!("write `sqlite:{default}`"),
            );
            default.to_owned()
        }
    }
}
