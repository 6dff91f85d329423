//! Values that are none: placeholders, references to a value that is kept elsewhere, names of variables, well-known examples.
//!
//! Only our own rules ask this; a team's own rules are taken as they are written. A word counts as a placeholder where it stands
//! as a word of its own or is long enough not to occur in random letters by chance.

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// Words that make a value a placeholder wherever they occur: long enough not to occur by chance.
const LONG_WORDS: &[&str] = &[
    "example",
    "changeme",
    "change-me",
    "change_me",
    "placeholder",
    "replaceme",
    "replace-",
    "replace_",
    "redacted",
    "insert-",
    "insert_",
    "notreal",
    "not-a-real",
    "not_a_real",
    "notasecret",
    "not-a-secret",
    "dummy-",
    "dummy_",
    "your-",
    "your_",
    "process.env",
    "import.meta",
    "os.environ",
    "os.getenv",
    "lorem-ipsum",
    "goes-here",
    "goes_here",
    "putyour",
    "yourkey",
    "abcdefgh",
    "12345678",
    "qwertyui",
    "deadbeef",
    "do-not-use",
    "fake-",
    "fake_",
    "-fake",
    "_fake",
    "undefined",
];
/// Words that make a value a placeholder where they stand between other characters than letters.
const SHORT_WORDS: &[&str] = &[
    "xxx", "your", "my", "dummy", "fake", "sample", "insert", "replace", "change", "todo", "tbd", "foo", "bar", "baz", "foobar",
    "demo", "mock", "stub", "invalid", "none", "null", "nil", "enter", "paste", "secret", "secrets", "password", "passwd",
    "token", "value", "username", "user", "default", "test", "tests", "testing", "here", "redacted", "hidden", "masked",
    "hunter2",
];
/// Values begin so where they are read from elsewhere: shells, templates, vaults, functions of configuration languages.
const REFERENCES: &[&str] = &[
    "$",
    "%",
    "{{",
    "{%",
    "<",
    "@@",
    "#{",
    "${",
    "ref+",
    "vault:",
    "op://",
    "arn:aws:",
    "env:",
    "env.",
    "env(",
    "file:",
    "ssm:",
    "sops:",
    "secretref",
    "keyvault",
    "projects/",
    "enc[",
    "process.",
    "config.",
    "secrets.",
    "vars.",
    "inputs.",
    "var.",
    "local.",
    "data.",
    "self.",
    "this.",
    "params.",
    "options.",
    "settings.",
    "ctx.",
    "context.",
    "request.",
    "req.",
    "args.",
    "props.",
    "state.",
];

/// Whether a value that was found by the name of what holds it is none.
pub(crate) fn is_placeholder(value: &[u8]) -> bool {
    let Some(value) = trimmed(value) else { return false };
    says_so(value) || decoded(value).is_some_and(|inner| says_so(&inner))
}

/// Whether a value of a known form is none: the form itself may hold words such as `test` and `secret`, so that only what no issuer
/// would give out counts.
pub(crate) fn is_filled_form(value: &[u8]) -> bool {
    let Some(value) = trimmed(value) else { return false };
    let lower = value.to_ascii_lowercase();
    LONG_WORDS.iter().any(|word| lower.contains(word))
        || ["${", "{{", "<", "...", "***", "…", "•"].iter().any(|mark| lower.contains(mark))
        || is_monotonous(&lower)
}

fn trimmed(value: &[u8]) -> Option<&str> {
    let value = std::str::from_utf8(value).ok()?;
    Some(value.trim_matches(|edge: char| edge.is_whitespace() || matches!(edge, '"' | '\'' | '`' | ',' | ';')))
}

fn says_so(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    lower.len() < 4
        || REFERENCES.iter().any(|beginning| lower.starts_with(beginning))
        || ["${", "{{", "<%", "...", "***", "…", "•"].iter().any(|mark| lower.contains(mark))
        || (lower.starts_with('[') && lower.ends_with(']'))
        || LONG_WORDS.iter().any(|word| lower.contains(word))
        // Between the signs of base64 short words stand by chance.
        || !value.contains(['+', '/']) && words(value).any(|word| SHORT_WORDS.contains(&word.to_ascii_lowercase().as_str()))
        || is_name(value)
        || is_monotonous(&lower)
        || run_of_one(lower.as_bytes()) >= 8
}

/// The words of a value: runs of letters and digits, split where a small letter is followed by a capital one (`yourSecretKey`)
/// if the value holds nothing but letters: in random letters and digits such borders mean nothing.
fn words(value: &str) -> impl Iterator<Item = &str> {
    let named = value.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-' | b'.' | b' '));
    value.split(|letter: char| !letter.is_ascii_alphanumeric()).flat_map(move |run| {
        let (mut parts, mut start) = (Vec::new(), 0);
        if named {
            for (at, pair) in run.as_bytes().windows(2).enumerate() {
                if matches!(pair, [small, capital] if small.is_ascii_lowercase() && capital.is_ascii_uppercase()) {
                    parts.extend(run.get(start..=at));
                    start = at + 1;
                }
            }
        }
        parts.extend(run.get(start..));
        parts
    })
}

/// Whether it is the name of a variable: `DATABASE_PASSWORD`, `databasePassword`; words without a digit.
fn is_name(value: &str) -> bool {
    let letters = value.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'.'));
    let joined = value.contains('_') || value.contains('.');
    let one_case = !value.bytes().any(|byte| byte.is_ascii_uppercase()) || !value.bytes().any(|byte| byte.is_ascii_lowercase());
    letters && joined && one_case
}

/// Whether it repeats itself or counts: `aaaaaaaa`, `00000000-0000-…`, `1234567890`, `abcdefghij`, `abababab`.
fn is_monotonous(value: &str) -> bool {
    let letters: Vec<u8> = value.bytes().filter(u8::is_ascii_alphanumeric).collect();
    if letters.len() < 4 {
        return true;
    }
    let mut distinct = letters.clone();
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() <= 2 || (letters.len() >= 16 && distinct.len() <= 4) {
        return true;
    }
    // Half of the value in runs of one letter or of letters that follow each other is no chance.
    let mut in_runs = 0;
    let mut run = 1;
    for pair in letters.windows(2) {
        let &[first, second] = pair else { continue };
        if first == second || second == first.wrapping_add(1) || (first == b'9' && second == b'0') {
            run += 1;
        } else {
            in_runs += if run >= 4 { run } else { 0 };
            run = 1;
        }
    }
    in_runs += if run >= 4 { run } else { 0 };
    in_runs * 2 >= letters.len()
}

fn run_of_one(letters: &[u8]) -> usize {
    letters.chunk_by(|first, second| first == second).map(<[u8]>::len).max().unwrap_or(0)
}

/// What base64 of a text says, as the data of a Kubernetes secret do.
fn decoded(value: &str) -> Option<String> {
    if value.len() < 8 || !value.len().is_multiple_of(4) {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(value).ok()?).ok()?;
    let text = text.trim_end().to_owned();
    text.bytes().all(|byte| byte == b'\n' || (0x20..0x7f).contains(&byte)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_references_and_names_are_no_values() {
        for value in [
            "your-secret-key-at-least-32-characters",
            "changeme",
            "xxx",
            "xxxxxxxxxxxxxxxx",
            "<your token>",
            "replace-with-a-key",
            "sk-ant-...",
            "AKIAIOSFODNN7EXAMPLE",
            "dummy",
            "fake-key-123",
            "${API_KEY}",
            "$API_KEY",
            "{{ secrets.KEY }}",
            "process.env.API_KEY",
            "DATABASE_PASSWORD",
            "yourSecretKey",
            "0000000000000000",
            "1234567890abcdef",
            "1x00000000000000000000AA",
            "00000000-0000-0000-0000-000000000000",
            "abababababababab",
            "op://vault/item/field",
            "test-token-for-ci",
            "Y2hhbmdlbWU=",
            "my-api-token",
        ] {
            assert!(is_placeholder(value.as_bytes()), "{value}");
        }
    }

    #[test]
    fn random_values_are_values() {
        for value in [
            "9f8Kx2LmQ7vRt4WzYb1Nc6Dp",
            "c4a1f09be27d83356f1e9a0db7482c5e",
            "s3cr3t-Pa55w0rd!",
            "qV8n-Zk3mTf_7Lw2",
            "bk9TQ1dKUEZ4Mkx2WnI0YUhtN1U=",
            "correct-horse-battery-staple-9",
        ] {
            assert!(!is_placeholder(value.as_bytes()), "{value}");
        }
    }

    #[test]
    fn random_values_are_rarely_taken_for_placeholders() {
        // A stream of SHA-256 as base64, forty letters each: what a key looks like.
        let taken = (0..20_000_u32)
            .filter(|number| {
                let digest = avouch_model::Digest::of(&number.to_be_bytes());
                let value = STANDARD.encode(digest.as_bytes());
                is_placeholder(&value.as_bytes()[..40])
            })
            .count();
        assert!(taken <= 4, "{taken} of 20,000");
    }
}
