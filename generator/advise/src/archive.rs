//! The files of a zip archive, in memory: nothing is ever written to a disk.

use std::io::{Cursor, Read as _};

use zip::ZipArchive;

/// The most files of one archive.
const ENTRIES_MAX: usize = 1_000_000;
/// The most bytes of one file in it: the largest record that is published has less than a tenth of this.
pub(crate) const ENTRY_BYTES_MAX: u64 = 16 << 20;
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
    let mut content = Vec::new();
    for place in 0..archive.len() {
        let mut file = match archive.by_index(place) {
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
        let plain = !name.is_empty()
            && !name.contains(['\\', '\0', ':'])
            && !name.starts_with('/')
            && name.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
        if !plain {
            give(&name, Err("its name leads out of the archive".to_owned()));
            continue;
        }
        if !name.ends_with(".json") {
            continue;
        }
        if !file.is_file() {
            give(&name, Err("it is a link or no regular file".to_owned()));
            continue;
        }
        let allowed = ENTRY_BYTES_MAX.min(file.compressed_size().saturating_mul(RATIO_MAX).max(RATIO_FREE_BYTES));
        content.clear();
        // What the archive says of a file's size is not believed.
        if let Err(error) = file.by_ref().take(allowed + 1).read_to_end(&mut content) {
            give(&name, Err(format!("cannot be unpacked: {error}")));
            continue;
        }
        total += content.len() as u64;
        if total > TOTAL_BYTES_MAX {
            return Err(format!("its files have more than {TOTAL_BYTES_MAX} bytes"));
        }
        if content.len() as u64 > allowed {
            give(&name, Err(format!("it is larger than {allowed} bytes, the most for what it is packed into")));
        } else {
            give(&name, Ok(&content));
        }
    }
    Ok(())
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
