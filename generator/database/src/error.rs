//! What can go wrong with a database, and the way out.

use std::{io, path::PathBuf, time::Duration};

use avouch_model::Timestamp;

use crate::{D1Error, PostgresSaid};

/// Why a database could not be opened, asked or purged.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// A relative file climbs out of the repository.
    #[error(
        "database `{database}`: `{file}` lies outside the repository; write an absolute path in `[databases.{database}]` if that is meant"
    )]
    Outside {
        /// The name in `[databases]`.
        database: String,
        /// The file as configured.
        file: String,
    },
    /// There is no such file. It is not created.
    #[error(
        "database `{database}`: there is no file `{}`; correct `url` in `[databases.{database}]`, or let the product create its database first",
        path.display()
    )]
    Missing {
        /// The name in `[databases]`.
        database: String,
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The file cannot be looked at, or is a folder or a device.
    #[error("database `{database}`: `{}` cannot be read as a file", path.display())]
    Unreadable {
        /// The name in `[databases]`.
        database: String,
        /// The path.
        path: PathBuf,
        /// The cause, where the system gives one.
        #[source]
        cause: Option<io::Error>,
    },
    /// The file is something else, or is encrypted.
    #[error("database `{database}`: `{}` is not a SQLite database (or it is encrypted)", path.display())]
    NotADatabase {
        /// The name in `[databases]`.
        database: String,
        /// The path.
        path: PathBuf,
        /// The cause.
        #[source]
        cause: rusqlite::Error,
    },
    /// It cannot be opened.
    #[error("cannot open database `{database}` at `{}`", path.display())]
    Open {
        /// The name in `[databases]`.
        database: String,
        /// The path.
        path: PathBuf,
        /// The cause.
        #[source]
        cause: rusqlite::Error,
    },
    /// Another connection held it all the time that we waited.
    #[error(
        "database `{database}` was locked for {} seconds; look for a long transaction in another process and try again",
        waited.as_secs()
    )]
    Locked {
        /// The name in `[databases]`.
        database: String,
        /// How long we waited.
        waited: Duration,
        /// The cause.
        #[source]
        cause: rusqlite::Error,
    },
    /// The statement could change something, or do more than read the database it was opened on.
    #[error("database `{database}`: only statements that read are run, and this one does more: {sql}")]
    NotReadOnly {
        /// The name in `[databases]`.
        database: String,
        /// The statement.
        sql: String,
    },
    /// The text is not exactly one statement.
    #[error("database `{database}`: exactly one statement is run at a time, and this is none or several: {sql}")]
    NotOneStatement {
        /// The name in `[databases]`.
        database: String,
        /// The text.
        sql: String,
    },
    /// A parameter has no value, or a value no parameter. SQLite would take NULL and say nothing.
    #[error("database `{database}`: the parameters of the statement and the values do not agree at `{parameter}`: {sql}")]
    Parameter {
        /// The name in `[databases]`.
        database: String,
        /// The parameter.
        parameter: String,
        /// The statement.
        sql: String,
    },
    /// The schema has no such table or column, as SQLite says it.
    #[error("database `{database}`: {message}; correct the name where it is configured, or run the product's migrations")]
    WrongSchema {
        /// The name in `[databases]`.
        database: String,
        /// What is missing, `no such table: users`.
        message: String,
    },
    /// The answer has more rows than were allowed.
    #[error("database `{database}`: the answer has more than {rows_max} rows; narrow the query")]
    TooManyRows {
        /// The name in `[databases]`.
        database: String,
        /// The limit.
        rows_max: usize,
    },
    /// The answer has more bytes than were allowed.
    #[error("database `{database}`: the answer has more than {bytes_max} bytes; narrow the query")]
    TooManyBytes {
        /// The name in `[databases]`.
        database: String,
        /// The limit.
        bytes_max: usize,
    },
    /// It took too long.
    #[error(
        "database `{database}`: no answer within {} seconds; an index on the columns in the condition helps",
        limit.as_secs()
    )]
    TooSlow {
        /// The name in `[databases]`.
        database: String,
        /// The limit.
        limit: Duration,
    },
    /// There is nothing to tell the rows of a table apart by.
    #[error(
        "database `{database}`: table `{table}` has no primary key (in SQLite: columns named rowid, _rowid_ and oid), so its \
         rows cannot be walked; set `enforce = \"product\"` and let the product delete"
    )]
    NoKey {
        /// The name in `[databases]`.
        database: String,
        /// The table.
        table: String,
    },
    /// Deleting would have changed other rows too. It was undone.
    #[error(
        "database `{database}`: deleting from `{table}` would have changed {others} other rows by a cascade or a trigger, \
         and was undone; set `enforce = \"product\"` and let the product delete"
    )]
    SideEffect {
        /// The name in `[databases]`.
        database: String,
        /// The table.
        table: String,
        /// How many other rows.
        others: u64,
    },
    /// Rows that were anonymised are still due: what they are set to is another value every time.
    #[error(
        "database `{database}`: {rows} rows of `{table}` would be due again at once, because an expression in `set` gives \
         another value every time; nothing of this window was changed; write expressions that stay as they are"
    )]
    NotSettled {
        /// The name in `[databases]`.
        database: String,
        /// The table.
        table: String,
        /// How many rows.
        rows: u64,
    },
    /// The schema is another one than that of the plan.
    #[error(
        "database `{database}`: the schema of `{table}` or of what refers to it changed since the plan was made, so nothing \
         more was done; run again, and a new plan is made"
    )]
    SchemaChanged {
        /// The name in `[databases]`.
        database: String,
        /// The table.
        table: String,
    },
    /// What deletes reaches something else than what read. Nothing was done.
    #[error(
        "database `{database}`: what was read is {read}, and what would be deleted from is {purged}, so nothing was deleted; let both \
         credentials name the same database and find the same tables (on Postgres by the `search_path` of both roles), and run again"
    )]
    OtherPlace {
        /// The name in `[databases]`.
        database: String,
        /// What the credential that reads reaches.
        read: String,
        /// What the credential that deletes reaches.
        purged: String,
    },
    /// A window had more rows than a run may delete. It was undone.
    #[error(
        "database `{database}`: rows of `{table}` became due meanwhile, more than the {allowed} that this run may still delete, so the \
         window was undone"
    )]
    BeyondAllowance {
        /// The name in `[databases]`.
        database: String,
        /// The table.
        table: String,
        /// How many rows the window might have.
        allowed: u64,
    },
    /// The rows could not be kept before their deletion, so they were not deleted.
    #[error("database `{database}`: rows cannot be written to the archive, so they were not deleted")]
    NotKept {
        /// The name in `[databases]`.
        database: String,
        /// The cause.
        #[source]
        cause: io::Error,
    },
    /// The rows of a window changed every time between keeping and deleting them.
    #[error(
        "database `{database}`: which rows are due changes again and again while they are locked or archived; run again when it is quieter, \
         and see that no expression of the rule answers otherwise each time it is asked, as `random()` does"
    )]
    Restless {
        /// The name in `[databases]`.
        database: String,
    },
    /// There is no journal in the database.
    #[error(
        "database `{database}` has no journal, in which every window of a deletion is written; `avouch retention init` makes it \
         and prints the grants it needs"
    )]
    NoJournal {
        /// The name in `[databases]`.
        database: String,
    },
    /// Somebody else works on the rule.
    #[error(
        "database `{database}`: another process works on `{rule}`; unless it goes on, its claim expires at {until}, and the \
         next run takes over"
    )]
    Claimed {
        /// The name in `[databases]`.
        database: String,
        /// The rule.
        rule: String,
        /// When its claim expires.
        until: Timestamp,
    },
    /// Somebody else took the claim over.
    #[error("database `{database}`: another process took over, so nothing more was done here")]
    ClaimLost {
        /// The name in `[databases]`.
        database: String,
    },
    /// A reader keeps the write-ahead log from starting over.
    #[error(
        "database `{database}`: its write-ahead log has {bytes} bytes and a reader keeps it from starting over; \
         end the long read and run again"
    )]
    WalBlocked {
        /// The name in `[databases]`.
        database: String,
        /// The log's size.
        bytes: u64,
    },
    /// The variable with the URL is not set.
    #[error("database `{database}`: the environment variable `{variable}` with its URL is not set; set it where this runs")]
    NoUrl {
        /// The name in `[databases]`.
        database: String,
        /// The variable.
        variable: String,
    },
    /// The URL cannot be read. It is not shown: it may hold a password.
    #[error("database `{database}`: `{variable}` does not hold a URL of Postgres, such as postgres://user@localhost/name")]
    BadUrl {
        /// The name in `[databases]`.
        database: String,
        /// The variable.
        variable: String,
    },
    /// The server is elsewhere, and the URL wants no encryption.
    #[error(
        "database `{database}`: `{variable}` says `sslmode=disable`, and the server is not on this machine; leave it out: only a socket \
         or a loopback address is connected to without TLS"
    )]
    NotHere {
        /// The name in `[databases]`.
        database: String,
        /// The variable with the URL.
        variable: String,
    },
    /// The file with the certificate authorities cannot be read, or holds none.
    #[error("database `{database}`: `{}` holds no certificate authority in PEM; correct `ca_file` in `[databases.{database}]`", path.display())]
    Authorities {
        /// The name in `[databases]`.
        database: String,
        /// The file.
        path: PathBuf,
        /// The cause, where the system gives one.
        #[source]
        cause: Option<io::Error>,
    },
    /// The server does not speak TLS.
    #[error(
        "database `{database}`: the server speaks no TLS, and without it only a socket or a loopback address is connected to; \
         switch `ssl` on there, or run on its machine"
    )]
    NoTls {
        /// The name in `[databases]`.
        database: String,
    },
    /// The server's certificate is not believed.
    #[error("database `{database}`: the server is not believed to be the one that is meant, as its certificate {why}")]
    NotTrusted {
        /// The name in `[databases]`.
        database: String,
        /// What is wrong with it, and the way out.
        why: &'static str,
        /// The cause.
        #[source]
        cause: PostgresSaid,
    },
    /// Nothing can be waited for.
    #[error("database `{database}`: the system gives no means to wait for its connection")]
    Unready {
        /// The name in `[databases]`.
        database: String,
        /// The cause.
        #[source]
        cause: io::Error,
    },
    /// The server cannot be reached, or refuses.
    #[error("cannot connect to database `{database}`")]
    Connect {
        /// The name in `[databases]`.
        database: String,
        /// The cause.
        #[source]
        cause: PostgresSaid,
    },
    /// The connection ended. What a transaction was about to do is not known.
    #[error("database `{database}`: the connection ended; the journal knows what was done, and the next run tells it")]
    Lost {
        /// The name in `[databases]`.
        database: String,
        /// The cause.
        #[source]
        cause: PostgresSaid,
    },
    /// A deadlock, or a lock of somebody else, time and again.
    #[error("database `{database}`: others hold the rows or the tables; look for a long transaction, and run again")]
    Contended {
        /// The name in `[databases]`.
        database: String,
        /// The cause.
        #[source]
        cause: PostgresSaid,
    },
    /// A statement was ended by the server.
    #[error("database `{database}`: a statement took too long, or somebody cancelled it; an index on the columns helps")]
    Cancelled {
        /// The name in `[databases]`.
        database: String,
        /// The cause.
        #[source]
        cause: PostgresSaid,
    },
    /// Not even one row at a time is quick enough for the server.
    #[error(
        "database `{database}`: one row takes longer than the server lets a statement take; look for a lock that is held for long and \
         for a slow `where` or trigger, or raise `statement_timeout` of the role (30 seconds at most)"
    )]
    TooSlowForOne {
        /// The name in `[databases]`.
        database: String,
        /// The cause.
        #[source]
        cause: PostgresSaid,
    },
    /// Anything else that Postgres says.
    #[error("database `{database}` could not run: {sql}")]
    Postgres {
        /// The name in `[databases]`.
        database: String,
        /// The statement.
        sql: String,
        /// The cause.
        #[source]
        cause: PostgresSaid,
    },
    /// The variable with the token is not set, or holds none.
    #[error("database `{database}`: the environment variable `{variable}` holds no token; set it where this runs")]
    NoToken {
        /// The name in `[databases]`.
        database: String,
        /// The variable.
        variable: String,
    },
    /// D1 did not do what was asked.
    #[error("database `{database}` on D1 was asked in vain")]
    D1 {
        /// The name in `[databases]`.
        database: String,
        /// The cause.
        #[source]
        cause: D1Error,
    },
    /// The disk is full or fails. What was under way was undone.
    #[error(
        "database `{database}`: the disk with `{}`, its log or a temporary copy of it is full or fails, and what was under way was undone; \
         make room there, or look at the disk, and run again",
        path.display()
    )]
    Disk {
        /// The name in `[databases]`.
        database: String,
        /// Its file.
        path: PathBuf,
        /// The cause.
        #[source]
        cause: rusqlite::Error,
    },
    /// Anything else that the database says.
    #[error("database `{database}` could not run: {sql}")]
    Query {
        /// The name in `[databases]`.
        database: String,
        /// The statement.
        sql: String,
        /// The cause.
        #[source]
        cause: rusqlite::Error,
    },
}

impl DatabaseError {
    /// Whether nobody knows if what was asked last was done.
    pub const fn leaves_it_open(&self) -> bool {
        matches!(self, Self::Lost { .. } | Self::D1 { cause: D1Error::Unanswered { .. } | D1Error::Failed { .. }, .. })
    }
}
