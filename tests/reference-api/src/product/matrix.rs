//! The kill matrix of a product: without a defect every check passes, with one exactly the checks bound to it turn.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use anyhow::{Context as _, bail};
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::{
    Defect, Product, Writing,
    avouch::{self, Told},
    running::Running,
};

/// How often a product with a service is tried: on a busy machine a burst may outlast its window. What held only at a later try
/// is told in the table.
const TRIES: usize = 3;
/// How many blind defects are tried in one product.
const TOGETHER: usize = 6;
const SEED: u64 = 1;

/// What is asked of a matrix.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// avouch.
    pub program: &'a Path,
    /// Where Node.js is, before what the path has.
    pub node: Option<&'a Path>,
    /// The names of the defects; none: all.
    pub only: &'a [String],
    /// How many products run at a time.
    pub jobs: usize,
    /// The clock.
    pub clock: fn() -> DateTime<Utc>,
}

/// What became of it.
#[derive(Debug, Serialize)]
pub struct Matrix {
    /// The profile.
    pub profile: String,
    /// How many claims it makes.
    pub claims: usize,
    /// Those that no check decides.
    pub undecided: Vec<String>,
    /// Those that are decided and that no defect turns.
    pub without_a_defect: Vec<String>,
    /// A row for each defect.
    pub rows: Vec<Row>,
}

/// A defect, and what turned with it.
#[derive(Debug, Serialize)]
pub struct Row {
    /// Its name.
    pub defect: String,
    /// What changed.
    pub change: String,
    /// The claims that had to turn.
    pub claims: Vec<String>,
    /// The checks that did.
    pub turned: BTreeSet<String>,
    /// The try at which it was found exactly.
    pub tries: usize,
    /// What is wrong; nothing when it was found exactly.
    pub wrong: String,
}

/// Runs the matrix of a product.
///
/// # Errors
/// When the product cannot be brought up, or without a defect not every check passes.
pub fn matrix(product: &Product, asked: Asked<'_>) -> anyhow::Result<Matrix> {
    for name in asked.only {
        product.defect(name)?;
    }
    let chosen: Vec<&Defect> =
        product.defects.iter().filter(|defect| asked.only.is_empty() || asked.only.contains(&defect.name)).collect();
    let baseline = baseline(product, asked)?;
    let trials = trials(&chosen, asked);
    let (next, rows) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..asked.jobs.max(1) {
            scope.spawn(|| {
                while let Some(trial) = trials.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let found = together(product, trial, &baseline, asked);
                    let found =
                        found.unwrap_or_else(|| trial.iter().map(|defect| row(product, defect, &baseline, asked)).collect());
                    rows.lock().unwrap_or_else(PoisonError::into_inner).extend(found);
                }
            });
        }
    });
    let mut rows = rows.into_inner().unwrap_or_else(PoisonError::into_inner);
    rows.sort_by_key(|row| chosen.iter().position(|defect| defect.name == row.defect));
    // What was not found beside others is tried once more by itself: then no load of ours hides it.
    for (row, defect) in rows.iter_mut().zip(&chosen).filter(|(row, _)| !row.wrong.is_empty()) {
        attempt(product, defect, &baseline, asked, row);
    }
    let turned: BTreeSet<&String> = product.defects.iter().flat_map(|defect| &defect.claims).collect();
    let claims = || baseline.claims.iter();
    Ok(Matrix {
        profile: product.description.profile.clone(),
        claims: baseline.claims.len(),
        undecided: claims().filter(|(_, checks)| checks.is_empty()).map(|(claim, _)| claim.clone()).collect(),
        without_a_defect: claims()
            .filter(|(claim, checks)| !checks.is_empty() && !turned.contains(claim))
            .map(|(claim, _)| claim.clone())
            .collect(),
        rows,
    })
}

/// What is told without a defect: every check of every claim is asked, and passes.
fn baseline(product: &Product, asked: Asked<'_>) -> anyhow::Result<Told> {
    let mut wrong = String::new();
    for _ in 0..tries(product) {
        let told = run(product, &[], asked)?;
        wrong.clear();
        for (check, outcome) in told.outcomes.iter().filter(|(_, outcome)| *outcome != "pass") {
            let _ = writeln!(wrong, "  {check}: {outcome}");
        }
        for check in told.checks_of(told.claims.keys()).iter().filter(|check| !told.outcomes.contains_key(*check)) {
            let _ = writeln!(wrong, "  {check}: not asked");
        }
        if wrong.is_empty() {
            return Ok(told);
        }
        wrong.push_str(&told.findings);
    }
    bail!("without a defect every check passes, but\n{wrong}")
}

/// What is tried in one product: a defect, or blind ones that share neither a file nor a claim.
fn trials<'a>(chosen: &[&'a Defect], asked: Asked<'_>) -> Vec<Vec<&'a Defect>> {
    let mut trials: Vec<Vec<&Defect>> = Vec::new();
    for defect in chosen {
        let beside = |trial: &&mut Vec<&Defect>| trial.len() < TOGETHER && trial.iter().all(|other| other.is_apart_from(defect));
        match trials.iter_mut().find(beside) {
            Some(trial) if defect.blind && asked.only.is_empty() => trial.push(defect),
            _ => trials.push(vec![defect]),
        }
    }
    trials
}

/// Blind defects at once: none when these are no several, or something is wrong and each must be tried by itself.
fn together(product: &Product, trial: &[&Defect], baseline: &Told, asked: Asked<'_>) -> Option<Vec<Row>> {
    let told = (trial.len() > 1).then(|| run(product, trial, asked).ok()).flatten()?;
    let (turned, wrong) = judge(trial, baseline, &told);
    let of = |defect: &Defect| baseline.checks_of(defect.claims.iter().chain(defect.linked.keys()));
    let row = |defect: &&Defect| Row { turned: of(defect).intersection(&turned).cloned().collect(), tries: 1, ..Row::of(defect) };
    wrong.is_empty().then(|| trial.iter().map(row).collect())
}

fn row(product: &Product, defect: &Defect, baseline: &Told, asked: Asked<'_>) -> Row {
    let mut row = Row::of(defect);
    while row.tries == 0 || row.tries < tries(product) && !row.wrong.is_empty() {
        attempt(product, defect, baseline, asked, &mut row);
    }
    row
}

fn attempt(product: &Product, defect: &Defect, baseline: &Told, asked: Asked<'_>, row: &mut Row) {
    row.tries += 1;
    match run(product, &[defect], asked) {
        Ok(told) => (row.turned, row.wrong) = judge(&[defect], baseline, &told),
        Err(error) => row.wrong = format!("  {error:#}\n"),
    }
}

/// The checks that turned, and what is wrong with them.
fn judge(defects: &[&Defect], baseline: &Told, told: &Told) -> (BTreeSet<String>, String) {
    let passes = |check: &String| told.outcomes.get(check).is_some_and(|outcome| outcome == "pass");
    let turned: BTreeSet<String> = baseline.outcomes.keys().filter(|check| !passes(check)).cloned().collect();
    let mut wrong = String::new();
    for claim in defects.iter().flat_map(|defect| &defect.claims) {
        if baseline.claims.get(claim).is_none_or(|checks| checks.is_disjoint(&turned)) {
            let _ = writeln!(wrong, "  {claim} still holds");
        }
    }
    let allowed = baseline.checks_of(defects.iter().flat_map(|defect| defect.claims.iter().chain(defect.linked.keys())));
    for check in turned.difference(&allowed) {
        let outcome = told.outcomes.get(check).map_or("not asked", String::as_str);
        let _ = writeln!(wrong, "  {check} turned ({outcome}), and nobody said that it would");
    }
    if !wrong.is_empty() {
        wrong.push_str(&told.findings);
    }
    (turned, wrong)
}

fn run(product: &Product, defects: &[&Defect], asked: Asked<'_>) -> anyhow::Result<Told> {
    let place = tempfile::tempdir().context("cannot make a temporary folder")?;
    let writing = Writing { now: (asked.clock)(), seed: SEED, defects };
    let running = Running::start(product, place.path(), writing, asked.node)?;
    avouch::run(asked.program, &running)
}

const fn tries(product: &Product) -> usize {
    if product.description.service.is_some() { TRIES } else { 1 }
}

impl Row {
    /// A defect that was not tried yet.
    fn of(defect: &Defect) -> Self {
        Self {
            defect: defect.name.clone(),
            change: defect.change.clone(),
            claims: defect.claims.clone(),
            turned: BTreeSet::new(),
            tries: 0,
            wrong: String::new(),
        }
    }
}

impl Matrix {
    /// What is wrong with it; nothing when every defect was found exactly and every decided claim has one.
    pub fn wrong(&self) -> String {
        let mut text = self.wrong_rows();
        for claim in &self.without_a_defect {
            let _ = writeln!(text, "no defect turns {claim}");
        }
        text
    }

    /// The defects that were not found as they must be.
    pub fn wrong_rows(&self) -> String {
        let mut text = String::new();
        for row in self.rows.iter().filter(|row| !row.wrong.is_empty()) {
            let _ = write!(text, "{} ({}):\n{}", row.defect, row.change, row.wrong);
        }
        text
    }

    /// A line a defect, for people.
    pub fn table(&self) -> String {
        let mut text = String::new();
        for row in &self.rows {
            let turned: Vec<&str> = row.turned.iter().map(String::as_str).collect();
            let late = if row.tries > 1 { format!(" (at try {})", row.tries) } else { String::new() };
            let _ = writeln!(text, "{:40} {}{late}", row.defect, turned.join(" "));
        }
        let found = self.rows.iter().filter(|row| row.wrong.is_empty()).count();
        let _ = writeln!(
            text,
            "{}: {} claims, {} undecided; {found} of {} defects found exactly",
            self.profile,
            self.claims,
            self.undecided.len(),
            self.rows.len()
        );
        text
    }
}
