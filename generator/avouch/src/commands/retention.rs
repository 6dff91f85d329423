//! `avouch retention`: what would be deleted, deleting it, and how the rules stand.

mod standing;

use std::{fmt::Write as _, ops::ControlFlow, time::Duration};

use anyhow::bail;
use avouch_model::{
    Digest,
    product::{Action, Archive, RetentionRule, Undated},
    receipt::{Ended, Enforcement, Fate, RetentionRun},
    state::State,
};
use avouch_retain::{Pace, Plan, Sleep, journal};

use crate::{
    cli::{Global, Retention},
    exit::{Exit, Usage},
    output::{Output, plain},
    pipeline::{
        self, record,
        retaining::{self, Last},
    },
    project::Project,
};

/// Works on the retention rules.
pub(crate) fn retention(global: &Global, output: &Output, command: &Retention) -> anyhow::Result<Exit> {
    let project = Project::load(global, output)?;
    match command {
        Retention::Init { print } => init(&project, output, *print),
        Retention::Plan { rules } => plan(&project, output, &chosen(&project, rules)?),
        Retention::Run { rules, confirm } => run(&project, output, &chosen(&project, rules)?, confirm.as_deref()),
        Retention::Status { rules, json } => standing::status(&project, output, &chosen(&project, rules)?, *json),
    }
}

fn chosen<'a>(project: &'a Project, names: &[String]) -> anyhow::Result<Vec<&'a RetentionRule>> {
    let rules = &project.configuration.retention;
    if rules.is_empty() {
        bail!(Usage("no rule is configured; write one as `[[retention]]`".to_owned()));
    }
    for name in names {
        if !rules.iter().any(|rule| rule.name == *name) {
            let near = avouch_read::toml_walk::suggestion(name, rules.iter().map(|rule| rule.name.as_str()));
            bail!(Usage(format!("no rule is named `{name}`; {near}")));
        }
    }
    Ok(rules.iter().filter(|rule| names.is_empty() || names.contains(&rule.name)).collect())
}

/// Makes the journals, or prints how. Exit code 3 when one cannot be made.
fn init(project: &Project, output: &Output, print: bool) -> anyhow::Result<Exit> {
    let rules = &project.configuration.retention;
    let mut text = String::new();
    let mut failed = false;
    for (name, database) in &project.configuration.databases {
        let of_database = rules.iter().filter(|rule| rule.database == *name && rule.enforce == Enforcement::Avouch);
        let of_database: Vec<&RetentionRule> = of_database.collect();
        if of_database.is_empty() {
            continue;
        }
        let _ = writeln!(text, "{}", output.strong(&plain(name)));
        if print {
            for table in journal::TABLES {
                let _ = writeln!(text, "  {table};");
            }
        } else {
            match journal::prepare(database, project.root.as_std_path()) {
                Ok(true) => text.push_str("  the journal was made\n"),
                Ok(false) => text.push_str("  the journal is there\n"),
                Err(error) => {
                    failed = true;
                    let error = format!("{:#}", anyhow::Error::new(error));
                    let _ = writeln!(
                        text,
                        "  the journal cannot be made: {}\n  the statements: `avouch retention init --print`",
                        plain(&error)
                    );
                }
            }
        }
        for grant in avouch_retain::grants(database, &of_database) {
            let _ = writeln!(text, "  {}", plain(&grant));
        }
    }
    if text.is_empty() {
        text.push_str("no rule deletes, so no journal is needed\n");
    }
    output.result(&text)?;
    Ok(if failed { Exit::CouldNotTell } else { Exit::Satisfied })
}

/// Sleeps between two windows, and shows on a terminal how far it is.
struct Shown<'a>(&'a Output);

impl Pace for Shown<'_> {
    fn pause(&mut self, how_long: Duration) -> ControlFlow<()> {
        Sleep.pause(how_long)
    }

    fn told(&mut self, done: u64, due: u64) {
        self.0.progress(&format!("{done} of {due} rows"));
    }
}

/// Shows what would go. Exit code 3 when a rule cannot be planned, 1 when a fuse would stop it, otherwise 0.
fn plan(project: &Project, output: &Output, rules: &[&RetentionRule]) -> anyhow::Result<Exit> {
    let mut text = String::new();
    let (mut unknown, mut fused) = (false, false);
    for rule in rules {
        match avouch_retain::plan(&retaining::asked(project, rule, Last::default())?) {
            Ok(plan) => {
                fused |= plan.fused;
                describe(&mut text, output, rule, &plan);
            }
            Err(error) => {
                unknown = true;
                let _ = writeln!(
                    text,
                    "{}\n  cannot be planned: {}\n",
                    output.strong(&plain(&rule.name)),
                    plain(&format!("{:#}", anyhow::Error::new(error)))
                );
            }
        }
    }
    text.push_str(&without_rule(project));
    output.result(&text)?;
    Ok(if fused {
        Exit::NotSatisfied
    } else if unknown {
        Exit::CouldNotTell
    } else {
        Exit::Satisfied
    })
}

/// The tables of the databases that no rule names: rows in them are kept for ever.
fn without_rule(project: &Project) -> String {
    let rules: Vec<&RetentionRule> = project.configuration.retention.iter().collect();
    let mut text = String::new();
    for (name, database) in &project.configuration.databases {
        let of_database: Vec<&RetentionRule> = rules.iter().copied().filter(|rule| rule.database == *name).collect();
        let tables = avouch_database::open_read(database, project.root.as_std_path())
            .and_then(|mut read| avouch_retain::tables_without_rule(&mut *read, &of_database));
        match tables {
            Ok(tables) if tables.is_empty() => {}
            Ok(tables) => {
                let tables: Vec<String> = tables.iter().map(|table| plain(table)).collect();
                let _ = writeln!(text, "Without a rule in `{}`, so kept for ever: {}", plain(name), tables.join(", "));
            }
            Err(error) => {
                let _ =
                    writeln!(text, "`{}` cannot be read: {}", plain(name), plain(&format!("{:#}", anyhow::Error::new(error))));
            }
        }
    }
    text
}

fn describe(text: &mut String, output: &Output, rule: &RetentionRule, plan: &Plan) {
    let _ = writeln!(
        text,
        "{}  kept {}, at most {} longer",
        output.strong(&plain(&rule.name)),
        plan.promise.keep,
        plan.promise.max_lag
    );
    let encoding = plan.encoding.map_or_else(|| "no dated row".to_owned(), |encoding| format!("{encoding}"));
    let _ = writeln!(text, "  cut-off    {} ({encoding})", plan.cutoff);
    let verb = match (rule.enforce, plan.promise.fate) {
        (Enforcement::Product, _) => "the product is to delete",
        (Enforcement::Avouch, Fate::Deleted) => "would be deleted",
        (Enforcement::Avouch, Fate::Anonymised) => "would be anonymised",
        (Enforcement::Avouch, Fate::Archived) => "would be archived and deleted",
    };
    let _ = writeln!(text, "  {verb:10} {} of {} rows ({} %)", plan.due, plan.rows, plan.due_percent());
    if let Some(oldest) = plan.oldest {
        let _ = writeln!(text, "  oldest     {oldest}");
    }
    let undated = match rule.terms.undated {
        Undated::Delete => "without a time, and due",
        Undated::Keep | Undated::Refuse => "without a time, kept",
    };
    for (count, what) in [
        (plan.overdue, "older than promise and lag"),
        (plan.undated, undated),
        (plan.future, "dated in the future, kept"),
        (plan.held, "due and under a legal hold, kept"),
    ] {
        if count > 0 {
            let _ = writeln!(text, "  {count} rows are {what}");
        }
    }
    if let Action::Archive(archive) = &rule.terms.action {
        let _ = writeln!(text, "  archive    {}", plain(&format!("{archive}/{}", rule.name)));
        if let Archive::Objects { bucket, .. } = archive {
            for variable in retaining::unset(bucket) {
                let _ = writeln!(text, "  `{}` is not set here: without it a run deletes nothing", plain(variable));
            }
        }
    }
    for (child, count) in &plan.children {
        let _ = writeln!(text, "  {count} rows of {} go with them", plain(child));
    }
    if !plan.indexed {
        let _ = writeln!(text, "  no index begins with the column: planning reads the whole table");
    }
    if plan.fused {
        let _ = writeln!(
            text,
            "  the fuse of {} % stops this; if it is right: avouch retention run {} --confirm {}",
            plan.fuse_percent,
            plain(&rule.name),
            plan.digest
        );
    }
    text.push('\n');
}

/// Deletes and proves. 1 when a rule does not hold afterwards or a fuse stopped it, 3 when one failed.
fn run(project: &Project, output: &Output, rules: &[&RetentionRule], confirm: Option<&str>) -> anyhow::Result<Exit> {
    let confirm = match confirm {
        Some(text) if rules.len() != 1 => bail!(Usage(format!("--confirm {text} is for one rule: name it"))),
        Some(text) => Some(text.parse::<Digest>().map_err(|error| Usage(format!("--confirm: {error}")))?),
        None => None,
    };
    let signer = record::signer(project)?;
    let mut ledger = record::open(project)?;
    pipeline::record_present_scope(project, &mut ledger, &signer)?;
    let runs = retaining::execute_rules(project, output, &mut ledger, rules, true, confirm, &mut Shown(output))?;
    output.progress_done();
    retaining::record(project, &mut ledger, &signer)?;
    let mut text = String::new();
    let (mut failed, mut broken) = (false, false);
    for (name, run) in &runs {
        let (state, word) = match run.ended {
            // Of nothing nothing is proven: an emptied table looks like a kept promise.
            Ended::Done if !run.exercised() => (State::Error, "no row has a time, so nothing is proven"),
            Ended::Done if run.overdue_after == 0 => (State::Pass, "holds"),
            Ended::Done => (State::Fail, "does not hold"),
            Ended::Fused if run.deleted == 0 => (State::Fail, "stopped by the fuse, nothing deleted"),
            Ended::Fused => (State::Fail, "stopped by the fuse"),
            Ended::Failed => (State::Error, "did not end"),
        };
        failed |= state == State::Error;
        broken |= state == State::Fail;
        if run.ended == Ended::Failed {
            let _ = writeln!(text, "{:20} {} deleted before it failed; what is left is not known", plain(name), run.deleted);
            continue;
        }
        let done = match run.promise.fate {
            Fate::Deleted => "deleted",
            Fate::Anonymised => "anonymised",
            Fate::Archived => "archived and deleted",
        };
        let _ = writeln!(
            text,
            "{:20} {} {done}, {} due and {} overdue afterwards, {} rows left: {word}",
            plain(name),
            run.deleted,
            run.due_after,
            run.overdue_after,
            run.rows_after
        );
        text.push_str(&beside(run));
    }
    output.result(&text)?;
    Ok(if broken {
        Exit::NotSatisfied
    } else if failed {
        Exit::CouldNotTell
    } else {
        Exit::Satisfied
    })
}

/// What else a run did.
fn beside(run: &RetentionRun) -> String {
    let mut text = String::new();
    for (count, what) in [
        (run.recovered, "rows more were deleted by runs that were killed"),
        (run.children, "rows of other tables went with them"),
        (run.held, "rows stay under a legal hold"),
        (run.undated, "rows have no time, and stay"),
        (run.future, "rows are dated in the future, and stay"),
        (run.archived, "objects were written to the archive"),
        (run.strays, "objects of the archive may hold rows that stay, or as they were before they changed"),
    ] {
        if count > 0 {
            let _ = writeln!(text, "{:20} {count} {what}", "");
        }
    }
    if let Some(remnants) = run.remnants {
        let said = match (remnants.sampled, remnants.found) {
            (0, _) => "nothing could be sampled, so nobody knows whether it is gone from the file".to_owned(),
            (sampled, 0) => format!("erased from the file: none of {sampled} sampled values is in it"),
            (sampled, found) => format!("deleted, and not erased: {found} of {sampled} sampled values are still in the file"),
        };
        let _ = writeln!(text, "{:20} {said}", "");
    }
    text
}
