//! What can go wrong with the record, and the way out of it.

use std::{io, path::PathBuf};

use avouch_log::{
    checkpoint::NotACheckpoint,
    dsse::DsseError,
    keyring::KeyringError,
    note::{NotAKey, NoteError},
};
use avouch_model::{Digest, Timestamp, canonical::CanonicalError, entry::EntryKind};

/// What can go wrong with the record.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the fields are the blanks of the text above them")]
pub enum RecordError {
    /// The system gave no randomness.
    #[error("the system gives no random bytes")]
    Random(#[source] getrandom::Error),
    /// A key cannot carry this name.
    #[error("cannot name a signing key")]
    KeyName(#[source] NotAKey),
    /// A key file is in the way.
    #[error("the key file `{path}` exists already; a key is never overwritten: move it away, or choose another file")]
    KeyExists { path: PathBuf },
    /// A key file cannot be written.
    #[error("cannot write the key file `{path}`")]
    WriteKey {
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
    /// A key file cannot be read.
    #[error("cannot read the key file `{path}`")]
    ReadKey {
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
    /// Others may read a key file.
    #[error(
        "others may read the key file `{path}` (mode {mode:03o}); run `chmod 600 {path}`, and rotate the key if somebody did"
    )]
    KeyPermissions { path: PathBuf, mode: u32 },
    /// The text is no signing key. It is not repeated here.
    #[error("{place} holds no signing key (expected `PRIVATE+KEY+name+id+base64`)")]
    NotASigningKey { place: String },
    /// A key that may not sign here.
    #[error("the key `{key}` does not sign this log: it was never added, or was retired or revoked")]
    NotASigner { key: String },
    /// The keys of the log cannot be told, or cannot be changed so.
    #[error("the signing keys of the log")]
    Keyring(#[source] KeyringError),
    /// A ledger is in the way.
    #[error("the ledger `{path}` exists already; only `avouch init --new-log` starts another log, in another file")]
    LedgerExists { path: PathBuf },
    /// There is no ledger.
    #[error(
        "there is no ledger at `{path}`; `avouch evidence restore` rebuilds one from what was published, `avouch init --new-log` begins a log"
    )]
    NoLedger { path: PathBuf },
    /// The ledger's file cannot be made.
    #[error("cannot create the ledger `{path}`")]
    CreateLedger {
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
    /// The file is something else.
    #[error("`{path}` is not a ledger of avouch")]
    NotALedger { path: PathBuf },
    /// The ledger is of another version of the program.
    #[error("the ledger `{path}` has format {found}, and this program knows format {known}; use a newer program")]
    Schema { path: PathBuf, found: i64, known: i64 },
    /// The ledger contradicts itself.
    #[error(
        "the ledger `{path}` is damaged: {what}; nothing was changed. Restore a backup, or rebuild it with \
         `avouch evidence restore`"
    )]
    Damaged { path: PathBuf, what: String },
    /// SQLite failed.
    #[error("cannot {doing} the ledger")]
    Database {
        doing: &'static str,
        #[source]
        cause: rusqlite::Error,
    },
    /// The disk is full or fails.
    #[error(
        "cannot {doing} the ledger: its disk (`ledger` of `[evidence]`) is full or fails; make room there, or look at the disk, and try again"
    )]
    Disk {
        doing: &'static str,
        #[source]
        cause: rusqlite::Error,
    },
    /// Another process writes.
    #[error("another process is writing the ledger; try again when it is done")]
    Busy,
    /// The clock is behind the record.
    #[error("the clock says {at}, but the last entry is of {last}: set the clock right; the record does not go back in time")]
    ClockWentBack { at: Timestamp, last: Timestamp },
    /// An entry that only a method of its own makes.
    #[error("a {} entry is not appended like others", .0.name())]
    Reserved(EntryKind),
    /// A payload is not what its kind says.
    #[error("the payload is no {}", kind.name())]
    Payload {
        kind: EntryKind,
        #[source]
        cause: CanonicalError,
    },
    /// A value has no canonical form.
    #[error("the value cannot be recorded")]
    Canonical(#[source] CanonicalError),
    /// An entry cannot be written.
    #[error("the entry about `{subject}` cannot be recorded: {what}")]
    Entry { subject: String, what: String },
    /// A statement cannot be made or is wrong.
    #[error("the signed statement about a payload")]
    Statement(#[source] DsseError),
    /// Nothing records this digest.
    #[error("nothing is recorded under {0}; `avouch evidence list` shows what is")]
    NotRecorded(Digest),
    /// What keeps the log verifiable stays.
    #[error("a {} payload keeps the log verifiable and cannot be withdrawn", .0.name())]
    NotWithdrawable(EntryKind),
    /// It was withdrawn before.
    #[error("{0} was withdrawn already")]
    Withdrawn(Digest),
    /// It is public.
    #[error("{0} is not sealed")]
    NotSealed(Digest),
    /// It was released before.
    #[error("{0} was released already")]
    Released(Digest),
    /// The sealed bytes are elsewhere.
    #[error("the sealed payload {0} is not in this ledger: it was rebuilt from a published record, which holds no sealed ones")]
    SealedElsewhere(Digest),
    /// A slot of the schedule is not held.
    #[error("the slot of `{job}` at {scheduled_for} is not held by this process (any more)")]
    SlotNotHeld { job: String, scheduled_for: Timestamp },
    /// A file of the published folder.
    #[error("cannot {doing} `{path}`")]
    File {
        doing: &'static str,
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
    /// Rendering failed.
    #[error("cannot render the pages")]
    Render(#[source] io::Error),
    /// Another publisher is at work.
    #[error("another process is publishing to `{path}`; try again when it is done")]
    PublishLocked { path: PathBuf },
    /// No key was given.
    #[error("publishing needs a signing key")]
    NoSigner,
    /// A page has an impossible path.
    #[error("`{0}` cannot be the path of a page")]
    PagePath(String),
    /// A page was rendered twice, or as a file and a folder.
    #[error("the page `{0}` was rendered twice, or as a file and a folder")]
    PageTwice(String),
    /// A published checkpoint cannot be read.
    #[error("the published checkpoint `{path}` cannot be read; if the folder is to be written anew, move it away")]
    PublishedNote {
        path: PathBuf,
        #[source]
        cause: NoteError,
    },
    /// A published checkpoint cannot be read.
    #[error("the published checkpoint `{path}` cannot be read; if the folder is to be written anew, move it away")]
    PublishedCheckpoint {
        path: PathBuf,
        #[source]
        cause: NotACheckpoint,
    },
    /// The published log is not the beginning of this ledger.
    #[error(
        "refused to publish: {what}. Publishing would fork the log; rebuild the ledger with `avouch evidence restore`, or \
         publish elsewhere"
    )]
    Fork { what: String },
    /// A file that was published and never changes was changed.
    #[error("the published file `{path}` is not what was published; find out who changed it, remove it, and publish again")]
    Altered { path: PathBuf },
    /// A file that avouch did not write.
    #[error("`{path}` lies in the published folder, and avouch did not write it: move it away, or publish to another folder")]
    Stranger { path: PathBuf },
    /// A published record is not whole.
    #[error("the published record is not whole ({findings} findings; {first}); `avouch verify` shows all")]
    NotVerified { findings: u64, first: String },
    /// A published file disappeared while it was read.
    #[error("`{path}` was changed or removed while the record was read; try again")]
    ChangedMeanwhile { path: String },
}

impl RecordError {
    /// Wraps what SQLite said, telling a busy ledger from a broken one.
    pub(crate) fn database(doing: &'static str) -> impl FnOnce(rusqlite::Error) -> Self {
        move |cause| match cause.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => Self::Busy,
            Some(rusqlite::ErrorCode::DiskFull | rusqlite::ErrorCode::SystemIoFailure) => Self::Disk { doing, cause },
            _ => Self::Database { doing, cause },
        }
    }
}
