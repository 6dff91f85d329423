//! Tiles and entry bundles of the log (C2SP tlog-tiles): their paths, which a log of a size has, and what they hold.

use std::{fmt, str::FromStr};

use crate::merkle::{self, Hash};

/// Hashes in a full tile, entries in a full bundle.
pub const WIDTH: u64 = 256;

/// What a tile holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Hashes at this level of tiles: level L holds roots of subtrees of 256^L leaves. At most 63.
    Hashes(u8),
    /// The entries themselves.
    Entries,
}

/// The name of a tile or entry bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    level: Level,
    index: u64,
    width: u16,
}

/// The path names no tile.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not the path of a tile (C2SP tlog-tiles)")]
pub struct NotATile(pub String);

impl Tile {
    /// A tile; none when the level is above 63 or the width is not 1 to 256.
    pub fn new(level: Level, index: u64, width: u16) -> Option<Self> {
        let known = !matches!(level, Level::Hashes(64..));
        (known && (1..=WIDTH).contains(&u64::from(width))).then_some(Self { level, index, width })
    }

    /// What it holds.
    pub const fn level(self) -> Level {
        self.level
    }

    /// Its place within its level, from 0.
    pub const fn index(self) -> u64 {
        self.index
    }

    /// How many hashes or entries it holds, 1 to 256.
    pub const fn width(self) -> u16 {
        self.width
    }

    /// Whether the log has outgrown neither it nor its place: fewer than 256 hashes or entries.
    pub fn is_partial(self) -> bool {
        u64::from(self.width) < WIDTH
    }

    /// The same place with another width.
    pub fn with_width(self, width: u16) -> Option<Self> {
        Self::new(self.level, self.index, width)
    }

    /// Its path below the folder of the log, `tile/0/x001/234.p/70`.
    pub fn path(self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Tile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.level {
            Level::Hashes(level) => write!(formatter, "tile/{level}/")?,
            Level::Entries => formatter.write_str("tile/entries/")?,
        }
        let mut groups = vec![self.index % 1000];
        let mut rest = self.index / 1000;
        while rest > 0 {
            groups.push(rest % 1000);
            rest /= 1000;
        }
        for group in groups.iter().skip(1).rev() {
            write!(formatter, "x{group:03}/")?;
        }
        write!(formatter, "{:03}", groups.first().unwrap_or(&0))?;
        if self.is_partial() {
            write!(formatter, ".p/{}", self.width)?;
        }
        Ok(())
    }
}

impl FromStr for Tile {
    type Err = NotATile;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Read leniently, then hold the one right spelling against the text: no second path names the same tile.
        read_path(text).filter(|tile| tile.path() == text).ok_or_else(|| NotATile(text.to_owned()))
    }
}

fn read_path(text: &str) -> Option<Tile> {
    let (level, rest) = text.strip_prefix("tile/")?.split_once('/')?;
    let level = if level == "entries" { Level::Entries } else { Level::Hashes(level.parse().ok()?) };
    let (place, width) = match rest.split_once(".p/") {
        Some((place, width)) => (place, width.parse().ok().filter(|width| *width < 256)?),
        None => (rest, 256),
    };
    let mut index = 0u64;
    for group in place.split('/') {
        let digits: u64 = group.strip_prefix('x').unwrap_or(group).parse().ok().filter(|group| *group < 1000)?;
        index = index.checked_mul(1000)?.checked_add(digits)?;
    }
    Tile::new(level, index, width)
}

/// The tiles of hashes that a log of this size has: full ones, and at most one partial a level.
pub fn hash_tiles(size: u64) -> impl Iterator<Item = Tile> {
    (0u8..8)
        .map(move |level| (level, size >> (8 * u32::from(level))))
        .take_while(|(_, count)| *count > 0)
        .flat_map(|(level, count)| places(Level::Hashes(level), count))
}

/// The entry bundles that a log of this size has, in order.
pub fn entry_bundles(size: u64) -> impl Iterator<Item = Tile> {
    places(Level::Entries, size)
}

fn places(level: Level, count: u64) -> impl Iterator<Item = Tile> {
    (0..count.div_ceil(WIDTH)).filter_map(move |index| {
        let width = (count - index * WIDTH).min(WIDTH);
        Tile::new(level, index, u16::try_from(width).ok()?)
    })
}

/// The tile that a log of this size has at the place of another; none when it has none there.
pub fn current(tile: Tile, size: u64) -> Option<Tile> {
    let count = match tile.level {
        Level::Entries => size,
        Level::Hashes(level) => size.checked_shr(8 * u32::from(level)).unwrap_or(0),
    };
    let left = count.checked_sub(tile.index.checked_mul(WIDTH)?)?;
    tile.with_width(u16::try_from(left.min(WIDTH)).ok()?)
}

/// Makes the tiles of hashes while leaves come in, holding at most one unfinished tile a level.
#[derive(Debug, Default)]
pub struct TileWriter {
    levels: Vec<(u64, Vec<Hash>)>,
}

impl TileWriter {
    /// Takes the next leaf hash and gives every tile that it fills, lowest first.
    pub fn push(&mut self, leaf: Hash, full: &mut dyn FnMut(Tile, Vec<u8>)) {
        let mut hash = leaf;
        for level in 0u8..8 {
            if self.levels.len() <= usize::from(level) {
                self.levels.push((0, Vec::new()));
            }
            let Some((index, hashes)) = self.levels.get_mut(usize::from(level)) else { return };
            hashes.push(hash);
            if (hashes.len() as u64) < WIDTH {
                return;
            }
            let Some(tile) = Tile::new(Level::Hashes(level), *index, 256) else { return };
            full(tile, hashes.concat());
            hash = merkle::root(hashes);
            hashes.clear();
            *index += 1;
        }
    }

    /// Gives the unfinished tiles, lowest first.
    pub fn partials(&self) -> Vec<(Tile, Vec<u8>)> {
        let unfinished = self.levels.iter().zip(0u8..).filter(|((_, hashes), _)| !hashes.is_empty());
        unfinished
            .filter_map(|((index, hashes), level)| {
                let tile = Tile::new(Level::Hashes(level), *index, u16::try_from(hashes.len()).ok()?)?;
                Some((tile, hashes.concat()))
            })
            .collect()
    }
}

/// The root of the complete subtree of 2^level leaves at `index`, from the tile that holds it.
///
/// `tile` gives the bytes of a tile as [`current`] names it for a log of this size.
pub fn node(level: u32, index: u64, size: u64, tile: &mut dyn FnMut(Tile) -> Option<Vec<u8>>) -> Option<Hash> {
    let (tile_level, within) = (level / 8, level % 8);
    let first = index.checked_shl(within)?;
    let place = Tile::new(Level::Hashes(u8::try_from(tile_level).ok()?), first / WIDTH, 256)?;
    let bytes = tile(current(place, size)?)?;
    let from = usize::try_from(first % WIDTH).ok()?;
    let hashes: Vec<Hash> = bytes.as_chunks().0.get(from..from + (1 << within))?.to_vec();
    Some(merkle::root(&hashes))
}

/// Adds an entry to a bundle: its length in two bytes, big endian, and its bytes. None when it is longer than 65,535 bytes.
pub fn push_entry(bundle: &mut Vec<u8>, entry: &[u8]) -> Option<()> {
    bundle.extend(u16::try_from(entry.len()).ok()?.to_be_bytes());
    bundle.extend(entry);
    Some(())
}

/// The entries of a bundle; none when a length does not fit the bytes.
pub fn read_bundle(bundle: &[u8]) -> Option<Vec<&[u8]>> {
    let mut entries = Vec::new();
    let mut rest = bundle;
    while !rest.is_empty() {
        let (length, after) = rest.split_first_chunk()?;
        let (entry, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        entries.push(entry);
        rest = after;
    }
    Some(entries)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::proof;

    #[test]
    fn paths_are_written_as_the_specification_writes_them() {
        let written = |level, index, width| Tile::new(level, index, width).unwrap().path();
        assert_eq!(written(Level::Hashes(0), 1_234_067, 256), "tile/0/x001/x234/067");
        assert_eq!(written(Level::Hashes(0), 1_234, 70), "tile/0/x001/234.p/70");
        assert_eq!(written(Level::Entries, 0, 256), "tile/entries/000");
        assert_eq!(written(Level::Entries, 999, 1), "tile/entries/999.p/1");
    }

    #[test]
    fn a_tile_has_one_path() {
        for text in [
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/01",
            "tile/64/000",
            "tile/255/000",
            "tile/00/000",
            "tile/0/00",
            "tile/0/0000",
            "tile/0/x000/001",
            "tile/0/001/x234",
            "tile/0/x001",
            "tile/-1/000",
            "tile/0/+01",
            "tile/0/../000",
            "tile/entries/",
            "tile/entries",
            "tile/0/000.p/",
            "tile/0/000.p/1/2",
            "/tile/0/000",
            "tile/8/0/000",
            "",
            "tile/0/x999/x999/x999/x999/x999/x999/x999/x999/999",
        ] {
            assert!(text.parse::<Tile>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_log_has_full_tiles_and_one_partial_a_level() {
        let paths = |size| hash_tiles(size).map(Tile::path).collect::<Vec<_>>();
        assert_eq!(paths(0), Vec::<String>::new());
        assert_eq!(paths(255), ["tile/0/000.p/255"]);
        assert_eq!(paths(256), ["tile/0/000", "tile/1/000.p/1"]);
        assert_eq!(paths(257), ["tile/0/000", "tile/0/001.p/1", "tile/1/000.p/1"]);
        assert_eq!(paths(65_536).len(), 256 + 1 + 1);
        assert_eq!(entry_bundles(513).map(Tile::path).collect::<Vec<_>>().last().unwrap(), "tile/entries/002.p/1");
    }

    fn tiles(leaves: &[Hash]) -> BTreeMap<String, Vec<u8>> {
        let mut writer = TileWriter::default();
        let mut found = BTreeMap::new();
        for leaf in leaves {
            writer.push(*leaf, &mut |tile, bytes| {
                found.insert(tile.path(), bytes);
            });
        }
        found.extend(writer.partials().into_iter().map(|(tile, bytes)| (tile.path(), bytes)));
        found
    }

    #[test]
    fn the_writer_makes_the_tiles_of_the_size_and_proofs_come_out_of_them() {
        let leaves: Vec<Hash> = (0..66_000u32).map(|index| merkle::leaf_hash(&index.to_be_bytes())).collect();
        for size in [1u64, 2, 255, 256, 257, 511, 700, 65_535, 65_536, 65_537, 66_000] {
            let leaves = &leaves[..size as usize];
            let found = tiles(leaves);
            let mut expected: Vec<_> = hash_tiles(size).map(Tile::path).collect();
            expected.sort();
            assert_eq!(found.keys().cloned().collect::<Vec<_>>(), expected, "size {size}");
            let root = merkle::root(leaves);
            let mut nodes = |level, index| node(level, index, size, &mut |tile| found.get(&tile.path()).cloned());
            for index in [0, size / 2, size - 1] {
                let path = proof::prove_inclusion(index, size, &mut nodes).unwrap();
                assert!(proof::check_inclusion(&leaves[index as usize], index, size, &root, &path));
            }
            let old = size.div_ceil(3);
            let path = proof::prove_consistency(old, size, &mut nodes).unwrap();
            assert!(proof::check_consistency(old, &merkle::root(&leaves[..old as usize]), size, &root, &path));
        }
    }

    proptest! {
        #[test]
        fn a_path_reads_back(level in 0u8..64, entries: bool, index: u64, width in 1u16..=256) {
            let level = if entries { Level::Entries } else { Level::Hashes(level) };
            let tile = Tile::new(level, index, width).unwrap();
            prop_assert_eq!(tile.path().parse::<Tile>().unwrap(), tile);
        }

        #[test]
        fn any_text_is_a_tile_or_an_error(text in "(tile/)?[a-z0-9x./]{0,40}") {
            if let Ok(tile) = text.parse::<Tile>() {
                prop_assert_eq!(tile.path(), text);
            }
        }

        #[test]
        fn a_bundle_reads_back_and_hostile_ones_are_refused(
            entries in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..20),
            noise in prop::collection::vec(any::<u8>(), 0..60),
        ) {
            let mut bundle = Vec::new();
            for entry in &entries {
                push_entry(&mut bundle, entry).unwrap();
            }
            prop_assert_eq!(read_bundle(&bundle).unwrap(), entries.iter().map(Vec::as_slice).collect::<Vec<_>>());
            if let Some(read) = read_bundle(&noise) {
                let mut again = Vec::new();
                read.iter().for_each(|entry| push_entry(&mut again, entry).unwrap());
                prop_assert_eq!(again, noise);
            }
        }

        #[test]
        fn no_size_makes_a_node_panic(level in 0u32..70, index: u64, size: u64, bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = node(level, index, size, &mut |_| Some(bytes.clone()));
        }
    }

    #[test]
    fn an_entry_that_is_too_long_is_refused() {
        assert!(push_entry(&mut Vec::new(), &vec![0; 65_535]).is_some());
        assert!(push_entry(&mut Vec::new(), &vec![0; 65_536]).is_none());
    }
}
