//! Whether deleted rows are gone from the files too.

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};

use rusqlite::{Connection, types::ValueRef};

use super::statements::{Binds, bound};
use crate::{Value, purge::Due, quote};

/// Shorter values are found by chance.
const BYTES_MIN: usize = 8;
/// Longer ones lie on several pages, and are not found in one piece.
const BYTES_MAX: usize = 256;
/// How many rows are looked at for every canary.
const ROWS_PER_CANARY: usize = 8;
const CHUNK_BYTES: usize = 1024 * 1024;

/// Texts and blobs of rows that are due, and of no other row of the table.
pub(super) fn canaries(connection: &Connection, due: &Due, binds: &Binds<'_>, at_most: usize) -> rusqlite::Result<Vec<Vec<u8>>> {
    let table = quote(&due.table);
    let mut statement = bound(
        connection,
        &format!("SELECT * FROM {table} WHERE {} LIMIT {}", due.due("cutoff"), at_most * ROWS_PER_CANARY),
        binds,
    )?;
    let columns: Vec<String> = statement.column_names().map(quote).collect();
    let encoding = Encoding::of(connection)?;
    let mut candidates: Vec<(usize, Value)> = Vec::new();
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next()? {
        let values = (0..columns.len()).filter_map(|place| match row.get_ref(place) {
            Ok(ValueRef::Text(bytes) | ValueRef::Blob(bytes)) if (BYTES_MIN..=BYTES_MAX).contains(&bytes.len()) => {
                Some((place, super::read::value_of(row.get_ref(place).ok()?)))
            }
            _ => None,
        });
        // The longest of a row: a time or a kind stands in many rows.
        let length = |value: &Value| match value {
            Value::Text(text) => text.len(),
            Value::BrokenText(bytes) | Value::Blob(bytes) => bytes.len(),
            _ => 0,
        };
        candidates.extend(values.max_by_key(|(_, value)| length(value)));
    }
    let mut found = Vec::new();
    for (place, value) in candidates {
        let column = columns.get(place).map_or("", String::as_str);
        let stays =
            format!("SELECT EXISTS (SELECT 1 FROM {table} WHERE {column} = :canary AND ({}) IS NOT TRUE)", due.due("cutoff"));
        let binds: Vec<_> = binds.iter().copied().chain([("canary", &value)]).collect();
        let stays = bound(connection, &stays, &binds)?.raw_query().next()?.map_or(Ok(true), |row| row.get(0))?;
        if !stays
            && let Some(bytes) = encoding.stored(value)
            && !found.contains(&bytes)
        {
            found.push(bytes);
        }
        if found.len() == at_most {
            break;
        }
    }
    Ok(found)
}

/// How the file writes texts; they are read as UTF-8 whatever it is (SQLite, `PRAGMA encoding`).
enum Encoding {
    Utf8,
    Utf16(fn(u16) -> [u8; 2]),
}

impl Encoding {
    fn of(connection: &Connection) -> rusqlite::Result<Self> {
        let name: String = connection.query_row("PRAGMA encoding", [], |row| row.get(0))?;
        Ok(match name.as_str() {
            "UTF-16le" => Self::Utf16(u16::to_le_bytes),
            "UTF-16be" => Self::Utf16(u16::to_be_bytes),
            _ => Self::Utf8,
        })
    }

    /// The bytes of a value as they are in the file; none where that is not known, or where they are too many.
    fn stored(&self, value: Value) -> Option<Vec<u8>> {
        let bytes = match (self, value) {
            (_, Value::Blob(bytes)) | (Self::Utf8, Value::BrokenText(bytes)) => bytes,
            (Self::Utf8, Value::Text(text)) => text.into_bytes(),
            // What could not be read stands for several texts.
            (Self::Utf16(bytes), Value::Text(text)) if !text.contains(char::REPLACEMENT_CHARACTER) => {
                text.encode_utf16().flat_map(bytes).collect()
            }
            _ => return None,
        };
        (bytes.len() <= BYTES_MAX).then_some(bytes)
    }
}

/// How many of the values are in the database file, its log or its journal.
pub(super) fn remnants(path: &Path, canaries: &[Vec<u8>]) -> io::Result<u64> {
    let mut found = vec![false; canaries.len()];
    for ending in ["", "-wal", "-journal"] {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        match File::open(Path::new(&name)) {
            Ok(file) => look_through(file, canaries, &mut found)?,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound && !ending.is_empty() => {}
            Err(cause) => return Err(cause),
        }
    }
    Ok(found.iter().filter(|found| **found).count() as u64)
}

fn look_through(mut file: File, canaries: &[Vec<u8>], found: &mut [bool]) -> io::Result<()> {
    let mut buffer: Vec<u8> = Vec::with_capacity(CHUNK_BYTES + BYTES_MAX);
    loop {
        // What began at the end of the last piece goes on at the beginning of this one.
        let rest = buffer.len().saturating_sub(BYTES_MAX - 1);
        buffer.drain(..rest);
        let before = buffer.len();
        file.by_ref().take(CHUNK_BYTES as u64).read_to_end(&mut buffer)?;
        if buffer.len() == before {
            return Ok(());
        }
        for (canary, found) in canaries.iter().zip(found.iter_mut()) {
            *found = *found || memchr::memmem::find(&buffer, canary).is_some();
        }
    }
}
