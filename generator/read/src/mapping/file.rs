//! One mapping file as it is written: read strictly, names still with their places, nothing joined yet.

use std::{collections::BTreeSet, ops::Range, sync::Arc};

use avouch_model::{
    Json, Span,
    catalogue::{Bound, Localised, Relation, Requirement, Severity, Slot, SlotType, Standard, Strength, When},
    diagnostic::{Diagnostic, Source},
    json::Object,
    state::Outcome,
};
use toml::Spanned;

use super::{Builtins, ProfileSource};
use crate::toml_walk::{self, Field, TableReader, Walk, suggestion};

/// What one file holds.
#[derive(Debug)]
pub(super) struct MappingFile {
    pub(super) source: Arc<Source>,
    pub(super) standards: Vec<Standard>,
    pub(super) profile: Option<(String, Localised)>,
    pub(super) controls: Vec<WrittenControl>,
    pub(super) slots: Vec<(Range<usize>, Slot)>,
    pub(super) checks: Vec<WrittenCheck>,
    pub(super) claims: Vec<WrittenClaim>,
    pub(super) baseline: Vec<WrittenBaseline>,
    /// The ids of all controls, those with mistakes too: a name that is there is not unknown.
    pub(super) control_ids: Vec<String>,
    /// The ids of all checks, as above.
    pub(super) check_ids: Vec<String>,
}

#[derive(Debug)]
pub(super) struct WrittenControl {
    pub(super) id: Spanned<String>,
    pub(super) title: Localised,
    pub(super) statement: Localised,
    pub(super) satisfies: Vec<(Spanned<String>, Relation)>,
}

/// A check as written: what it leaves out comes from the check that it is `like`.
#[derive(Clone, Debug)]
pub(super) struct WrittenCheck {
    pub(super) id: Spanned<String>,
    pub(super) like: Option<Spanned<String>>,
    pub(super) kind: Option<Spanned<String>>,
    pub(super) question: Localised,
    pub(super) subject: Option<String>,
    pub(super) when: Option<When>,
    pub(super) bound: Option<Bound>,
    pub(super) max_age: Option<Span>,
    pub(super) severity: Option<Severity>,
    pub(super) needs: Vec<Spanned<String>>,
    pub(super) parameters: Object,
    pub(super) parameters_span: Range<usize>,
    pub(super) numbers: Vec<Spanned<String>>,
    /// Its own, never those of the check that it is like.
    pub(super) examples: Vec<WrittenExample>,
}

/// What a check must say of a transcript.
#[derive(Clone, Debug)]
pub(super) struct WrittenExample {
    pub(super) name: String,
    pub(super) outcome: Outcome,
    pub(super) seen: Json,
}

#[derive(Debug)]
pub(super) struct WrittenClaim {
    pub(super) id: Spanned<String>,
    pub(super) control: Spanned<String>,
    pub(super) strength: Strength,
    pub(super) statement: Localised,
    pub(super) requirements: Vec<Spanned<String>>,
    pub(super) checks: Vec<Spanned<String>>,
    pub(super) any_of: Vec<Spanned<String>>,
    pub(super) untested: Option<Localised>,
}

impl WrittenClaim {
    pub(super) fn deciding(&self) -> impl Iterator<Item = &Spanned<String>> {
        self.checks.iter().chain(&self.any_of)
    }
}

#[derive(Debug)]
pub(super) struct WrittenBaseline {
    pub(super) id: Spanned<String>,
    pub(super) title: Localised,
    pub(super) requirements: Vec<Spanned<String>>,
    pub(super) checks: Vec<Spanned<String>>,
}

/// What begins the id of each check of the baseline: no check of a profile can be called so, whatever the baseline brings later.
const BASELINE: &str = "baseline.";

/// Reads the built-in files and the profiles; files with broken syntax are left out, and their mistakes reported.
pub(super) fn read_all(profiles: &[ProfileSource], builtins: &Builtins) -> (Vec<MappingFile>, Vec<Diagnostic>) {
    let mut files = Vec::new();
    let mut problems = Vec::new();
    let mut read = |path: String, text: &str, role| {
        let source = Arc::new(Source { path, text: text.to_owned() });
        let (file, found) = read_file(&source, role);
        files.extend(file);
        problems.extend(found);
    };
    for (path, text) in &builtins.standards {
        read(path.clone(), text, Role::Standard);
    }
    for (path, text) in &builtins.controls {
        read(path.clone(), text, Role::Controls);
    }
    // What is nobody's product is asked nothing.
    for (path, text) in builtins.baseline.iter().filter(|_| !profiles.is_empty()) {
        read(path.clone(), text, Role::Baseline);
    }
    for profile in profiles {
        let built_in = super::builtin_profiles().contains(profile);
        let path = if built_in { format!("mappings/profiles/{}.toml", profile.name) } else { profile.name.clone() };
        read(path, &profile.text, Role::Profile);
    }
    (files, problems)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Standard,
    Controls,
    Baseline,
    Profile,
}

fn read_file(source: &Arc<Source>, role: Role) -> (Option<MappingFile>, Vec<Diagnostic>) {
    let document = match toml_walk::parse(source) {
        Ok(document) => document,
        Err(problems) => return (None, problems),
    };
    let walk = Walk::new(source);
    let root = walk.root(&document);
    let mut file = MappingFile {
        source: Arc::clone(source),
        standards: Vec::new(),
        profile: None,
        controls: Vec::new(),
        slots: Vec::new(),
        checks: Vec::new(),
        claims: Vec::new(),
        baseline: Vec::new(),
        control_ids: Vec::new(),
        check_ids: Vec::new(),
    };
    match role {
        Role::Standard => file.standards.extend(standard(&root)),
        Role::Controls | Role::Profile => {
            file.controls = named(&root.optional("control"), control);
            file.control_ids = ids(&root.optional("control"));
        }
        Role::Baseline => {
            file.slots = named(&root.optional("slot"), slot);
            file.checks = named(&root.required("check"), check).into_iter().map(of_the_baseline).collect();
            file.baseline = named(&root.required("baseline"), baseline);
        }
    }
    if role == Role::Profile {
        let id = root.required("id").words();
        let title = localised(&root.required("title"));
        file.profile = id.zip(title).map(|(id, title)| (id.into_inner(), title));
        file.slots = named(&root.optional("slot"), slot);
        file.checks = named(&root.optional("check"), check);
        file.check_ids = ids(&root.optional("check"));
        file.claims = named(&root.required("claim"), claim);
    }
    root.finish();
    (Some(file), walk.problems())
}

/// The members of a table whose keys are ids.
fn named<T>(field: &Field<'_, '_>, read: impl Fn(Spanned<String>, &TableReader<'_, '_>) -> Option<T>) -> Vec<T> {
    let Some(table) = field.table() else { return Vec::new() };
    let mut values = Vec::new();
    for (id, member) in table.entries() {
        let Some(member) = member.table() else { continue };
        values.extend(read(id, &member));
        member.finish();
    }
    values
}

/// The keys of such a table; one of another type was reported when it was read.
fn ids(field: &Field<'_, '_>) -> Vec<String> {
    if !field.is_table() {
        return Vec::new();
    }
    let entries = field.table().map(|table| table.entries()).unwrap_or_default();
    entries.into_iter().map(|(id, _)| id.into_inner()).collect()
}

fn standard(root: &TableReader<'_, '_>) -> Option<Standard> {
    let text = |key| root.required(key).words().map(Spanned::into_inner);
    let (id, title, version) = (text("id"), text("title"), text("version"));
    let (url, notice) = (text("url"), text("notice"));
    let requirements = root.required("requirement").tables();
    let requirements = requirements.iter().filter_map(requirement).collect();
    Some(Standard { id: id?, title: title?, version: version?, url: url?, notice: notice?, requirements })
}

fn requirement(table: &TableReader<'_, '_>) -> Option<Requirement> {
    let id = table.required("id").words();
    let title = localised(&table.required("title"));
    let asks = localised(&table.required("asks"));
    let url = table.required("url").words();
    let cwes = table.required("cwes").integers(1, i64::from(u32::MAX));
    table.finish();
    Some(Requirement {
        id: id?.into_inner(),
        title: title?,
        asks: asks?,
        cwes: cwes?.iter().filter_map(|cwe| u32::try_from(*cwe.get_ref()).ok()).collect(),
        url: url?.into_inner(),
    })
}

fn control(id: Spanned<String>, table: &TableReader<'_, '_>) -> Option<WrittenControl> {
    slug(table.walk(), &id);
    let title = localised(&table.required("title"));
    let statement = localised(&table.required("statement"));
    let mut satisfies = Vec::new();
    for item in table.required("satisfies").tables() {
        let requirement = item.required("requirement").words();
        let relation = item.required("relation").one_of(RELATIONS);
        item.finish();
        satisfies.extend(requirement.zip(relation.map(Spanned::into_inner)));
    }
    Some(WrittenControl { id, title: title?, statement: statement?, satisfies })
}

fn slot(id: Spanned<String>, table: &TableReader<'_, '_>) -> Option<(Range<usize>, Slot)> {
    let description = read_localised(table);
    let default = table.optional("default").words();
    let prefix = id.get_ref().split_once('.').map_or("", |(prefix, _)| prefix);
    let found = SLOT_TYPES.iter().find(|(word, _)| *word == prefix);
    let Some((_, r#type)) = found else {
        let problem =
            table.walk().error("unknown-slot-type", id.span(), format!("the slot `{}` has no known type", id.get_ref()));
        let help = format!("its first part says what fills it; {}", suggestion(prefix, SLOT_TYPES.iter().map(|(word, _)| *word)));
        table.walk().report(problem.label("written here").help(help));
        return None;
    };
    if let Some(default) = default.as_ref().filter(|_| *r#type != SlotType::File) {
        let problem = table.walk().error("slot-default", default.span(), "only files have a place by convention");
        table.walk().report(problem.label("written here").help("leave `default` out: the product says what fills it"));
    }
    let slot =
        Slot { id: id.get_ref().clone(), r#type: *r#type, description: description?, default: default.map(Spanned::into_inner) };
    Some((id.span(), slot))
}

fn check(id: Spanned<String>, table: &TableReader<'_, '_>) -> Option<WrittenCheck> {
    slug(table.walk(), &id);
    let like = table.optional("like").words();
    let field = |key| if like.is_some() { table.optional(key) } else { table.required(key) };
    let kind = field("kind").words();
    let question = localised(&table.required("question"));
    let subject = field("subject").words();
    let when = field("when").one_of(WHENS);
    let bound = field("bound").one_of(BOUNDS);
    let max_age = field("max_age").parsed::<Span>();
    let severity = field("severity").one_of(SEVERITIES);
    let needs = table.optional("needs").texts().unwrap_or_default();
    let parameters = table.optional("parameters").object();
    let numbers = table.optional("numbers").texts().unwrap_or_default();
    let examples = table.optional("example").tables().iter().filter_map(example).collect();
    let complete = kind.is_some() && subject.is_some() && when.is_some();
    if like.is_none() && !(complete && bound.is_some() && max_age.is_some() && severity.is_some()) {
        return None;
    }
    // The span of a dotted or headed table may begin before its members; none begins before the check's own name.
    let span = parameters.as_ref().map_or_else(|| id.span(), Spanned::span);
    let parameters_span = span.start.max(id.span().start)..span.end.max(id.span().end);
    Some(WrittenCheck {
        id,
        like,
        kind,
        question: question?,
        subject: subject.map(Spanned::into_inner),
        when: when.map(Spanned::into_inner),
        bound: bound.map(Spanned::into_inner),
        max_age: max_age.map(Spanned::into_inner),
        severity: severity.map(Spanned::into_inner),
        needs,
        parameters: parameters.map(Spanned::into_inner).unwrap_or_default(),
        parameters_span,
        numbers,
        examples,
    })
}

fn example(table: &TableReader<'_, '_>) -> Option<WrittenExample> {
    let name = table.required("name").words();
    let outcome = table.required("outcome").one_of(OUTCOMES);
    let field = table.required("seen");
    let seen = field.words();
    table.finish();
    let (name, outcome, seen) = (name?, outcome?, seen?);
    match serde_json::from_str(seen.get_ref()) {
        Ok(json) => Some(WrittenExample { name: name.into_inner(), outcome: outcome.into_inner(), seen: json }),
        Err(error) => {
            let way_out = "write the transcript of the kind as a text of JSON; `avouch explain KIND` shows one";
            field.report("example-transcript", seen.span(), format!("the transcript is no JSON: {error}"), way_out);
            None
        }
    }
}

/// The check under the name that it has outside its file.
fn of_the_baseline(mut check: WrittenCheck) -> WrittenCheck {
    check.id = Spanned::new(check.id.span(), format!("{BASELINE}{}", check.id.get_ref()));
    check
}

fn baseline(id: Spanned<String>, table: &TableReader<'_, '_>) -> Option<WrittenBaseline> {
    slug(table.walk(), &id);
    let title = localised(&table.required("title"));
    let requirements = table.optional("requirements").texts().unwrap_or_default();
    let checks = table.required("checks").texts();
    let checks = checks?.into_iter().map(|check| Spanned::new(check.span(), format!("{BASELINE}{}", check.get_ref())));
    Some(WrittenBaseline { id, title: title?, requirements, checks: checks.collect() })
}

fn claim(id: Spanned<String>, table: &TableReader<'_, '_>) -> Option<WrittenClaim> {
    let control = table.required("control").words();
    let strength = table.required("strength").one_of(STRENGTHS);
    let statement = localised(&table.required("statement"));
    let requirements = table.optional("requirements").texts().unwrap_or_default();
    let checks = table.optional("checks").texts().unwrap_or_default();
    let any_of = table.optional("any_of").texts().unwrap_or_default();
    let untested = localised(&table.optional("untested"));
    if let [alone] = any_of.as_slice() {
        let problem = table.walk().error(
            "single-alternative",
            alone.span(),
            format!("`{}` is no alternative to anything", alone.get_ref()),
        );
        table.walk().report(problem.label("written here").help("name another check beside it, or write it in `checks`"));
    }
    for (place, check) in checks.iter().chain(&any_of).enumerate() {
        if checks.iter().chain(&any_of).take(place).any(|other| other.get_ref() == check.get_ref()) {
            let problem = table.walk().error(
                "check-twice",
                check.span(),
                format!("the claim `{}` names `{}` twice", id.get_ref(), check.get_ref()),
            );
            table.walk().report(
                problem.label("written here").help("a check decides alone, in `checks`, or as one of several, in `any_of`"),
            );
        }
    }
    if (checks.is_empty() && any_of.is_empty()) == untested.is_none() {
        let (message, help) = if untested.is_none() {
            (
                format!("the claim `{}` has no checks, and no reason why", id.get_ref()),
                "name the checks that decide it in `checks` or `any_of`, or write `untested.en = …`",
            )
        } else {
            (format!("the claim `{}` has checks, and says that it is not tested", id.get_ref()), "keep its checks or `untested`")
        };
        let problem = table.walk().error("claim-without-check", id.span(), message);
        table.walk().report(problem.label("this claim").help(help));
    }
    Some(WrittenClaim {
        id,
        control: control?,
        strength: strength?.into_inner(),
        statement: statement?,
        requirements,
        checks,
        any_of,
        untested,
    })
}

fn localised(field: &Field<'_, '_>) -> Option<Localised> {
    let table = field.table()?;
    let text = read_localised(&table);
    table.finish();
    text
}

fn read_localised(table: &TableReader<'_, '_>) -> Option<Localised> {
    let en = table.required("en").words();
    let fr = table.optional("fr").words();
    Some(Localised { en: en?.into_inner(), fr: fr.map(Spanned::into_inner) })
}

/// Ids become file names and addresses: lower-case words with hyphens.
fn slug(walk: &Walk, id: &Spanned<String>) {
    let text = id.get_ref();
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if text.is_empty() || !text.bytes().all(allowed) || text.starts_with('-') || text.ends_with('-') {
        let problem = walk.error("bad-id", id.span(), format!("`{text}` cannot be an id"));
        walk.report(
            problem.label("written here").help("use lower-case letters, digits and hyphens, such as `rate-limit-address`"),
        );
    }
}

/// The names of the parameters and slots that a text refers to as `${name}`.
pub(super) fn references(text: &str) -> BTreeSet<&str> {
    let mut rest = text;
    let mut names = BTreeSet::new();
    while let Some((_, after)) = rest.split_once("${") {
        let Some((name, left)) = after.split_once('}') else { break };
        names.insert(name);
        rest = left;
    }
    names
}

const RELATIONS: &[(&str, Relation)] = &[
    ("subset-of", Relation::SubsetOf),
    ("intersects-with", Relation::IntersectsWith),
    ("superset-of", Relation::SupersetOf),
    ("equivalent-to", Relation::EquivalentTo),
];

const STRENGTHS: &[(&str, Strength)] = &[
    ("must", Strength::Must),
    ("should", Strength::Should),
    ("prohibits", Strength::Prohibits),
    ("states", Strength::States),
    ("permits", Strength::Permits),
    ("planned", Strength::Planned),
];

const WHENS: &[(&str, When)] = &[("build", When::Build), ("deploy", When::Deploy), ("operate", When::Operate)];

const OUTCOMES: &[(&str, Outcome)] =
    &[("pass", Outcome::Pass), ("fail", Outcome::Fail), ("error", Outcome::Error), ("not_exercised", Outcome::NotExercised)];

const BOUNDS: &[(&str, Bound)] = &[("release", Bound::Release), ("time", Bound::Time)];

const SEVERITIES: &[(&str, Severity)] =
    &[("low", Severity::Low), ("medium", Severity::Medium), ("high", Severity::High), ("critical", Severity::Critical)];

const SLOT_TYPES: &[(&str, SlotType)] = &[
    ("target", SlotType::Target),
    ("principal", SlotType::Principal),
    ("route", SlotType::Route),
    ("database", SlotType::Database),
    ("retention", SlotType::Retention),
    ("table", SlotType::Table),
    ("column", SlotType::Column),
    ("report", SlotType::Report),
    ("file", SlotType::File),
    ("text", SlotType::Text),
    ("secret", SlotType::Secret),
    ("attestation", SlotType::Attestation),
    ("provider", SlotType::Provider),
];
