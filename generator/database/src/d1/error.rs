//! What D1's API answers when it does not do what was asked, told apart by what to do then.

use std::io;

/// Why D1 did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum D1Error {
    /// The address of the API cannot be used.
    #[error("`{endpoint}` is not the address of an API")]
    Endpoint {
        /// As it is configured.
        endpoint: String,
    },
    /// Nothing could be sent.
    #[error("its API cannot be reached")]
    Unreachable {
        /// The cause.
        #[source]
        cause: io::Error,
    },
    /// No whole answer came. What was asked may have been done.
    #[error("no answer came, so what was asked may have been done; the journal knows, and the next run tells it")]
    Unanswered {
        /// The cause.
        #[source]
        cause: io::Error,
    },
    /// D1 failed on its own side. What was asked may have been done.
    #[error(
        "it failed by itself ({message}), so what was asked may have been done; the journal knows, and the next run tells it"
    )]
    Failed {
        /// What it said.
        message: String,
    },
    /// The token may not do this.
    #[error("it refuses the token ({message}); give it `D1 Read` on the account, and `D1 Edit` where rows are deleted")]
    Denied {
        /// What it said.
        message: String,
    },
    /// There is no such account or database.
    #[error("it has no such database ({message}); correct `url`")]
    NotThere {
        /// What it said.
        message: String,
    },
    /// Too many requests, time and again.
    #[error("it takes no more requests for now: all programs of an account's user share 1,200 in five minutes; run again later")]
    TooMany,
    /// More than it does in one request: longer than 30 seconds, too much memory, too many values.
    #[error("it is too much at once ({message})")]
    TooMuch {
        /// What it said, or which of its limits would be passed.
        message: String,
    },
    /// The statement cannot be run.
    #[error("it said: {message}")]
    Refused {
        /// What it said.
        message: String,
    },
    /// The answer is none that D1's API gives.
    #[error("its answer cannot be read: {what}")]
    Unread {
        /// What is wrong with it.
        what: String,
    },
    /// A table of the database cannot be made on an empty SQLite, so nobody can look at statements before they are run.
    #[error("the schema of `{table}` cannot be read")]
    Schema {
        /// The table, the index or the view.
        table: String,
        /// The cause.
        #[source]
        cause: rusqlite::Error,
    },
    /// A request that must fail left something behind.
    #[error(
        "a request that failed was not undone as a whole, so a window could be deleted without its line in the journal; nothing was deleted"
    )]
    NotUndone,
}
