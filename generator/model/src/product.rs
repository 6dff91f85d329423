//! The product as the checks meet it: its targets, principals and routes, its databases and retention rules, its people.

use std::collections::{BTreeMap, BTreeSet};

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
}

/// Where a database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A SQLite file, relative to the repository.
    Sqlite(String),
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
