//! What a store says when it does not do what it was asked, with the way out. None of it holds a key.

use std::{fmt, io, path::PathBuf};

use super::wire::Heard;

/// Why a bucket could not be written to or read.
#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    /// A variable is not set, or holds what no key is.
    #[error("bucket `{bucket}`: the environment variable `{variable}` holds no key; set it where this runs")]
    NoKey {
        /// The bucket.
        bucket: String,
        /// The variable.
        variable: String,
    },
    /// The file with the certificate authorities cannot be read, or holds none.
    #[error("bucket `{bucket}`: `{}` holds no certificate authority in PEM; correct `ca_file` in `[buckets.\"{bucket}\"]`", path.display())]
    Authorities {
        /// The bucket.
        bucket: String,
        /// The file.
        path: PathBuf,
        /// The cause, where the system gives one.
        #[source]
        cause: Option<io::Error>,
    },
    /// Nothing can be asked.
    #[error("bucket `{bucket}`: nothing can be asked of it")]
    Unready {
        /// The bucket.
        bucket: String,
        /// The cause.
        #[source]
        cause: io::Error,
    },
    /// Nothing could be sent.
    #[error(
        "bucket `{bucket}` cannot be reached; look at `endpoint` and `ca_file` in `[buckets.\"{bucket}\"]`, and at the network"
    )]
    Unreachable {
        /// The bucket.
        bucket: String,
        /// The cause.
        #[source]
        cause: io::Error,
    },
    /// No whole answer came.
    #[error("bucket `{bucket}`: no whole answer came when an object was to be {doing}; run again when the store answers")]
    Unanswered {
        /// The bucket.
        bucket: String,
        /// What was tried.
        doing: Doing,
        /// The cause.
        #[source]
        cause: io::Error,
    },
    /// The store said no.
    #[error("bucket `{bucket}` answered {status}{} when an object was to be {doing}; {}", named(code), way_out(*status, code.as_deref()))]
    Refused {
        /// The bucket.
        bucket: String,
        /// What was tried.
        doing: Doing,
        /// The status (RFC 9110, section 15).
        status: u16,
        /// What S3 calls the error.
        code: Option<String>,
    },
    /// An object that is there is written over.
    #[error(
        "bucket `{bucket}` writes over an object that is there although it was told not to (`If-None-Match: *`, tried at `{object}`); \
         archive in a store that writes once"
    )]
    WritesOver {
        /// The bucket.
        bucket: String,
        /// Where it was tried.
        object: String,
    },
}

/// What was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// Writing an object.
    Writing,
    /// Reading one.
    Reading,
}

impl fmt::Display for Doing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Writing => "written",
            Self::Reading => "read",
        })
    }
}

impl BucketError {
    pub(super) fn of(bucket: &str, doing: Doing, heard: Heard, cause: &object_store::Error) -> Self {
        let bucket = bucket.to_owned();
        match heard {
            Heard::Unreachable(cause) => Self::Unreachable { bucket, cause },
            Heard::Unanswered(cause) => Self::Unanswered { bucket, doing, cause },
            Heard::Answer(status, code) if !(200..300).contains(&status) => Self::Refused { bucket, doing, status, code },
            // It said yes, and not all that S3 says with it.
            Heard::Answer(..) => Self::Unanswered { bucket, doing, cause: io::Error::other(cause.to_string()) },
            Heard::Nothing => Self::Unready { bucket, cause: io::Error::other(cause.to_string()) },
        }
    }

    /// Whether an object of that name is there.
    pub(super) const fn is_there(&self) -> bool {
        // S3 says 412 (Amazon S3 User Guide, "Conditional requests"), and RFC 9110, section 13.1.2, allows nothing else for a PUT.
        matches!(self, Self::Refused { doing: Doing::Writing, status: 412, .. })
    }

    /// Whether nobody knows if it was done.
    pub(super) const fn leaves_it_open(&self) -> bool {
        matches!(self, Self::Unanswered { .. } | Self::Refused { status: 500.., .. })
    }

    /// Whether the same may well succeed the next time. 409: somebody else writes the same object now.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Unanswered { cause, .. } => !matches!(cause.kind(), io::ErrorKind::FileTooLarge | io::ErrorKind::TimedOut),
            Self::Refused { status, .. } => matches!(status, 408 | 409 | 429 | 500 | 502..=504),
            Self::Unreachable { .. } => true,
            _ => false,
        }
    }
}

/// What S3 calls the error in its answer (Amazon S3 API Reference, "Error responses"). Nothing else of it is read: elsewhere it may
/// repeat the id of a key.
pub(super) fn code(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let code = text.split_once("<Code>")?.1.split_once("</Code>")?.0;
    let plain = (1..=64).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    plain.then(|| code.to_owned())
}

fn named(code: &Option<String>) -> String {
    code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default()
}

fn way_out(status: u16, code: Option<&str>) -> &'static str {
    match (status, code) {
        (_, Some("RequestTimeTooSkewed")) => "correct the clock of this machine",
        (_, Some("NoSuchBucket")) => "make the bucket, or correct its name",
        (_, Some("QuotaExceeded" | "XMinioStorageFull")) | (507, _) => "make room in it",
        (300..=399, _) | (_, Some("AuthorizationHeaderMalformed")) => "correct `region` or `endpoint`",
        (401 | 403, _) => "look at its two keys, and whether they may put and get objects (`s3:PutObject`, `s3:GetObject`)",
        (404, _) => "it is not there (any more), or `endpoint` is that of another store",
        (429 | 500..=599, _) => "run again later",
        _ => "look at `[buckets]`, and whether the store speaks S3's API",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_code_of_an_answer_is_told() {
        let body = b"<Error><Code>InvalidAccessKeyId</Code><AWSAccessKeyId>AKID</AWSAccessKeyId></Error>";
        assert_eq!(code(body).as_deref(), Some("InvalidAccessKeyId"));
        for nothing in [&b"<Code></Code>"[..], b"<Code>a b</Code>", b"<Code>A", b"\xff<Code>A</Code>", b""] {
            assert_eq!(code(nothing), None);
        }
        let refused = |status, code: Option<&str>| BucketError::Refused {
            bucket: "cold".into(),
            doing: Doing::Writing,
            status,
            code: code.map(str::to_owned),
        };
        let text = refused(403, Some("AccessDenied")).to_string();
        assert!(
            text.starts_with("bucket `cold` answered 403 (AccessDenied) when an object was to be written; look at"),
            "{text}"
        );
        assert!(refused(412, None).is_there() && !refused(409, None).is_there());
        assert!(refused(503, None).may_pass() && refused(503, None).leaves_it_open() && !refused(507, None).may_pass());
    }
}
