//! The files of a zip archive, in memory: nothing is ever written to a disk.
//!
//! The archive's list is read by the `zip` crate; what it lists is unpacked here, by one decompressor for all files. One for each
//! of a hundred thousand small files would leave more holes in memory than the files fill.

use std::io::{Cursor, Read as _};

use flate2::{Crc, Decompress, FlushDecompress, Status};
use zip::{CompressionMethod, ZipArchive};

/// The most files of one archive.
const ENTRIES_MAX: usize = 1_000_000;
/// The most bytes of one file in it: the largest record that is published has less than a tenth of this.
const ENTRY_BYTES_MAX: u64 = 16 << 20;
/// The most bytes of all its files.
const TOTAL_BYTES_MAX: u64 = 4 << 30;
/// How many times its packed size a file may have; small files are let off, since a hundred equal lines pack well.
const RATIO_MAX: u64 = 200;
const RATIO_FREE_BYTES: u64 = 1 << 20;

/// Gives each JSON file of an archive, in the archive's order, and what is wrong with it otherwise. A name that leads out of the
/// archive, a link, an encrypted or an overgrown file is refused, and the others are given.
///
/// # Errors
/// When the bytes are no archive, or it holds more than any database does.
pub(crate) fn each(bytes: &[u8], mut give: impl FnMut(&str, Result<&[u8], String>)) -> Result<(), String> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| format!("this is no zip archive: {error}"))?;
    if archive.len() > ENTRIES_MAX {
        return Err(format!("it holds {} files; at most {ENTRIES_MAX} are read", archive.len()));
    }
    let mut total: u64 = 0;
    let mut unpacker = Unpacker { inflate: Decompress::new(false), packed: Vec::new(), content: Vec::new() };
    for place in 0..archive.len() {
        let mut file = match archive.by_index_raw(place) {
            Ok(file) => file,
            Err(error) => {
                give(&format!("file {place}"), Err(format!("cannot be opened: {error}")));
                continue;
            }
        };
        let name = file.name().map(|name| name.into_owned()).unwrap_or_else(|_| format!("file {place}"));
        if file.is_dir() {
            continue;
        }
        if !is_plain(&name) {
            give(&name, Err("its name leads out of the archive".to_owned()));
            continue;
        }
        if !name.ends_with(".json") {
            continue;
        }
        let wrong = if !file.is_file() {
            Some("it is a link or no regular file")
        } else if file.encrypted() {
            Some("it is encrypted")
        } else {
            None
        };
        if let Some(wrong) = wrong {
            give(&name, Err(wrong.to_owned()));
            continue;
        }
        let (method, crc) = (file.compression(), file.crc32());
        unpacker.packed.clear();
        let read = file.by_ref().take(ENTRY_BYTES_MAX + 1).read_to_end(&mut unpacker.packed);
        let unpacked = read.map_err(|error| format!("cannot be read: {error}")).and_then(|_| unpacker.unpack(method, crc));
        total += unpacker.content.len() as u64;
        if total > TOTAL_BYTES_MAX {
            return Err(format!("its files have more than {TOTAL_BYTES_MAX} bytes"));
        }
        give(&name, unpacked.map(|()| unpacker.content.as_slice()));
    }
    Ok(())
}

/// Whether a name stays within the archive, on every system.
fn is_plain(name: &str) -> bool {
    !name.contains(['\\', '\0', ':']) && name.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
}

/// Unpacks one file after the other, and keeps its memory in between.
struct Unpacker {
    inflate: Decompress,
    packed: Vec<u8>,
    content: Vec<u8>,
}

impl Unpacker {
    /// Unpacks what was read. What the archive says of a file's size is not believed.
    fn unpack(&mut self, method: CompressionMethod, crc: u32) -> Result<(), String> {
        self.content.clear();
        let packed = self.packed.len() as u64;
        let allowed = ENTRY_BYTES_MAX.min(packed.saturating_mul(RATIO_MAX).max(RATIO_FREE_BYTES));
        match method {
            CompressionMethod::STORE => self.content.extend_from_slice(&self.packed),
            CompressionMethod::DEFLATE => self.inflate(allowed)?,
            other => return Err(format!("it is packed by {other}, which is not read")),
        }
        if self.content.len() as u64 > allowed {
            return Err(format!("it is larger than {allowed} bytes, the most for what it is packed into"));
        }
        let mut check = Crc::new();
        check.update(&self.content);
        if check.sum() == crc { Ok(()) } else { Err("its checksum is another one: it is damaged".to_owned()) }
    }

    /// Stops soon after more than `allowed` bytes.
    fn inflate(&mut self, allowed: u64) -> Result<(), String> {
        self.inflate.reset(false);
        let cut = || "it is damaged or cut off".to_owned();
        loop {
            if self.content.len() as u64 > allowed {
                return Ok(());
            }
            self.content.reserve(64 << 10);
            let read = usize::try_from(self.inflate.total_in()).ok().and_then(|at| self.packed.get(at..)).unwrap_or_default();
            let before = (self.inflate.total_in(), self.content.len());
            let status = self.inflate.decompress_vec(read, &mut self.content, FlushDecompress::Finish).map_err(|_| cut())?;
            if status == Status::StreamEnd {
                return Ok(());
            }
            if before == (self.inflate.total_in(), self.content.len()) {
                return Err(cut());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use zip::{ZipWriter, write::SimpleFileOptions};

    use super::*;

    fn packed(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in files {
            writer.start_file(*name, SimpleFileOptions::default()).unwrap();
            writer.write_all(content).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn told(bytes: &[u8]) -> Vec<(String, Result<usize, String>)> {
        let mut told = Vec::new();
        each(bytes, |name, content| told.push((name.to_owned(), content.map(<[u8]>::len)))).unwrap();
        told
    }

    #[test]
    fn files_are_given_and_others_passed_over() {
        let bytes = packed(&[("GHSA-1.json", b"{}"), ("a/B.json", b"[1]"), ("readme.txt", b"x")]);
        assert_eq!(told(&bytes), [("GHSA-1.json".to_owned(), Ok(2)), ("a/B.json".to_owned(), Ok(3))]);
    }

    #[test]
    fn names_that_lead_out_are_refused() {
        for name in ["../up.json", "/root.json", "a/../../b.json", "c:\\x.json", "a//b.json"] {
            // The writer mends some of these names: the bytes are changed afterwards.
            let harmless: String = "x".repeat(name.len() - 5) + ".json";
            let bytes = packed(&[(&harmless, b"{}"), ("good.json", b"{}")]);
            let mut hostile = bytes.clone();
            for at in 0..bytes.len() - harmless.len() {
                if bytes[at..].starts_with(harmless.as_bytes()) {
                    hostile[at..at + name.len()].copy_from_slice(name.as_bytes());
                }
            }
            let told = told(&hostile);
            assert!(told.iter().any(|(_, content)| content.is_err()), "{name}: {told:?}");
            assert!(told.contains(&("good.json".to_owned(), Ok(2))), "{name}: {told:?}");
        }
    }

    #[test]
    fn a_bomb_is_stopped_and_the_others_are_read() {
        let bomb = vec![b' '; 8 << 20];
        let told = told(&packed(&[("bomb.json", &bomb), ("good.json", b"{}")]));
        assert!(told[0].1.as_ref().unwrap_err().contains("larger than"), "{told:?}");
        assert_eq!(told[1].1, Ok(2));
    }

    #[test]
    fn what_is_no_archive_or_is_cut_off_is_an_error() {
        let bytes = packed(&[("a.json", &[b'a'; 4_000])]);
        for end in [0, 1, 30, bytes.len() / 2, bytes.len() - 1] {
            assert!(each(&bytes[..end], |_, _| {}).is_err(), "{end}");
        }
        let mut damaged = bytes.clone();
        damaged[40] ^= 0xff;
        let mut wrong = 0;
        let whole = each(&damaged, |_, content| wrong += usize::from(content.is_err()));
        assert!(whole.is_err() || wrong == 1);
    }
}
