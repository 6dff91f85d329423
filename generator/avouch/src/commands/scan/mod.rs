//! `avouch scan`: secrets in a folder and in everything that was ever committed. Needs no `avouch.toml`, no key and no ledger, and shows
//! no secret.

mod json;
mod private;
mod sarif;
mod text;

use std::{fs, sync::Arc};

use anyhow::{Context as _, bail};
use avouch_collect::{
    Keeper as _,
    secrets::{self, Counts, Found, Memory, SecretsError},
};
use avouch_model::{Timestamp, decision::TERM_DAYS_MAX, diagnostic::Source, time::Day};
use avouch_repository::{Folder, Repository};
use avouch_scan::{Exceptions, Judged, Key, Rules, Scanner, within_term, write_exceptions};
use camino::{Utf8Path, Utf8PathBuf};

use crate::{
    cli::{Global, Scan, ScanFormat},
    clock,
    exit::{Exit, Usage},
    files::{self, Readers},
    kept::Kept,
    output::{Output, causes, plain},
    project::{read_named, read_text, shown},
};

/// The name of the memory in the private folder.
const MEMORY: &str = "scan";

/// A reason of a baseline has at least as many letters.
const REASON_MIN: usize = 4;

/// What a scan brought, as it is told.
struct Told<'a> {
    results: Vec<Secret<'a>>,
    counts: Counts,
    history: bool,
    /// The entries that nothing was found for; none where a part of the folder was scanned.
    unused: Vec<&'a avouch_scan::Exception>,
    rules: &'a Rules,
    scanner: &'a Scanner<'a>,
    /// Whether digests are shown: there is a key.
    keyed: bool,
    now: Timestamp,
}

/// A secret and how it stands.
struct Secret<'a> {
    found: Found,
    stands: Stands<'a>,
}

/// How a secret stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stands<'a> {
    /// It decides: exit code 1.
    Open,
    /// An entry was about it, and has ended: it decides again.
    Ended(&'a avouch_scan::Exception),
    /// An entry in force is about it.
    Known(&'a avouch_scan::Exception),
    /// A marker stands on its line, and markers were asked to count.
    Marked,
    /// Only worth knowing.
    Notice,
}

impl Stands<'_> {
    const fn decides(self) -> bool {
        matches!(self, Self::Open | Self::Ended(_))
    }
}

/// Looks for secrets.
pub(crate) fn scan(global: &Global, output: &Output, arguments: &Scan) -> anyhow::Result<Exit> {
    // Before anything is made for it: a key, above all.
    let terms = arguments.write_baseline.as_deref().map(|file| terms(global, arguments, file)).transpose()?;
    let place = Where::of(global, arguments)?;
    let rules = load_rules(global, output, arguments)?;
    let private = private::Private::of(&place.root);
    let random = private::random_bytes()?;
    let key = private.key(arguments.write_baseline.is_some().then_some(random), output)?;
    let exceptions = match (&arguments.baseline, &key) {
        (None, _) => Exceptions::default(),
        (Some(_), None) => bail!(Usage(
            "a baseline knows secrets by their digests, and there is no key: set AVOUCH_SCAN_KEY to the key that it was written with"
                .to_owned()
        )),
        (Some(file), Some(_)) => {
            let source = read_named(&global.directory.join(file), file.as_str())?;
            Exceptions::load(&source, clock::now().day()).map_err(|problems| shown(output, &problems))?
        }
    };
    let keyed = key.is_some();
    // Without a key digests tell values apart within this run, and are not shown: they could be guessed from.
    let scanner = Scanner::new(&rules, key.unwrap_or_else(|| Key::from_bytes(random)));
    let (found, counts) = search(&place, &private, &scanner, arguments)?;

    let now = clock::now();
    let mut results: Vec<Secret<'_>> = found
        .into_iter()
        .map(|found| {
            let stands = match exceptions.judge(&found.hit, &found.path, now) {
                _ if found.hit.notice => Stands::Notice,
                Judged::Excepted(entry) => Stands::Known(entry),
                _ if found.hit.marked && arguments.inline_allow => Stands::Marked,
                Judged::Ended(entry) => Stands::Ended(entry),
                Judged::New => Stands::Open,
            };
            Secret { found, stands }
        })
        .collect();
    results.sort_by(|one, other| {
        let key = |result: &Secret<'_>| {
            (result.found.path.clone(), result.found.hit.line, result.found.hit.column, result.found.hit.id.clone())
        };
        key(one).cmp(&key(other))
    });
    if let Some(terms) = terms {
        return write_baseline(output, &terms, &results);
    }
    let used = |entry: &&avouch_scan::Exception| {
        results.iter().any(|result| matches!(result.stands, Stands::Known(known) | Stands::Ended(known) if same(known, entry)))
    };
    let whole = place.below.is_empty() && (arguments.history || place.repository.is_none());
    let unused = exceptions.all().iter().filter(|entry| !used(entry)).collect();
    let told = Told { results, counts, history: arguments.history, unused, rules: &rules, scanner: &scanner, keyed, now };
    match arguments.format {
        ScanFormat::Text => output.result(&text::text(&told))?,
        ScanFormat::Json => output.result(&json::json(&told))?,
        ScanFormat::Sarif => output.result(&sarif::sarif(&told))?,
    }
    say(output, &told, arguments, whole);
    Ok(told.exit())
}

fn same(one: &avouch_scan::Exception, other: &avouch_scan::Exception) -> bool {
    (&one.rule, &one.path, one.digest) == (&other.rule, &other.path, other.digest)
}

impl Told<'_> {
    /// 1 when a secret decides; 3 when nothing was searched or something could not be; otherwise 0.
    fn exit(&self) -> Exit {
        if self.results.iter().any(|result| result.stands.decides()) {
            Exit::NotSatisfied
        } else if self.counts.contents == 0 || self.counts.unsearched > 0 || (self.history && self.counts.shallow) {
            Exit::CouldNotTell
        } else {
            Exit::Satisfied
        }
    }

    fn number(&self, wanted: fn(Stands<'_>) -> bool) -> usize {
        self.results.iter().filter(|result| wanted(result.stands)).count()
    }
}

/// Where to look.
struct Where {
    /// What paths are relative to: the repository where there is one.
    root: Utf8PathBuf,
    /// The folder in it that was named, or empty.
    below: String,
    repository: Option<Repository>,
}

impl Where {
    fn of(global: &Global, arguments: &Scan) -> anyhow::Result<Self> {
        let named = global.directory.join(&arguments.directory);
        if !named.is_dir() {
            bail!(Usage(format!("there is no folder `{named}`")));
        }
        let repository = Repository::discover(&named).with_context(|| format!("cannot read the git repository of `{named}`"))?;
        let whole = fs::canonicalize(&named).with_context(|| format!("cannot open the folder `{named}`"))?;
        let Some(repository) = repository else {
            if arguments.history {
                bail!(Usage(format!("`{named}` is no git repository, so it has no history")));
            }
            return Ok(Self { root: named, below: String::new(), repository: None });
        };
        let root = Utf8Path::from_path(repository.root()).context("the path of the repository is not UTF-8")?.to_owned();
        let below = whole.strip_prefix(&root).context("the folder is not within its repository")?;
        let below = below.to_str().context("the path of the folder is not UTF-8")?.replace('\\', "/");
        Ok(Self { root, below, repository: Some(repository) })
    }
}

fn load_rules(global: &Global, output: &Output, arguments: &Scan) -> anyhow::Result<Rules> {
    let rules = match &arguments.rules {
        None => Rules::own().map_err(|problems| shown(output, &problems))?,
        Some(file) => {
            let path = global.directory.join(file);
            let source = read_named(&path, file.as_str())?;
            // What it extends lies where it says, from the folder that is worked in, as gitleaks has it.
            let mut other = |other: &str| -> Result<Arc<Source>, String> {
                read_text(&global.directory.join(other), other).map_err(|error| format!("{error:#}"))
            };
            let rules = Rules::load(&source, &mut other).map_err(|problems| shown(output, &problems))?;
            rules.compile().map_err(Usage)?;
            rules
        }
    };
    output.diagnostics(rules.warnings());
    if rules.all().is_empty() {
        bail!(Usage(
            "the rules hold no rule, so nothing would be found; `[extend] useDefault = true` adds those of avouch".to_owned()
        ));
    }
    Ok(rules)
}

fn search(
    place: &Where,
    private: &private::Private,
    scanner: &Scanner<'_>,
    arguments: &Scan,
) -> anyhow::Result<(Vec<Found>, Counts)> {
    let folder = Folder::open(&place.root).with_context(|| format!("cannot read the folder `{}`", place.root))?;
    let folder = if place.repository.is_some() { folder.listed_by_git_rules() } else { folder };
    let binding = secrets::binding(scanner.rules().digest(), env!("CARGO_PKG_VERSION"));
    let keeper = private.folder().filter(|_| !arguments.no_cache).map(|folder| Kept(folder.join("cache")));
    let recalled = keeper.as_ref().and_then(|keeper| keeper.recall(MEMORY));
    let mut memory = Memory::recall(recalled.as_deref(), binding);
    let wrong = |error: SecretsError| anyhow::anyhow!("{}", causes(&error)).context("cannot look for secrets");
    let mut searched =
        secrets::folder(&folder, place.repository.as_ref(), &place.below, scanner, &mut memory, clock::now()).map_err(wrong)?;
    if let (true, Some(repository)) = (arguments.history, &place.repository) {
        let mut history = secrets::everything_committed(repository, scanner, &mut memory).map_err(wrong)?;
        if !place.below.is_empty() {
            let prefix = format!("{}/", place.below);
            history.found.retain(|found| found.path.starts_with(&prefix));
        }
        searched = searched.and(history);
    }
    if let Some(keeper) = keeper {
        let bytes = memory.bytes();
        if recalled.as_deref() != Some(bytes.as_slice()) {
            keeper.keep(MEMORY, &bytes);
        }
    }
    Ok((searched.found, searched.counts))
}

/// What is said of the scan on standard error.
fn say(output: &Output, told: &Told<'_>, arguments: &Scan, whole: bool) {
    let counts = &told.counts;
    for (path, why) in &counts.unsearched_named {
        output.warn(&format!("not searched: {}: {}", plain(path), plain(why)));
    }
    if counts.unsearched > counts.unsearched_named.len() as u64 {
        output.warn(&format!("not searched: {} more", counts.unsearched - counts.unsearched_named.len() as u64));
    }
    if told.history && counts.shallow {
        output.warn("the clone is shallow, so older commits were not searched; `git fetch --unshallow` brings them");
    }
    if whole {
        for entry in &told.unused {
            let file = arguments.baseline.as_deref().map(Utf8Path::as_str).unwrap_or_default();
            output.warn(&format!(
                "{}:{}: nothing was found for this entry ({} in {}); remove it",
                plain(file),
                entry.line,
                plain(&entry.rule),
                plain(&entry.path)
            ));
        }
    }
    let marked = told.results.iter().filter(|result| result.found.hit.marked && result.stands.decides()).count();
    if marked > 0 {
        output.note(&format!(
            "{marked} of them on lines with an allow marker; anybody who can add a secret can add a marker, so markers count with \
             --inline-allow only"
        ));
    }
    output.note(&text::summary(told));
}

/// The terms of a baseline that is to be written.
struct Terms<'a> {
    file: &'a Utf8Path,
    path: Utf8PathBuf,
    reason: &'a str,
    until: Day,
}

/// Reads the terms, and refuses those that could not count.
fn terms<'a>(global: &Global, arguments: &'a Scan, file: &'a Utf8Path) -> anyhow::Result<Terms<'a>> {
    let (Some(reason), Some(until)) = (arguments.reason.as_deref().map(str::trim), &arguments.until) else {
        bail!(Usage(
            "a baseline needs --reason, a sentence, and --until, a day: entries without an end are forgotten".to_owned()
        ));
    };
    if reason.chars().count() < REASON_MIN {
        bail!(Usage(format!(
            "--reason is too short, of fewer than {REASON_MIN} letters: write a sentence that somebody else understands"
        )));
    }
    let until: Day = until.parse().map_err(|_| Usage(format!("`{until}` is no day such as 2027-03-31")))?;
    if until.end() < clock::now() {
        bail!(Usage(format!("{until} is over; name a day to come")));
    }
    if let Err(too_long) = within_term(until, clock::now().day()) {
        let (days, last) = (too_long.days, too_long.last);
        let message = format!("a term of {days} days is too long: at most {TERM_DAYS_MAX}; name {last} or an earlier day");
        bail!(Usage(format!("{message}, and decide again then")));
    }
    let path = global.directory.join(file);
    if path.exists() {
        bail!(Usage(format!("`{file}` is there already; entries are written into a new file, for you to move over")));
    }
    Ok(Terms { file, path, reason, until })
}

fn write_baseline(output: &Output, terms: &Terms<'_>, results: &[Secret<'_>]) -> anyhow::Result<Exit> {
    let Terms { file, path, reason, until } = terms;
    let open = results.iter().filter(|result| result.stands.decides());
    let text = write_exceptions(open.map(|result| (&result.found.hit, result.found.path.as_str())), reason, *until);
    files::put(path, text.as_bytes(), Readers::Everyone).with_context(|| format!("cannot write `{path}`"))?;
    output.note(&format!("{} entries in {}; each ends on {until}", text.matches("[[allow]]").count(), plain(file.as_str())));
    Ok(Exit::Satisfied)
}
