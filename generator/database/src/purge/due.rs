//! Which rows are due, as SQL. The same text counts them, deletes them, and counts them again.
//!
//! Every time is a parameter: `first`, `cutoff` and `overdue`, and `cutoff_1`, `overdue_1` with `period_1` and so on for
//! tenants with periods of their own. What lies before `first` is no time at which a row was made: it is in another encoding, or
//! a default, and never due. Names were held against the schema and are quoted; the expressions that a team writes were
//! read by [`super::expression()`].

use crate::quote;

/// The SQL that is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite.
    Sqlite,
    /// PostgreSQL, and what speaks its protocol.
    Postgres,
}

impl Dialect {
    /// The operator that tells two values apart, NULL being one.
    pub const fn differs(self) -> &'static str {
        match self {
            Self::Sqlite => "IS NOT",
            Self::Postgres => "IS DISTINCT FROM",
        }
    }
}

/// Which rows of a table are due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The SQL to speak.
    pub dialect: Dialect,
    /// The table.
    pub table: String,
    /// The column with the time.
    pub column: String,
    /// The condition that a text in the column is a time; none: its times are no texts, and the bounds tell everything.
    pub shape: Option<String>,
    /// A time of the column's own type as SQL, `{}` standing for Unix seconds; none: a parameter is compared as it is.
    pub native: Option<&'static str>,
    /// Whether rows without a time are due.
    pub undated: bool,
    /// The condition of the rows under the rule.
    pub condition: Option<String>,
    /// Tenants with periods of their own.
    pub tenants: Option<TenantPeriods>,
    /// Rows that must stay.
    pub hold: Option<Held>,
    /// Columns and what they are set to: a row that has these values already is not due.
    pub set: Vec<(String, String)>,
}

/// Tenants with periods of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantPeriods {
    /// The column that names the tenant.
    pub column: String,
    /// The type that its values are compared in; none: as texts.
    pub kind: Option<String>,
    /// The table of the tenants.
    pub table: String,
    /// Its column that names the tenant.
    pub key: String,
    /// Its column with the period.
    pub keep: String,
    /// How many different periods there are, the longest first.
    pub periods: usize,
}

/// Rows that must stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The column of the table.
    pub column: String,
    /// The type that its values are compared in; none: as texts.
    pub kind: Option<String>,
    /// The SELECT of the values that are held.
    pub list: String,
}

impl Due {
    /// The rows that are due, `cutoff` or `overdue`.
    pub fn due(&self, bound: &str) -> String {
        let mut all = vec![self.aged(bound)];
        all.extend(self.condition.as_ref().map(|condition| format!("({condition}\n)")));
        all.extend(self.hold.as_ref().map(|_| format!("NOT {}", self.held())));
        if !self.set.is_empty() {
            all.push(format!("NOT {}", self.done()));
        }
        all.join(" AND ")
    }

    /// Whether there is nothing but an age to go by.
    pub fn is_plain(&self) -> bool {
        !self.undated && self.condition.is_none() && self.tenants.is_none() && self.hold.is_none() && self.set.is_empty()
    }

    /// The rows under the rule.
    pub fn scope(&self) -> String {
        self.condition.as_ref().map_or_else(|| "TRUE".to_owned(), |condition| format!("({condition}\n)"))
    }

    /// The rows that are older than their bound, or have no time where that is as good. A row that comes while others are
    /// deleted is due only if the look before would have found its time to be one.
    pub fn aged(&self, bound: &str) -> String {
        let column = quote(&self.column);
        let limit = match &self.tenants {
            None => self.parameter(bound),
            Some(tenants) => self.own_periods(tenants, bound),
        };
        let first = self.parameter("first");
        // The `+` keeps SQLite from leaving a window of keys for an index on the column.
        let mut aged = match self.dialect {
            Dialect::Sqlite => format!("+{column} >= {first} AND +{column} < {limit}"),
            Dialect::Postgres => format!("{column} >= {first} AND {column} < {limit}"),
        };
        if let Some(shape) = &self.shape {
            aged.push_str(&format!(" AND {shape}"));
        }
        if self.undated { format!("({column} IS NULL OR ({aged}))") } else { aged }
    }

    /// The rows under a legal hold, FALSE for all others. A NULL in the list holds every row: nobody can say whom it means.
    pub fn held(&self) -> String {
        let Some(hold) = &self.hold else { return "FALSE".to_owned() };
        // A name that no table has: SQLite would take the list's own `FROM` for it.
        let list = format!("WITH avouch_retention_hold(key) AS ({}\n)", hold.list);
        let named = self.is_among(&hold.column, hold.kind.as_deref(), &list, "key", "FROM avouch_retention_hold");
        format!("(coalesce({named}, FALSE) OR EXISTS ({list} SELECT 1 FROM avouch_retention_hold WHERE key IS NULL))")
    }

    /// Whether the value of a column is one of those of a list, however either is spelled: one that is not recognised would take a
    /// row's protection away. Postgres casts the list to the type of the column, and stops at what cannot be one; texts are
    /// compared without their case, and SQLite compares by its own rules of types besides.
    fn is_among(&self, column: &str, kind: Option<&str>, with: &str, key: &str, from: &str) -> String {
        let column = quote(column);
        match (self.dialect, kind) {
            (Dialect::Postgres, Some(kind)) => format!("{column} IN ({with} SELECT CAST(CAST({key} AS TEXT) AS {kind}) {from})"),
            (dialect, _) => {
                let texts = format!("lower(CAST({column} AS TEXT)) IN ({with} SELECT lower(CAST({key} AS TEXT)) {from})");
                match dialect {
                    Dialect::Sqlite => format!("({texts} OR {column} IN ({with} SELECT {key} {from}))"),
                    Dialect::Postgres => texts,
                }
            }
        }
    }

    /// The rows in which every column is already what it would be set to; FALSE when nothing is set.
    pub fn done(&self) -> String {
        if self.set.is_empty() {
            return "FALSE".to_owned();
        }
        let differs = self.dialect.differs();
        let others: Vec<_> = self.set.iter().map(|(column, value)| format!("{} {differs} ({value}\n)", quote(column))).collect();
        format!("(NOT ({}))", others.join(" OR "))
    }

    /// A parameter as it is compared with the column.
    pub fn parameter(&self, name: &str) -> String {
        let value = format!(":{name}");
        match self.native {
            Some(native) => native.replace("{}", &value),
            None => value,
        }
    }

    /// The bound of the tenant that a row belongs to. A period that was not there when they were read gives NULL, and so
    /// keeps the row.
    fn own_periods(&self, tenants: &TenantPeriods, bound: &str) -> String {
        let (key, table, keep) = (quote(&tenants.key), quote(&tenants.table), quote(&tenants.keep));
        let among = |which: &str| {
            self.is_among(&tenants.column, tenants.kind.as_deref(), "", &key, &format!("FROM {table} WHERE {keep} {which}"))
        };
        let mut cases = String::new();
        for nth in 1..=tenants.periods {
            let own = self.parameter(&format!("{bound}_{nth}"));
            cases.push_str(&format!("WHEN {} THEN {own} ", among(&format!("= :period_{nth}"))));
        }
        format!("(CASE {cases}WHEN {} THEN NULL ELSE {} END)", among("IS NOT NULL"), self.parameter(bound))
    }
}
