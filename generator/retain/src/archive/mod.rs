//! The archive: what was deleted, one object a window.
//!
//! An object is NDJSON compressed with zstd (RFC 8878), one line a row: `{"table":"events","row":{…}}`. It is named for the
//! SHA-256 digest of its lines, written once, and read back before anything is deleted. A process that dies between the archive and the deletion leaves an object
//! of rows that are still there; the next run finds the same rows under the same name. So a row may be in two objects,
//! never in none.

mod bucket;
mod folder;

use std::{
    io::{self, Read as _},
    path::Path,
};

use avouch_database::{Rows, Value};
use avouch_model::{Digest, product};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use ruzstd::{
    decoding::StreamingDecoder,
    encoding::{CompressionLevel, compress_to_vec},
};
use serde_json::{Map, json};

use bucket::InBucket;
use folder::Folder;

/// An object may be this much larger than its lines and still be looked at: another version may pack otherwise.
const PACKED_MORE: usize = 1024 * 1024;

/// Where objects are. None is ever changed or deleted here.
trait Store {
    /// Writes an object, whole or not at all, unless one of its name is there. Tells whether it did. Durable once it returns.
    fn create(&mut self, name: &str, bytes: &[u8]) -> io::Result<bool>;

    /// What is there under the name; more than `bytes_max` is an error.
    fn read(&mut self, name: &str, bytes_max: usize) -> io::Result<Vec<u8>>;
}

/// A place for the rows of one rule.
pub(crate) struct Archive {
    store: Box<dyn Store>,
    /// Objects that this run wrote.
    pub(crate) written: u64,
    /// Those that this run wrote or found, and of which no window was done so far; the last of them last.
    open: Vec<String>,
    /// Those of windows that were begun again.
    strays: u64,
}

impl Archive {
    /// The place of the rule within `archive`; relative folders lie beneath `root`. A folder is made.
    pub(crate) fn open(root: &Path, archive: &product::Archive, rule: &str) -> io::Result<Self> {
        let store: Box<dyn Store> = match archive {
            product::Archive::Folder(folder) => Box::new(Folder::open(root.join(folder).join(rule))?),
            product::Archive::Objects { bucket, prefix } => {
                let prefix = if prefix.is_empty() { rule.to_owned() } else { format!("{prefix}/{rule}") };
                Box::new(InBucket::open(bucket, prefix, root).map_err(io::Error::other)?)
            }
        };
        Ok(Self { store, written: 0, open: Vec::new(), strays: 0 })
    }

    /// Hears that the rows of a window are gone: they are those that were kept last.
    pub(crate) fn settled(&mut self) {
        let Some(last) = self.open.pop() else { return };
        self.open.retain(|open| *open != last);
        self.strays += self.open.len() as u64;
        self.open.clear();
    }

    /// How many objects may hold rows that stay, or as they were before they changed.
    pub(crate) fn strays(&self) -> u64 {
        self.strays + self.open.len() as u64
    }

    /// Keeps the rows; durable once it returns.
    pub(crate) fn keep(&mut self, rows: &[(String, Rows)]) -> io::Result<String> {
        let lines = lines(rows)?;
        let digest = Digest::of(&lines).to_string();
        let name = format!("{}.ndjson.zst", digest.trim_start_matches("sha256:"));
        let written = self.store.create(&name, &compress_to_vec(&lines[..], CompressionLevel::Fastest));
        // What counts is what can be read: an answer may be lost after the object was written, and what was there before may be
        // something else.
        match (written, self.store.read(&name, lines.len().saturating_add(PACKED_MORE))) {
            (written, Ok(there)) if holds(&there, &lines) => {
                self.written += u64::from(written.unwrap_or(true));
                self.open.retain(|open| *open != digest);
                self.open.push(digest.clone());
                Ok(digest)
            }
            (Err(error), _) | (Ok(_), Err(error)) => Err(error),
            (Ok(_), Ok(_)) => Err(io::Error::other(format!(
                "`{name}` is in the archive and does not hold the rows that its name says; look at who wrote it, and move it away"
            ))),
        }
    }
}

/// Whether an object holds these lines and nothing else.
fn holds(packed: &[u8], lines: &[u8]) -> bool {
    let mut unpacked = Vec::with_capacity(lines.len());
    let Ok(decoder) = StreamingDecoder::new(packed) else { return false };
    decoder.take(lines.len() as u64 + 1).read_to_end(&mut unpacked).is_ok() && unpacked == lines
}

fn lines(rows: &[(String, Rows)]) -> io::Result<Vec<u8>> {
    let mut lines = Vec::new();
    for (table, rows) in rows {
        for row in &rows.rows {
            let row: Map<_, _> = rows.columns.iter().cloned().zip(row.iter().map(value)).collect();
            serde_json::to_writer(&mut lines, &json!({ "table": table, "row": row }))?;
            lines.push(b'\n');
        }
    }
    Ok(lines)
}

fn value(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Integer(number) => json!(number),
        // JSON has no infinity.
        Value::Real(number) if number.is_finite() => json!(number),
        Value::Real(number) => json!({ "real": number.to_string() }),
        Value::Text(text) => json!(text),
        Value::BrokenText(bytes) => json!({ "text_base64": BASE64_STANDARD.encode(bytes) }),
        Value::Blob(bytes) => json!({ "base64": BASE64_STANDARD.encode(bytes) }),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn an_object_is_written_once_and_reads_as_its_name_says() {
        let root = tempfile::tempdir().unwrap();
        let (blob, broken) = (Value::Blob(vec![0, 255]), Value::BrokenText(vec![0, 255]));
        let values = vec![Value::Integer(i64::MAX), Value::Real(0.5), blob, Value::Text("é\n".into()), broken];
        let rows = Rows { columns: ["a", "b", "c", "d", "e"].map(str::to_owned).to_vec(), rows: vec![values; 3_000] };
        let mut archive = Archive::open(root.path(), &product::Archive::Folder("old".into()), "events").unwrap();
        let name = archive.keep(&[("events".into(), rows.clone())]).unwrap();
        assert_eq!(archive.keep(&[("events".into(), rows)]).unwrap(), name);
        assert_eq!(archive.written, 1);
        let kept: Vec<_> = fs::read_dir(root.path().join("old/events")).unwrap().map(|entry| entry.unwrap().path()).collect();
        let [kept] = &kept[..] else { unreachable!("{kept:?}") };
        let mut lines = Vec::new();
        let file = fs::read(kept).unwrap();
        StreamingDecoder::new(&file[..]).unwrap().read_to_end(&mut lines).unwrap();
        assert_eq!(Digest::of(&lines).to_string(), name);
        assert!(kept.ends_with(format!("{}.ndjson.zst", name.trim_start_matches("sha256:"))));
        let first = lines.split(|byte| *byte == b'\n').next().unwrap();
        let line = concat!(
            "{\"row\":{\"a\":9223372036854775807,\"b\":0.5,\"c\":{\"base64\":\"AP8=\"},\"d\":\"é\\n\",\"e\":{\"text_base64\":\"AP8=\"}},",
            "\"table\":\"events\"}"
        );
        assert_eq!(std::str::from_utf8(first).unwrap(), line);
        assert!(file.len() < lines.len() / 10, "{} of {}", file.len(), lines.len());
    }
    #[test]
    fn what_cannot_be_written_is_told_with_its_place() {
        let root = tempfile::tempdir().unwrap();
        let rows = [("events".to_owned(), Rows { columns: vec!["id".into()], rows: vec![vec![Value::Integer(1)]] })];
        let place = product::Archive::Folder("old".into());
        let mut archive = Archive::open(root.path(), &place, "events").unwrap();
        fs::remove_dir_all(root.path().join("old")).unwrap();
        let told = archive.keep(&rows).unwrap_err().to_string();
        assert!(told.contains("/old/events/") && told.contains(".ndjson.zst`: "), "{told}");
        fs::write(root.path().join("old"), "a file").unwrap();
        let told = Archive::open(root.path(), &place, "events").map(drop).unwrap_err().to_string();
        assert!(told.contains("/old/events`: "), "{told}");
    }

    #[test]
    fn what_another_wrote_under_the_name_is_no_archive() {
        let root = tempfile::tempdir().unwrap();
        let rows = [("events".to_owned(), Rows { columns: vec!["id".into()], rows: vec![vec![Value::Integer(1)]] })];
        let place = product::Archive::Folder("old".into());
        let mut archive = Archive::open(root.path(), &place, "events").unwrap();
        let digest = archive.keep(&rows).unwrap();
        let file = root.path().join(format!("old/events/{}.ndjson.zst", digest.trim_start_matches("sha256:")));
        let whole = fs::read(&file).unwrap();
        let other = compress_to_vec(&b"{}\n"[..], CompressionLevel::Fastest);
        for wrong in [&whole[..whole.len() - 4], &other, b"", &vec![0; 2 * 1024 * 1024]] {
            fs::write(&file, wrong).unwrap();
            assert!(archive.keep(&rows).is_err());
            assert_eq!(fs::read(&file).unwrap(), wrong, "it was written over");
        }
        // Another program may have packed the same.
        fs::write(&file, compress_to_vec(&lines(&rows).unwrap()[..], CompressionLevel::Uncompressed)).unwrap();
        assert_eq!((archive.keep(&rows).unwrap(), archive.written), (digest, 1));
    }
}
