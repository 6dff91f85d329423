//! `[[retention]]`: what is kept how long, and what becomes of it then.

use std::collections::BTreeMap;

use avouch_model::{
    Span,
    configuration::Schedule,
    diagnostic::Level,
    product::{Action, Archive, Bucket, Database, Hold, HoldList, RetentionRule, Tenants, Terms, Undated},
    receipt::Enforcement,
};

use super::{buckets, settings::slug};
use crate::toml_walk::{Field, TableReader, suggestion};

/// The largest part of a table that one run may delete without confirmation, in percent.
const FUSE_PERCENT: u8 = 30;

pub(super) fn retention(
    root: &TableReader<'_, '_>,
    databases: &BTreeMap<String, Database>,
    buckets: &BTreeMap<String, Bucket>,
    schedule: &Schedule,
) -> Vec<RetentionRule> {
    let mut rules: Vec<RetentionRule> = Vec::new();
    let mut going: Vec<(String, toml::Spanned<String>)> = Vec::new();
    for table in &root.optional("retention").tables() {
        let name_field = table.required("name");
        let (name, name_span) = (slug(&name_field), name_field.span());
        let database = table.required("database").words();
        let target = table.required("table").words();
        let column = table.required("column").words();
        let keep = table.required("keep").parsed::<Span>();
        let max_lag = table.optional("max_lag").parsed::<Span>();
        let enforce = table.optional("enforce").one_of(&[("avouch", Enforcement::Avouch), ("product", Enforcement::Product)]);
        let fuse = table.optional("fuse_percent").integer(1, 100);
        let children = table.optional("children").texts().unwrap_or_default();
        let terms = terms(table, column.as_ref().map(toml::Spanned::get_ref), &children, buckets);
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
        if let Some(database) = &database {
            going.extend(children.into_iter().map(|child| (database.get_ref().clone(), child)));
        }
        if let Some(keep) = &keep {
            let lag = max_lag.as_ref().map(toml::Spanned::get_ref).copied();
            judge_keep(table, keep, terms.minimum, lag.or(schedule.purge_gap).or(schedule.run_gap));
        }
        let keep = keep.map(toml::Spanned::into_inner);
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
                terms,
            });
        }
    }
    refuse_ruled_children(root, &going, &rules);
    rules
}

fn terms(
    table: &TableReader<'_, '_>,
    time: Option<&String>,
    children: &[toml::Spanned<String>],
    buckets: &BTreeMap<String, Bucket>,
) -> Terms {
    let set = columns(&table.optional("set"), time);
    let archive = buckets::archive(&table.optional("archive"), buckets);
    let terms = Terms {
        condition: table.optional("where").words().map(toml::Spanned::into_inner),
        minimum: table.optional("minimum").parsed::<Span>().map(toml::Spanned::into_inner),
        action: action(table, set, archive),
        children: children.iter().map(|child| child.get_ref().clone()).collect(),
        hold: table.optional("hold").table().and_then(|table| hold(&table)),
        tenants: table.optional("tenants").table().and_then(|table| tenants(&table)),
        undated: table
            .optional("undated")
            .one_of(&[("keep", Undated::Keep), ("delete", Undated::Delete), ("refuse", Undated::Refuse)])
            .map_or(Undated::Keep, toml::Spanned::into_inner),
        refuse_future: table
            .optional("future")
            .one_of(&[("keep", false), ("refuse", true)])
            .is_some_and(toml::Spanned::into_inner),
        erase: table.optional("erase").boolean().is_some_and(toml::Spanned::into_inner),
    };
    let erase = table.optional("erase");
    if let (Action::Anonymise(_), true, Some(span)) = (&terms.action, terms.erase, erase.span()) {
        erase.report("bad-value", span, "of rows that stay it cannot be said that they are erased", "leave it out");
    }
    if let (Action::Anonymise(_), Some(child)) = (&terms.action, children.first()) {
        table.optional("children").report(
            "bad-value",
            child.span(),
            "rows that stay have no children that go",
            "give the children a rule of their own",
        );
    }
    terms
}

/// What `action` says, with the key that belongs to it and no other.
fn action(table: &TableReader<'_, '_>, set: BTreeMap<String, String>, archive: Option<Archive>) -> Action {
    let field = table.optional("action");
    let word = field.one_of(&[("delete", "delete"), ("anonymise", "anonymise"), ("archive", "archive")]);
    let word = word.map_or("delete", toml::Spanned::into_inner);
    for (key, owner) in [("set", "anonymise"), ("archive", "archive")] {
        let found = table.optional(key);
        match found.span() {
            Some(span) if word != owner => {
                let message = format!("`{key}` says nothing when rows are to be {word}d");
                found.report("bad-value", span, message, format!("write `action = \"{owner}\"`, or leave it out"));
            }
            None if word == owner => {
                let way_out = match key {
                    "set" => "add `set = { column = \"expression\" }`",
                    _ => "add `archive = \"folder\"`, or `\"s3://BUCKET/PREFIX\"`",
                };
                field.report("missing-key", field.span().unwrap_or(table.span()), format!("`{key}` is missing"), way_out);
            }
            _ => {}
        }
    }
    match word {
        "anonymise" => Action::Anonymise(set),
        "archive" => archive.map_or(Action::Delete, Action::Archive),
        _ => Action::Delete,
    }
}

fn columns(field: &Field<'_, '_>, time: Option<&String>) -> BTreeMap<String, String> {
    let mut columns = BTreeMap::new();
    let Some(table) = field.table() else { return columns };
    for (name, value) in table.entries() {
        let Some(expression) = value.words() else { continue };
        if time.is_some_and(|time| time.eq_ignore_ascii_case(name.get_ref())) {
            let way_out = "leave the time as it is: what identifies a person is in other columns";
            value.report("bad-value", name.span(), "the rule goes by this column", way_out);
        }
        columns.insert(name.into_inner(), expression.into_inner());
    }
    if let (true, Some(span)) = (columns.is_empty(), field.span()) {
        field.report("bad-value", span, "nothing is set", "name the columns that identify a person, `{ email = \"NULL\" }`");
    }
    columns
}

fn hold(table: &TableReader<'_, '_>) -> Option<Hold> {
    let column = table.required("column").words();
    let list = if table.has("query") {
        table.optional("query").words().map(|query| HoldList::Query(query.into_inner()))
    } else {
        let (list, key) = (table.required("table").words(), table.required("key").words());
        list.zip(key).map(|(list, key)| HoldList::Table { table: list.into_inner(), key: key.into_inner() })
    };
    table.finish();
    Some(Hold { column: column?.into_inner(), list: list? })
}

fn tenants(table: &TableReader<'_, '_>) -> Option<Tenants> {
    let column = table.required("column").words();
    let (list, key, keep) = (table.required("table").words(), table.required("key").words(), table.required("keep").words());
    table.finish();
    Some(Tenants { column: column?.into_inner(), table: list?.into_inner(), key: key?.into_inner(), keep: keep?.into_inner() })
}

fn judge_keep(table: &TableReader<'_, '_>, keep: &toml::Spanned<Span>, minimum: Option<Span>, lag: Option<Span>) {
    let (walk, span, keep) = (table.walk(), keep.span(), *keep.get_ref());
    if keep.seconds_min() == 0 {
        walk.report(walk.error("bad-value", span, "a rule that keeps nothing is a mistake").label("written here"));
        return;
    }
    if let Some(minimum) = minimum.filter(|minimum| keep.seconds_min() < minimum.seconds_min()) {
        let message = format!("rows are to be kept for {minimum} at least, and this may be less");
        walk.report(walk.error("below-minimum", span.clone(), message).label("promised here").help("keep them longer"));
    }
    // A lag of more than a quarter of the promise means that rows are kept much longer than is said.
    if let Some(lag) = lag.filter(|lag| lag.seconds_min() > keep.seconds_min() / 4) {
        let message = format!("rows may stay {lag} longer than the promised {keep}: more than a quarter of it");
        let mut problem = walk.error("large-lag", span, message).label("promised here");
        problem.level = Level::Warning;
        walk.report(problem.help("purge more often in `[schedule]`, or set `max_lag` and promise what you keep"));
    }
}

/// A table whose rows have a time of their own must not lose them with the rows of another table.
fn refuse_ruled_children(root: &TableReader<'_, '_>, going: &[(String, toml::Spanned<String>)], rules: &[RetentionRule]) {
    for (database, child) in going {
        let ruled = |rule: &&RetentionRule| rule.database == *database && rule.table.eq_ignore_ascii_case(child.get_ref());
        if let Some(rule) = rules.iter().find(ruled) {
            let message = format!("`{}` has a rule of its own, `{}`", child.get_ref(), rule.name);
            let way_out = "its rows would go before their time; leave it out here, and let its own rule delete them first";
            root.walk().report(root.walk().error("ruled-child", child.span(), message).label("named here").help(way_out));
        }
    }
}
