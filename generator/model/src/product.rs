//! The product as the checks meet it: its targets, principals and routes, its databases and retention rules, its people.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use crate::{Span, receipt::Enforcement};

/// How far a probe may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProbeClass {
    /// Looks at what is offered to everyone: TLS, headers, documents.
    Passive,
    /// Sends requests as the named principals, within the budget.
    Active,
    /// Writes, exhausts limits, sends large bodies.
    Intrusive,
}

/// A running system that may be probed. Nothing else is ever connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The name in `[targets]`.
    pub name: String,
    /// Where it answers: `https://api.example.com`, scheme, host and port only.
    pub url: String,
    /// Where it answers in plain HTTP, if it does: the check that it does not serve there needs the address.
    pub plain_url: Option<String>,
    /// Which classes of probe are allowed.
    pub allow: BTreeSet<ProbeClass>,
    /// `production`, `staging`, …: published with the observation.
    pub environment: String,
    /// How the target names its release.
    pub release_from: Option<ReleaseFrom>,
    /// A PEM file with the certificate authorities to trust instead of the public ones.
    pub ca_file: Option<String>,
    /// Addresses of this machine to send from, so that probes do not use up each other's allowance per address.
    pub source_addresses: Vec<std::net::IpAddr>,
    /// The most requests to send from one source address within a minute, where several are given.
    pub requests_per_address: u32,
    /// The most requests that one run may send.
    pub requests_max: u32,
    /// Who the probes speak as.
    pub principals: BTreeMap<String, Principal>,
    /// The calls that checks make.
    pub routes: BTreeMap<String, Route>,
}

/// How a target names the commit it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseFrom {
    /// The path to get.
    pub path: String,
    /// The JSON Pointer to the commit id in the answer.
    pub pointer: String,
}

/// Somebody the probes speak as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The name in `[targets.TARGET.principals]`.
    pub name: String,
    /// The tenant it belongs to.
    pub tenant: Option<String>,
    /// The header that carries the credential.
    pub header: String,
    /// The header's value; `${NAME}` stands for an environment variable. Never holds a secret itself.
    pub value: String,
    /// Further header fields that it sends, as the value is written: what stands in front of the target asks for them.
    pub with: BTreeMap<String, String>,
}

/// A call that checks make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The name in `[targets.TARGET.routes]`.
    pub name: String,
    /// The method, `POST`.
    pub method: String,
    /// The path, `/v1/items/{id}`.
    pub path: String,
    /// The request body: a file in the repository.
    pub body: Option<String>,
    /// The status of success.
    pub ok: u16,
    /// The JSON Pointer to the id of what was made.
    pub id: Option<String>,
    /// The call that removes what was made: method and path with `{id}`.
    pub undo: Option<(String, String)>,
}

/// A database and how to reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Database {
    /// The name in `[databases]`.
    pub name: String,
    /// Its driver and place.
    pub location: Location,
    /// For how long backups, or the provider's way back in time, can restore what was deleted; none: not stated.
    pub recovery_window: Option<Span>,
}

/// Where a database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A SQLite file, relative to the repository.
    Sqlite(String),
    /// A Postgres server. Reading and purging have credentials of their own; both are in URLs that environment variables hold.
    Postgres {
        /// The variable with the URL to read by.
        read_url_env: String,
        /// The variable with the URL to delete by.
        purge_url_env: String,
        /// A PEM file with the certificate authorities to trust instead of the public ones.
        ca_file: Option<String>,
    },
    /// A database on Cloudflare's D1, by its REST API.
    D1(D1),
}

/// A database on Cloudflare's D1. Reading and purging have tokens of their own, which environment variables hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct D1 {
    /// The account: 32 hexadecimal digits.
    pub account: String,
    /// The database: a UUID.
    pub database: String,
    /// Where the API is, `https://api.cloudflare.com/client/v4`; plain HTTP only on a loopback address. No slash at its end.
    pub endpoint: String,
    /// The variable with the token to read by.
    pub read_token_env: String,
    /// The variable with the token to delete by.
    pub purge_token_env: String,
}

/// A retention rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetentionRule {
    /// The rule's name, a slug; published.
    pub name: String,
    /// The name of the database.
    pub database: String,
    /// The table.
    pub table: String,
    /// The column with the time a row was made.
    pub column: String,
    /// How long rows are kept.
    pub keep: Span,
    /// How much later than `keep` a row may still be there; none: the longest gap in the schedule.
    pub max_lag: Option<Span>,
    /// Who deletes.
    pub enforce: Enforcement,
    /// The largest part of the table that one run may delete without confirmation, in percent (1 to 100).
    pub fuse_percent: u8,
    /// What else it says of its rows.
    pub terms: Terms,
}

/// What a retention rule may say beyond how long rows are kept. The default says nothing: every row of the table is under
/// the rule, and what is due is deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// The SQL condition of the rows that are under the rule; none: all. Rows for which it is not true are left alone.
    pub condition: Option<String>,
    /// What the law asks to keep at least; a rule that keeps less is refused.
    pub minimum: Option<Span>,
    /// What happens to rows that are due.
    pub action: Action,
    /// The tables whose rows go with the rows that they refer to.
    pub children: Vec<String>,
    /// The rows that must stay for as long as somebody says so.
    pub hold: Option<Hold>,
    /// Tenants with periods of their own.
    pub tenants: Option<Tenants>,
    /// Rows whose time is NULL.
    pub undated: Undated,
    /// Whether a row dated more than a day in the future stops the rule; otherwise it is counted and kept.
    pub refuse_future: bool,
    /// Whether the database file is compacted after a deletion and looked through for what was deleted.
    pub erase: bool,
}

/// What happens to rows that are due.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Action {
    /// They are deleted.
    #[default]
    Delete,
    /// Columns are set to SQL expressions, by the name of the column. The row stays.
    Anonymise(BTreeMap<String, String>),
    /// They are written to an archive, and then deleted.
    Archive(Archive),
}

/// Where rows are kept that are deleted from the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Archive {
    /// Files in this folder, relative to the repository.
    Folder(String),
    /// Objects in a bucket.
    Objects {
        /// The bucket.
        bucket: Bucket,
        /// What their names begin with, without a slash at its ends; empty: nothing.
        prefix: String,
    },
}

impl fmt::Display for Archive {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => formatter.write_str(folder),
            Self::Objects { bucket, prefix } if prefix.is_empty() => write!(formatter, "s3://{}", bucket.name),
            Self::Objects { bucket, prefix } => write!(formatter, "s3://{}/{prefix}", bucket.name),
        }
    }
}

/// A bucket of object storage, by the API of S3. Its keys are held by environment variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// The name that the store has for it.
    pub name: String,
    /// Where the API is, `https://s3.eu-central-1.amazonaws.com`; plain HTTP only on a loopback address. No slash at its end.
    pub endpoint: String,
    /// The region that requests are signed for.
    pub region: String,
    /// The variable with the id of the access key.
    pub access_key_env: String,
    /// The variable with the secret access key.
    pub secret_key_env: String,
    /// The variable with the token of temporary keys.
    pub session_token_env: Option<String>,
    /// A PEM file with the certificate authorities to trust instead of the public ones, relative to the repository.
    pub ca_file: Option<String>,
}

impl Bucket {
    /// The variables that must be set.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        [&self.access_key_env, &self.secret_key_env].into_iter().chain(&self.session_token_env).map(String::as_str)
    }
}

/// Rows that are kept whatever their age: those whose column has a value that the list names. A list that cannot be read,
/// or that holds a NULL, keeps every row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The column of the rule's table.
    pub column: String,
    /// Where the list is.
    pub list: HoldList,
}

/// Where the values of a legal hold are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HoldList {
    /// A table and its column.
    Table {
        /// The table.
        table: String,
        /// The column.
        key: String,
    },
    /// A SELECT with one column.
    Query(String),
}

/// Tenants whose rows are kept for another time than the rule says: a table has a row for each of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenants {
    /// The column of the rule's table that names the tenant.
    pub column: String,
    /// The table of the tenants.
    pub table: String,
    /// Its column that names the tenant.
    pub key: String,
    /// Its column with the time that rows are kept, `6 months`; NULL: as the rule says.
    pub keep: String,
}

/// What becomes of rows without a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Undated {
    /// They are kept, and counted.
    #[default]
    Keep,
    /// They are due.
    Delete,
    /// One of them stops the rule.
    Refuse,
}

/// A person who can sign decisions. Roles are published, names never.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The name in `[people]`.
    pub name: String,
    /// The OpenSSH public key, `ssh-ed25519 AAAA…`.
    pub key: String,
    /// The roles.
    pub roles: BTreeSet<String>,
}
