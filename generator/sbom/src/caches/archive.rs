//! One file out of an archive, in memory: tar in gzip, and zip. Nothing is unpacked to the disk.

use std::io::{Cursor, Read};

use flate2::{
    Crc,
    read::{DeflateDecoder, GzDecoder},
};
use zip::{CompressionMethod, ZipArchive};

/// The most of an archive that is unpacked while one file is looked for.
const UNPACKED_BYTES_MAX: u64 = 512 << 20;
/// A tar block (POSIX.1-2017, pax, "ustar Interchange Format").
const BLOCK: usize = 512;

/// The regular file of this name in a tar that is in gzip. Everything is read once, up to the end of the file.
pub(super) fn from_tar_gz(archive: &[u8], name: &str, bytes_max: u64) -> Option<Vec<u8>> {
    let mut tar = GzDecoder::new(archive).take(UNPACKED_BYTES_MAX);
    let mut header = [0_u8; BLOCK];
    loop {
        tar.read_exact(&mut header).ok()?;
        let size = octal(header.get(124..136)?)?;
        let kind = header.get(156).copied()?;
        if matches!(kind, b'0' | 0) && path(&header)? == name.as_bytes() {
            if size > bytes_max {
                return None;
            }
            let mut bytes = Vec::with_capacity(usize::try_from(size).ok()?);
            tar.take(size).read_to_end(&mut bytes).ok()?;
            return (bytes.len() as u64 == size).then_some(bytes);
        }
        // A header of zeros is the end.
        if header.iter().all(|byte| *byte == 0) {
            return None;
        }
        let padded = size.checked_next_multiple_of(BLOCK as u64)?;
        let skipped = std::io::copy(&mut tar.by_ref().take(padded), &mut std::io::sink()).ok()?;
        if skipped != padded {
            return None;
        }
    }
}

/// The path in a header: prefix, `/` and name.
fn path(header: &[u8; BLOCK]) -> Option<Vec<u8>> {
    let text = |range: std::ops::Range<usize>| {
        let field = header.get(range)?;
        field.split(|byte| *byte == 0).next()
    };
    let (name, prefix) = (text(0..100)?, text(345..500)?);
    let ustar = header.get(257..262)? == b"ustar";
    if !ustar || prefix.is_empty() {
        return Some(name.to_vec());
    }
    Some([prefix, b"/", name].concat())
}

fn octal(field: &[u8]) -> Option<u64> {
    let digits: Vec<u8> = field.iter().copied().filter(|byte| !matches!(byte, 0 | b' ')).collect();
    if digits.is_empty() {
        return Some(0);
    }
    u64::from_str_radix(std::str::from_utf8(&digits).ok()?, 8).ok()
}

/// The file of this name in a zip, stored or deflated.
pub(super) fn from_zip(archive: &[u8], name: &str, bytes_max: u64) -> Option<Vec<u8>> {
    Zip::open(archive)?.read(name, bytes_max)
}

/// A zip whose list was read.
pub(super) struct Zip<'a>(ZipArchive<Cursor<&'a [u8]>>);

impl<'a> Zip<'a> {
    pub(super) fn open(archive: &'a [u8]) -> Option<Self> {
        ZipArchive::new(Cursor::new(archive)).ok().map(Self)
    }

    /// The names of what is in it, folders too; none where one of them cannot be read.
    pub(super) fn names(&self) -> Option<Vec<String>> {
        self.0.file_names().map(|name| name.ok().map(String::from)).collect()
    }

    /// The file of this name.
    pub(super) fn read(&mut self, name: &str, bytes_max: u64) -> Option<Vec<u8>> {
        let at = self.0.index_for_name(name)?;
        let file = self.0.by_index_raw(at).ok()?;
        let (size, check, method) = (file.size(), file.crc32(), file.compression());
        if size > bytes_max || file.encrypted() {
            return None;
        }
        let mut bytes = Vec::new();
        // What the archive says of a size is not believed: one byte more is one too many.
        match method {
            CompressionMethod::STORE => file.take(size + 1).read_to_end(&mut bytes).ok()?,
            CompressionMethod::DEFLATE => DeflateDecoder::new(file).take(size + 1).read_to_end(&mut bytes).ok()?,
            _ => return None,
        };
        let mut crc = Crc::new();
        crc.update(&bytes);
        (bytes.len() as u64 == size && crc.sum() == check).then_some(bytes)
    }
}

#[cfg(test)]
pub(super) mod pack {
    //! Archives for the tests.

    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};
    use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

    pub(crate) fn tar_gz(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        for (name, bytes) in files {
            let mut header = [0_u8; 512];
            header[..name.len()].copy_from_slice(name.as_bytes());
            header[124..136].copy_from_slice(format!("{:011o}\0", bytes.len()).as_bytes());
            header[156] = b'0';
            header[257..263].copy_from_slice(b"ustar\0");
            packed.write_all(&header).unwrap();
            packed.write_all(bytes).unwrap();
            packed.write_all(&vec![0; bytes.len().next_multiple_of(512) - bytes.len()]).unwrap();
        }
        packed.write_all(&[0; 1024]).unwrap();
        packed.finish().unwrap()
    }

    pub(crate) fn zip(files: &[(&str, &[u8])], deflate: bool) -> Vec<u8> {
        let method = if deflate { CompressionMethod::Deflated } else { CompressionMethod::Stored };
        let options = SimpleFileOptions::default().compression_method(method);
        let mut archive = ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for (name, bytes) in files {
            archive.start_file(*name, options).unwrap();
            archive.write_all(bytes).unwrap();
        }
        archive.finish().unwrap().into_inner()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FILES: [(&str, &[u8]); 3] = [("a-1/Cargo.lock", b"x"), ("a-1/Cargo.toml", b"[package]"), ("a-1/empty", b"")];

    #[test]
    fn a_file_comes_out_of_an_archive() {
        for archive in [pack::zip(&FILES, false), pack::zip(&FILES, true)] {
            assert_eq!(from_zip(&archive, "a-1/Cargo.toml", 99).unwrap(), b"[package]");
            assert_eq!(from_zip(&archive, "a-1/empty", 99).unwrap(), b"");
            assert_eq!(from_zip(&archive, "Cargo.toml", 99), None);
            assert_eq!(from_zip(&archive, "a-1/Cargo.toml", 8), None, "it is larger than asked for");
        }
        let archive = pack::tar_gz(&FILES);
        assert_eq!(from_tar_gz(&archive, "a-1/Cargo.toml", 99).unwrap(), b"[package]");
        assert_eq!(from_tar_gz(&archive, "a-1/empty", 99).unwrap(), b"");
        assert_eq!(from_tar_gz(&archive, "a-1/none", 99), None);
        assert_eq!(from_tar_gz(&archive, "a-1/Cargo.toml", 8), None);
    }

    proptest! {
        #[test]
        fn broken_archives_hold_nothing_and_harm_nothing(cut in 0_usize..400, at in 0_usize..400, byte: u8) {
            for mut archive in [pack::zip(&FILES, true), pack::tar_gz(&FILES)] {
                archive.truncate(archive.len().saturating_sub(cut));
                if let Some(place) = archive.get_mut(at) {
                    *place = byte;
                }
                let _ = from_zip(&archive, "a-1/Cargo.toml", 99);
                let _ = from_tar_gz(&archive, "a-1/Cargo.toml", 99);
            }
        }
    }
}
