//! Trust policies as text (C2SP tlog-policy): which keys of which logs an auditor believes.

use crate::note::{NotAKey, VerifierKey};

/// The most logs that a policy may name; the specification asks for at least 32.
const LOGS_MAX: usize = 256;

/// A policy: the keys of the logs that are believed. Witnesses are not supported, and a policy that needs one is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The keys; the name of each is the origin of its log.
    pub logs: Vec<VerifierKey>,
}

/// What is wrong with a policy, by line from 1.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// Not text, or a control character other than tab and newline.
    #[error("line {line}: a policy is text without control characters other than tab and newline")]
    Characters {
        /// The line.
        line: usize,
    },
    /// A line that is none of log, witness, group and quorum.
    #[error("line {line}: `{word}` is no part of a policy; write `log VKEY`, then `quorum none`")]
    Word {
        /// The line.
        line: usize,
        /// Its first word.
        word: String,
    },
    /// A log line without a key, or with more than a key and an address.
    #[error("line {line}: write `log VKEY`, or `log VKEY URL`")]
    Log {
        /// The line.
        line: usize,
    },
    /// A key that is none.
    #[error("line {line}: the key of the log cannot be read")]
    Key {
        /// The line.
        line: usize,
        /// What is wrong with it.
        #[source]
        cause: NotAKey,
    },
    /// One key twice.
    #[error("line {line}: this key is named before; a policy names each key once")]
    Twice {
        /// The line.
        line: usize,
    },
    /// A policy that asks for witnesses.
    #[error("line {line}: witnesses are not supported; a policy for this program says `quorum none`")]
    Quorum {
        /// The line.
        line: usize,
    },
    /// No quorum line, or more than one.
    #[error("a policy has exactly one quorum line; write `quorum none`")]
    Quorums,
    /// No log.
    #[error("the policy names no log; write `log VKEY`")]
    NoLog,
    /// Too many.
    #[error("the policy names more than {LOGS_MAX} logs")]
    TooMany,
}

impl Policy {
    /// Reads a policy.
    ///
    /// # Errors
    /// When a line breaks the format, no log is named, or the quorum is anything but `none`.
    pub fn read(bytes: &[u8]) -> Result<Self, PolicyError> {
        let mut logs: Vec<VerifierKey> = Vec::new();
        let mut quorums = 0;
        for (bytes, line) in bytes.split(|byte| *byte == b'\n').zip(1..) {
            let text = str::from_utf8(bytes).map_err(|_| PolicyError::Characters { line })?;
            if text.bytes().any(|byte| (byte < b' ' && byte != b'\t') || byte == 0x7f) {
                return Err(PolicyError::Characters { line });
            }
            let words: Vec<&str> = text.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
            match words.as_slice() {
                [] => {}
                [comment, ..] if comment.starts_with('#') => {}
                ["log", key] | ["log", key, _] => {
                    let key: VerifierKey = key.parse().map_err(|cause| PolicyError::Key { line, cause })?;
                    if logs.iter().any(|known| known.public() == key.public()) {
                        return Err(PolicyError::Twice { line });
                    }
                    logs.push(key);
                }
                ["log", ..] => return Err(PolicyError::Log { line }),
                ["quorum", "none"] => quorums += 1,
                // Witnesses that no quorum asks for change nothing.
                ["witness" | "group", ..] => {}
                ["quorum", ..] => return Err(PolicyError::Quorum { line }),
                [word, ..] => return Err(PolicyError::Word { line, word: (*word).to_owned() }),
            }
            if logs.len() > LOGS_MAX {
                return Err(PolicyError::TooMany);
            }
        }
        if quorums != 1 {
            return Err(PolicyError::Quorums);
        }
        if logs.is_empty() { Err(PolicyError::NoLog) } else { Ok(Self { logs }) }
    }

    /// Writes a policy for these keys.
    pub fn write(logs: &[VerifierKey]) -> String {
        let lines = logs.iter().map(|key| format!("log {key}\n"));
        format!("{}quorum none\n", lines.collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: &str = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";

    #[test]
    fn a_policy_names_logs_and_no_quorum() {
        let text = format!("# ours\n\n \tlog\t{KEY}  https://example.com/ \nquorum none\n");
        let policy = Policy::read(text.as_bytes()).unwrap();
        assert_eq!(policy.logs.len(), 1);
        assert_eq!(Policy::read(Policy::write(&policy.logs).as_bytes()).unwrap(), policy);
    }

    #[test]
    fn what_cannot_be_held_is_refused_at_its_line() {
        let cases = [
            (format!("log {KEY}\nlog {KEY}\nquorum none\n"), "line 2"),
            (format!("log {KEY}\nquorum W\n"), "line 2"),
            (format!("log {KEY}\n"), "exactly one quorum"),
            ("quorum none\n".into(), "names no log"),
            ("log\nquorum none\n".into(), "line 1"),
            (format!("log {}\nquorum none\n", KEY.replace("033d", "033e")), "line 1"),
            (format!("log {KEY}\r\nquorum none\n"), "line 1"),
            ("logs x\nquorum none\n".into(), "`logs` is no part"),
        ];
        for (text, expected) in cases {
            let error = Policy::read(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_policy_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(Policy::read(&bytes).is_err());
        }
    }
}
