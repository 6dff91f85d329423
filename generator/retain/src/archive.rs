//! The archive: what was deleted, one object a window.
//!
//! An object is NDJSON compressed with zstd (RFC 8878), one line a row: `{"table":"events","row":{…}}`. It is named for the
//! SHA-256 digest of its lines and written once. A process that dies between the archive and the deletion leaves an object
//! of rows that are still there; the next run finds the same rows under the same name. So a row may be in two objects,
//! never in none.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use avouch_database::{Rows, Value};
use avouch_model::Digest;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use serde_json::{Map, json};

/// A folder for the rows of one rule.
pub(crate) struct Archive {
    folder: PathBuf,
    /// Objects that this run wrote.
    pub(crate) written: u64,
}

impl Archive {
    /// The folder of the rule within `archive`, which is relative to `root`. It is made, for its owner alone.
    pub(crate) fn open(root: &Path, archive: &str, rule: &str) -> io::Result<Self> {
        let folder = root.join(archive).join(rule);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        Ok(Self { folder, written: 0 })
    }

    /// Keeps the rows; durable once it returns.
    pub(crate) fn keep(&mut self, rows: &[(String, Rows)]) -> io::Result<String> {
        let lines = lines(rows)?;
        let digest = Digest::of(&lines).to_string();
        let name = format!("{}.ndjson.zst", digest.trim_start_matches("sha256:"));
        let place = self.folder.join(&name);
        if !place.try_exists()? {
            let part = self.folder.join(format!(".{name}"));
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
            file.write_all(&compress_to_vec(&lines[..], CompressionLevel::Fastest))?;
            file.sync_all()?;
            // Whole under its name or not there at all, and never written over.
            match fs::hard_link(&part, &place) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => fs::remove_file(&part)?,
            }
            File::open(&self.folder)?.sync_all()?;
            self.written += 1;
        }
        Ok(digest)
    }
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
        Value::Blob(bytes) => json!({ "base64": BASE64_STANDARD.encode(bytes) }),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn an_object_is_written_once_and_reads_as_its_name_says() {
        let root = tempfile::tempdir().unwrap();
        let values = vec![Value::Integer(i64::MAX), Value::Real(0.5), Value::Blob(vec![0, 255]), Value::Text("é\n".into())];
        let rows = Rows { columns: ["a", "b", "c", "d"].map(str::to_owned).to_vec(), rows: vec![values; 3_000] };
        let mut archive = Archive::open(root.path(), "old", "events").unwrap();
        let name = archive.keep(&[("events".into(), rows.clone())]).unwrap();
        assert_eq!(archive.keep(&[("events".into(), rows)]).unwrap(), name);
        assert_eq!(archive.written, 1);
        let kept: Vec<_> = fs::read_dir(root.path().join("old/events")).unwrap().map(|entry| entry.unwrap().path()).collect();
        let [kept] = &kept[..] else { unreachable!("{kept:?}") };
        let mut lines = Vec::new();
        let file = fs::read(kept).unwrap();
        ruzstd::decoding::StreamingDecoder::new(&file[..]).unwrap().read_to_end(&mut lines).unwrap();
        assert_eq!(Digest::of(&lines).to_string(), name);
        assert!(kept.ends_with(format!("{}.ndjson.zst", name.trim_start_matches("sha256:"))));
        let first = lines.split(|byte| *byte == b'\n').next().unwrap();
        let line =
            "{\"row\":{\"a\":9223372036854775807,\"b\":0.5,\"c\":{\"base64\":\"AP8=\"},\"d\":\"é\\n\"},\"table\":\"events\"}";
        assert_eq!(std::str::from_utf8(first).unwrap(), line);
        assert!(file.len() < lines.len() / 10, "{} of {}", file.len(), lines.len());
    }
}
