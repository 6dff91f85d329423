//! `[databases]` and `[[retention]]`.

use std::collections::BTreeMap;

use avouch_model::{
    Span,
    configuration::Schedule,
    diagnostic::Level,
    product::{Database, Location, RetentionRule},
    receipt::Enforcement,
};

use super::settings::slug;
use crate::toml_walk::{TableReader, suggestion};

/// The largest part of a table that one run may delete without confirmation, in percent.
const FUSE_PERCENT: u8 = 30;

pub(super) fn databases(root: &TableReader<'_, '_>) -> BTreeMap<String, Database> {
    let Some(table) = root.optional("databases").table() else { return BTreeMap::new() };
    let mut databases = BTreeMap::new();
    for (name, field) in table.entries() {
        let Some(database) = field.table() else { continue };
        let url = database.required("url").words();
        database.finish();
        let Some(url) = url else { continue };
        let Some(path) = url.get_ref().strip_prefix("sqlite:").filter(|path| !path.is_empty()) else {
            let driver = url.get_ref().split(':').next().unwrap_or_default();
            let message = match driver {
                "postgres" | "postgresql" | "d1" => format!("`{driver}` databases are not supported yet"),
                _ => format!("`{}` is not the address of a database", url.get_ref()),
            };
            let help = "write `sqlite:path/of/file.db`; an exported or local D1 file works as SQLite";
            table.walk().report(table.walk().error("bad-url", url.span(), message).label("written here").help(help));
            continue;
        };
        let name = name.into_inner();
        databases.insert(name.clone(), Database { name, location: Location::Sqlite(path.to_owned()) });
    }
    databases
}

pub(super) fn retention(
    root: &TableReader<'_, '_>,
    databases: &BTreeMap<String, Database>,
    schedule: &Schedule,
) -> Vec<RetentionRule> {
    let mut rules: Vec<RetentionRule> = Vec::new();
    for table in root.optional("retention").tables() {
        let name_field = table.required("name");
        let (name, name_span) = (slug(&name_field), name_field.span());
        let database = table.required("database").words();
        let target = table.required("table").words();
        let column = table.required("column").words();
        let keep = table.required("keep").parsed::<Span>();
        let max_lag = table.optional("max_lag").parsed::<Span>();
        let enforce = table.optional("enforce").one_of(&[("avouch", Enforcement::Avouch), ("product", Enforcement::Product)]);
        let fuse = table.optional("fuse_percent").integer(1, 100);
        table.finish();
        if let (Some(name), Some(span)) = (&name, &name_span)
            && rules.iter().any(|rule| rule.name == *name)
        {
            table.walk().report(
                table.walk().error("duplicate-rule", span.clone(), format!("two rules are named `{name}`")).label("again here"),
            );
        }
        if let Some(database) = &database
            && !databases.contains_key(database.get_ref())
        {
            let message = format!("no database is named `{}`", database.get_ref());
            let help = match databases.len() {
                0 => format!("add `[databases.{}]` with `url = \"sqlite:…\"`", database.get_ref()),
                _ => suggestion(database.get_ref(), databases.keys().map(String::as_str)),
            };
            table.walk().report(table.walk().error("unknown-database", database.span(), message).label("named here").help(help));
        }
        let keep_span = keep.as_ref().map(toml::Spanned::span);
        let keep = keep.map(toml::Spanned::into_inner);
        if let (Some(keep), Some(span)) = (keep, keep_span) {
            if keep.seconds_min() == 0 {
                table.walk().report(
                    table.walk().error("bad-value", span, "a rule that keeps nothing is a mistake").label("written here"),
                );
            } else {
                let max_lag = max_lag.as_ref().map(toml::Spanned::get_ref).copied();
                warn_of_lag(&table, keep, max_lag.or(schedule.purge_gap).or(schedule.run_gap), span);
            }
        }
        let parts = (|| Some((name?, database?.into_inner(), target?.into_inner(), column?.into_inner(), keep?)))();
        if let Some((name, database, target, column, keep)) = parts {
            rules.push(RetentionRule {
                name,
                database,
                table: target,
                column,
                keep,
                max_lag: max_lag.map(toml::Spanned::into_inner),
                enforce: enforce.map_or(Enforcement::Avouch, toml::Spanned::into_inner),
                fuse_percent: fuse.and_then(|percent| u8::try_from(percent.into_inner()).ok()).unwrap_or(FUSE_PERCENT),
            });
        }
    }
    rules
}

/// A lag of more than a quarter of the promise means that rows are kept much longer than is said.
fn warn_of_lag(table: &TableReader<'_, '_>, keep: Span, lag: Option<Span>, span: std::ops::Range<usize>) {
    let Some(lag) = lag.filter(|lag| lag.seconds_min() > keep.seconds_min() / 4) else { return };
    let message = format!("rows may stay {lag} longer than the promised {keep}: more than a quarter of it");
    let mut problem = table.walk().error("large-lag", span, message).label("promised here");
    problem.level = Level::Warning;
    table.walk().report(problem.help("purge more often in `[schedule]`, or set `max_lag` and promise what you keep"));
}
