//! From the names in a rule to what the schema calls so: nothing that is written in a rule is put into SQL before.

use avouch_database::{
    Limits, Read, Table, Value, fingerprint,
    purge::{Child, Deletion, Dialect, Due, Held, Link, TenantPeriods, expression},
    quote,
};
use avouch_model::{
    Span, Timestamp,
    product::{Action, HoldList, Tenants},
};

use crate::{
    Asked, Encoding, RetainError,
    survey::{PLAUSIBLE_FROM, cutoffs, database},
};

/// So many different periods of tenants are told apart.
const PERIODS_MAX: usize = 50;

/// A period of tenants: as it is written, and what it says.
type Period = (String, Span);

/// A rule held against the schema.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// What would be done; its times are bound by [`Place::binds`].
    pub(crate) deletion: Deletion,
    /// Whether an index begins with the column.
    pub(crate) indexed: bool,
    /// The periods of tenants, the longest first.
    periods: Vec<Period>,
    /// Every table.
    pub(crate) tables: Vec<Table>,
}

impl Place {
    /// The table as the schema spells it.
    pub(crate) fn table(&self) -> &str {
        &self.deletion.due.table
    }

    /// The column as the schema spells it.
    pub(crate) fn column(&self) -> &str {
        &self.deletion.due.column
    }

    /// Writes the cut-offs in this encoding; without one no time is compared.
    pub(crate) fn bind(&mut self, asked: &Asked<'_>, encoding: Option<Encoding>) {
        let write = |at: Timestamp| encoding.map_or(Value::Null, |encoding| encoding.write(at));
        let lag = asked.promise.max_lag;
        let (cutoff, overdue) = cutoffs(asked);
        let mut binds = vec![
            ("first".to_owned(), write(Timestamp::from_unix(PLAUSIBLE_FROM))),
            ("cutoff".to_owned(), write(cutoff)),
            ("overdue".to_owned(), write(overdue)),
        ];
        for (nth, (text, keep)) in (1..).zip(&self.periods) {
            binds.push((format!("period_{nth}"), Value::Text(text.clone())));
            binds.push((format!("cutoff_{nth}"), write(keep.before(asked.now))));
            binds.push((format!("overdue_{nth}"), write(keep.before(lag.before(asked.now)))));
        }
        self.deletion.binds = binds;
        let due = &mut self.deletion.due;
        let column = quote(&due.column);
        due.shape = encoding.filter(|encoding| encoding.is_text()).map(|text| text.shape(due.dialect).replace("{}", &column));
    }

    /// The parameters that a statement with these bounds names.
    pub(crate) fn binds(&self, bounds: &[&str]) -> Vec<(&str, Value)> {
        let named = |name: &str| {
            let kind = name.split('_').next().unwrap_or(name);
            bounds.contains(&kind) || matches!(kind, "period" | "first")
        };
        self.deletion.binds.iter().filter(|(name, _)| named(name)).map(|(name, value)| (name.as_str(), value.clone())).collect()
    }
}

/// Finds everything that the rule names in the schema.
pub(crate) fn find(asked: &Asked<'_>, read: &mut dyn Read) -> Result<Place, RetainError> {
    let (rule, terms) = (asked.rule, &asked.rule.terms);
    let tables = read.tables().map_err(database(asked, "read the schema"))?;
    let table = table_named(asked, &tables, &rule.table)?;
    let column = column_named(asked, table, &rule.column)?;
    let leads = |columns: &[String]| columns.first() == Some(&column);
    let indexed = leads(&table.primary_key) || table.indexes.iter().any(|index| !index.partial && leads(&index.columns));
    let condition = terms.condition.as_deref().map(|text| checked(asked, "where", text)).transpose()?;
    let hold = match &terms.hold {
        Some(hold) => {
            let column = column_named(asked, table, &hold.column)?;
            let kind = compared_kind(read.dialect(), table, &column);
            Some(Held { column, kind, list: hold_list(asked, &tables, &hold.list)? })
        }
        None => None,
    };
    let set = match &terms.action {
        Action::Anonymise(set) => anonymised(asked, &tables, table, set.iter())?,
        Action::Delete | Action::Archive(_) => Vec::new(),
    };
    let own = terms.tenants.as_ref().map(|tenants| own_periods(asked, read, &tables, table, tenants)).transpose()?;
    let (periods, tenants) = own.unzip();
    let native = native_time(read.dialect(), table, &column);
    let mut deletion = Deletion {
        rule: rule.name.clone(),
        due: Due {
            dialect: read.dialect(),
            table: table.name.clone(),
            column,
            shape: None,
            native,
            undated: terms.undated == avouch_model::product::Undated::Delete,
            condition,
            tenants,
            hold,
            set: set.clone(),
        },
        binds: Vec::new(),
        set,
        children: children(asked, &tables, table)?,
        schema: fingerprint(&tables, &[]),
        reached: read.identity().map_err(database(asked, "ask which database it is"))?,
    };
    deletion.schema = fingerprint(&tables, &deletion.touched());
    Ok(Place { deletion, indexed, periods: periods.unwrap_or_default(), tables })
}

fn table_named<'t>(asked: &Asked<'_>, tables: &'t [Table], name: &str) -> Result<&'t Table, RetainError> {
    Table::named(tables, name).ok_or_else(|| RetainError::NoTable {
        rule: asked.rule.name.clone(),
        database: asked.database.name.clone(),
        table: name.to_owned(),
    })
}

fn column_named(asked: &Asked<'_>, table: &Table, name: &str) -> Result<String, RetainError> {
    table.column(name).map(|column| column.name.clone()).ok_or_else(|| RetainError::NoColumn {
        rule: asked.rule.name.clone(),
        table: table.name.clone(),
        column: name.to_owned(),
    })
}

fn checked(asked: &Asked<'_>, key: &str, text: &str) -> Result<String, RetainError> {
    let failed = |cause| RetainError::Expression { rule: asked.rule.name.clone(), key: key.to_owned(), cause };
    expression(text).map(str::to_owned).map_err(failed)
}

fn hold_list(asked: &Asked<'_>, tables: &[Table], list: &HoldList) -> Result<String, RetainError> {
    match list {
        HoldList::Query(query) => checked(asked, "hold.query", query),
        HoldList::Table { table, key } => {
            let table = table_named(asked, tables, table)?;
            Ok(format!("SELECT {} FROM {}", quote(&column_named(asked, table, key)?), quote(&table.name)))
        }
    }
}

/// The columns that are set. None may be a part of the key, or of what another table refers to.
fn anonymised<'s>(
    asked: &Asked<'_>,
    tables: &[Table],
    table: &Table,
    set: impl Iterator<Item = (&'s String, &'s String)>,
) -> Result<Vec<(String, String)>, RetainError> {
    set.map(|(name, value)| {
        let column = column_named(asked, table, name)?;
        let same = |other: &String| *other == column;
        let referred = |other: &Table| {
            let mut keys = other.foreign_keys.iter().filter(|key| key.parent == table.name);
            keys.any(|key| key.parent_columns.iter().any(same))
        };
        if table.primary_key.iter().any(same)
            || table.column(&asked.rule.column).is_some_and(|dated| same(&dated.name))
            || tables.iter().any(referred)
        {
            return Err(RetainError::SetKey { rule: asked.rule.name.clone(), table: table.name.clone(), column });
        }
        Ok((column, checked(asked, &format!("set.{name}"), value)?))
    })
    .collect()
}

/// The periods that tenants have, the longest first, so that of two periods of one tenant the longer counts.
fn own_periods(
    asked: &Asked<'_>,
    read: &mut dyn Read,
    tables: &[Table],
    table: &Table,
    tenants: &Tenants,
) -> Result<(Vec<Period>, TenantPeriods), RetainError> {
    let list = table_named(asked, tables, &tenants.table)?;
    let column = column_named(asked, table, &tenants.column)?;
    let own = TenantPeriods {
        kind: compared_kind(read.dialect(), table, &column),
        column,
        table: list.name.clone(),
        key: column_named(asked, list, &tenants.key)?,
        keep: column_named(asked, list, &tenants.keep)?,
        periods: 0,
    };
    let wrong = || RetainError::Periods {
        rule: asked.rule.name.clone(),
        table: own.table.clone(),
        column: own.keep.clone(),
        periods_max: PERIODS_MAX,
    };
    let (column, name) = (quote(&own.keep), quote(&own.table));
    let sql = format!("SELECT DISTINCT {column} FROM {name} WHERE {column} IS NOT NULL LIMIT {}", PERIODS_MAX + 1);
    let found = read.query(&sql, &[], Limits::default()).map_err(database(asked, "read the periods of tenants"))?;
    if found.rows.len() > PERIODS_MAX {
        return Err(wrong());
    }
    let read = |row: &Vec<Value>| {
        let text = row.first()?.as_text()?;
        let span = text.parse::<Span>().ok().filter(|span| span.seconds_min() > 0)?;
        Some((text.to_owned(), span))
    };
    let mut periods = found.rows.iter().map(|row| read(row).ok_or_else(wrong)).collect::<Result<Vec<_>, _>>()?;
    periods.sort_by_key(|(text, span)| (span.before(asked.now), text.clone()));
    if let Some(minimum) = asked.rule.terms.minimum
        && let Some((_, keep)) = periods.iter().find(|(_, keep)| keep.before(asked.now) > minimum.before(asked.now))
    {
        return Err(RetainError::BelowMinimum { rule: asked.rule.name.clone(), keep: *keep, minimum });
    }
    let own = TenantPeriods { periods: periods.len(), ..own };
    Ok((periods, own))
}

/// The tables that go with that of the rule, each after all that it refers to.
fn children(asked: &Asked<'_>, tables: &[Table], root: &Table) -> Result<Vec<Child>, RetainError> {
    let mut open: Vec<&Table> = Vec::new();
    for name in &asked.rule.terms.children {
        let named = table_named(asked, tables, name)?;
        // Under two spellings it is one table still, and its rows are counted once.
        if open.iter().all(|open| open.name != named.name) {
            open.push(named);
        }
    }
    let mut placed: Vec<Child> = Vec::new();
    while !open.is_empty() {
        let waits = |table: &Table| {
            let mut keys = table.foreign_keys.iter().filter(|key| key.parent != table.name);
            keys.any(|key| open.iter().any(|open| open.name == key.parent))
        };
        let next = open.iter().position(|table| !waits(table));
        let table = open.swap_remove(next.unwrap_or(0));
        let links = links(table, tables, root, &placed);
        if next.is_none() || links.is_empty() || table.name == root.name {
            let (rule, child) = (asked.rule.name.clone(), table.name.clone());
            return Err(RetainError::NoChild { rule, table: root.name.clone(), child });
        }
        placed.push(Child { table: table.name.clone(), links });
    }
    Ok(placed)
}

fn links(table: &Table, tables: &[Table], root: &Table, placed: &[Child]) -> Vec<Link> {
    let keys = table.foreign_keys.iter().filter(|key| key.parent != table.name);
    keys.filter_map(|key| {
        let parent = placed.iter().position(|child| child.table == key.parent);
        if parent.is_none() && root.name != key.parent {
            return None;
        }
        Some(Link {
            columns: key.compared.clone(),
            parent,
            parent_columns: referred_columns(tables, &key.parent, &key.parent_columns),
        })
    })
    .collect()
}

/// The columns that a foreign key refers to: its parent's primary key, where it names none.
pub(crate) fn referred_columns(tables: &[Table], parent: &str, named: &[String]) -> Vec<String> {
    if !named.is_empty() {
        return named.to_vec();
    }
    tables.iter().find(|table| table.name == parent).map(|table| table.primary_key.clone()).unwrap_or_default()
}

/// The type that values of the column are compared in; none: as texts.
fn compared_kind(dialect: Dialect, table: &Table, column: &str) -> Option<String> {
    let kind = table.column(column)?.kind();
    let is_text = ["text", "character varying", "bpchar", "name", "citext"].contains(&kind.as_str());
    (dialect == Dialect::Postgres && !is_text).then_some(kind)
}

/// How Unix seconds become a time of the column's own type, where the database has one for times. Nothing in it depends on a setting:
/// a text that is read by those of the session would be read again for every row that it is compared with.
fn native_time(dialect: Dialect, table: &Table, column: &str) -> Option<&'static str> {
    // SQLite stores anything under any type.
    if dialect == Dialect::Sqlite {
        return None;
    }
    let kind = table.column(column)?.kind();
    let natives = [
        ("timestamp with time zone", "to_timestamp(CAST({} AS DOUBLE PRECISION))"),
        ("timestamp without time zone", "(to_timestamp(CAST({} AS DOUBLE PRECISION)) AT TIME ZONE 'UTC')"),
        ("date", "CAST((to_timestamp(CAST({} AS DOUBLE PRECISION)) AT TIME ZONE 'UTC') AS DATE)"),
    ];
    natives.into_iter().find_map(|(native, time)| (kind == native).then_some(time))
}
