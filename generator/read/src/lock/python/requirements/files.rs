//! A `requirements.txt` and the files that it names: those that it includes (`-r`), and those that narrow what it asks for
//! (`-c`), and so on from there.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    vec,
};

use avouch_model::{Digest, diagnostic::Source};

use super::line::{self, Given, Line};
use crate::{
    lock::{
        Format, OTHER_BYTES_MAX, address,
        graph::PLACES_MAX,
        intact,
        origin::{joined, relative_path},
    },
    structured::{Unreadable, shown, text_source},
};

/// How many files one may lead to. A service of many parts has some dozens.
const FILES_MAX: usize = 1_000;
/// How long the path of one may be, in bytes: what Linux opens (`PATH_MAX`). Without it, a file that includes one below
/// itself by a long name costs the square of its depth.
const PATH_BYTES_MAX: usize = 4_096;

/// What all the files say, in the order in which pip reads them.
#[derive(Default)]
pub(super) struct Files {
    /// Every line that includes no file.
    pub(super) lines: Vec<Stated>,
    /// What is named and was not read.
    pub(super) open: Vec<String>,
    /// The files besides the first one, by path.
    pub(super) included: BTreeMap<String, Digest>,
}

/// A line of one of the files.
pub(super) struct Stated {
    pub(super) source: Arc<Source>,
    pub(super) line: Line,
    /// Whether it only narrows what others ask for.
    pub(super) narrows: bool,
}

/// A file that is being read.
struct Reading {
    path: String,
    narrows: bool,
    source: Arc<Source>,
    rest: vec::IntoIter<Line>,
}

/// Reads a file and those that it leads to. `beside` gives the bytes of a file by its path; none where there is none.
pub(super) fn read(source: Arc<Source>, beside: &dyn Fn(&str) -> Option<Vec<u8>>) -> Result<Files, Unreadable> {
    let mut files = Files::default();
    let mut known: BTreeSet<(String, bool)> = BTreeSet::new();
    let mut budget = Budget { bytes: OTHER_BYTES_MAX, lines: PLACES_MAX };
    let mut open = vec![begin(source, false, &mut budget)?];
    while let Some(reading) = open.last_mut() {
        let Some(line) = reading.rest.next() else {
            open.pop();
            continue;
        };
        let source = reading.source.clone();
        let Some((named, narrows)) = names_file(&line) else {
            files.lines.push(Stated { source, line, narrows: reading.narrows });
            continue;
        };
        let Some(path) = place(&reading.path, named, &source, &line)? else {
            files.open.push(format!("includes {}, which is not read", shown(&address::of_archive(named))));
            continue;
        };
        if open.iter().any(|above| above.path == path) {
            let message = format!("`{}` is included here, and leads to this line itself", shown(&path));
            return Err(line.refuse(&source, message).help("remove one of the lines of this circle"));
        }
        // What was read says the same once more. That it was read as constraints says nothing of its requirements.
        if !known.insert((path.clone(), narrows)) {
            continue;
        }
        if known.len() > FILES_MAX {
            let message = format!("more than {FILES_MAX} files are included up to here");
            return Err(line.refuse(&source, message).help("no project needs so many; look at how the files came about"));
        }
        match beside(&path) {
            Some(bytes) => {
                files.included.insert(path.clone(), Digest::of(&bytes));
                intact(&path, &bytes, Format::Requirements)?;
                open.push(begin(text_source(&path, Cow::Owned(bytes), budget.bytes)?, narrows, &mut budget)?);
            }
            None => files.open.push(format!("includes {}, which is not read", shown(&path))),
        }
    }
    Ok(files)
}

/// How much may still be read.
struct Budget {
    bytes: u64,
    lines: usize,
}

fn begin(source: Arc<Source>, narrows: bool, budget: &mut Budget) -> Result<Reading, Unreadable> {
    let lines = line::lines(&source, budget.lines)?;
    budget.bytes = budget.bytes.saturating_sub(source.text.len() as u64);
    budget.lines -= lines.len();
    Ok(Reading { path: source.path.clone(), narrows, source, rest: lines.into_iter() })
}

/// The file that a line names, and whether it only narrows. Of several pip reads the first that it includes, and only where
/// there is none the first that narrows.
fn names_file(line: &Line) -> Option<(&str, bool)> {
    let given = line.options()?;
    let is_editable = given.iter().any(|given| matches!(given, Given::Editable(_)));
    let included = given.iter().find_map(|given| if let Given::Requirement(file) = given { Some((*file, false)) } else { None });
    let narrowing =
        || given.iter().find_map(|given| if let Given::Constraint(file) = given { Some((*file, true)) } else { None });
    included.or_else(narrowing).filter(|_| !is_editable)
}

/// The path of a file that another names, relative to it. None for an address elsewhere, and for what a variable of the
/// environment is part of.
fn place(from: &str, named: &str, source: &Arc<Source>, line: &Line) -> Result<Option<String>, Unreadable> {
    let is_elsewhere = address::scheme(named).is_some_and(|scheme| scheme != "file");
    if is_elsewhere || named.contains("${") {
        return Ok(None);
    }
    let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    let path = relative_path(named).and_then(|named| joined(folder, &named));
    let path = path.filter(|path| path != "." && path.len() <= PATH_BYTES_MAX);
    path.map(Some).ok_or_else(|| {
        let message = format!("`{}` is no file of this repository", shown(&address::of_archive(named)));
        line.refuse(source, message).help("name a file of the repository, relative to this one")
    })
}
