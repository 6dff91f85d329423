//! The folders of `node_modules` as a tree, and how Node looks through it.

use std::collections::HashMap;

/// How many folders up a dependency is looked for.
const LEVELS_MAX: usize = 256;
/// How many folders there may be.
const FOLDERS_MAX: usize = 2_000_000;
const NONE: u32 = u32::MAX;

/// A tree of folders; each may hold a package.
pub(super) struct Folders<'a> {
    parts: HashMap<&'a str, u32>,
    children: HashMap<(u32, u32), u32>,
    nodes: Vec<Folder>,
    links: Vec<(u32, &'a str)>,
}

struct Folder {
    parent: u32,
    /// Its `node_modules`.
    modules: u32,
    /// The place of the package that lies in it.
    place: u32,
}

impl Default for Folders<'_> {
    fn default() -> Self {
        let top = Folder { parent: NONE, modules: NONE, place: NONE };
        Self { parts: HashMap::new(), children: HashMap::new(), nodes: vec![top], links: Vec::new() }
    }
}

impl<'a> Folders<'a> {
    /// The folder of the lockfile.
    pub(super) const TOP: u32 = 0;

    /// The folder at a path, made if need be; none when there are too many.
    pub(super) fn path(&mut self, path: &'a str) -> Option<u32> {
        self.below(Self::TOP, path)
    }

    /// The folder that a package called so has in the `node_modules` of a folder.
    pub(super) fn module(&mut self, folder: u32, name: &'a str) -> Option<u32> {
        let modules = self.below(folder, "node_modules")?;
        self.below(modules, name)
    }

    fn below(&mut self, folder: u32, path: &'a str) -> Option<u32> {
        let mut at = folder;
        for part in path.split('/').filter(|part| !part.is_empty()) {
            let count = u32::try_from(self.parts.len()).ok()?;
            let id = *self.parts.entry(part).or_insert(count);
            let next = u32::try_from(self.nodes.len()).ok()?;
            let child = *self.children.entry((at, id)).or_insert(next);
            if child == next {
                if self.nodes.len() >= FOLDERS_MAX {
                    return None;
                }
                self.nodes.push(Folder { parent: at, modules: NONE, place: NONE });
                if part == "node_modules"
                    && let Some(parent) = self.nodes.get_mut(at as usize)
                {
                    parent.modules = child;
                }
            }
            at = child;
        }
        Some(at)
    }

    pub(super) fn put(&mut self, folder: u32, place: usize) {
        if let Some(folder) = self.nodes.get_mut(folder as usize) {
            folder.place = u32::try_from(place).unwrap_or(NONE);
        }
    }

    /// Remembers that a folder is a link to another.
    pub(super) fn link(&mut self, folder: u32, target: &'a str) {
        self.links.push((folder, target));
    }

    /// Gives every link the place of what it leads to.
    pub(super) fn follow_links(&mut self) {
        for (folder, target) in std::mem::take(&mut self.links) {
            if let Some(place) = self.existing(Self::TOP, target).and_then(|target| self.place(target)) {
                self.put(folder, place);
            }
        }
    }

    pub(super) fn place(&self, folder: u32) -> Option<usize> {
        let place = self.nodes.get(folder as usize)?.place;
        (place != NONE).then_some(place as usize)
    }

    fn existing(&self, folder: u32, path: &str) -> Option<u32> {
        path.split('/').filter(|part| !matches!(*part, "" | ".")).try_fold(folder, |at, part| {
            let id = self.parts.get(part)?;
            self.children.get(&(at, *id)).copied()
        })
    }

    /// The place that Node finds for a name needed in a folder: in its `node_modules`, then in those above.
    pub(super) fn find(&self, folder: u32, name: &str) -> Option<usize> {
        // A name that no folder has is nowhere.
        if name.split('/').any(|part| !self.parts.contains_key(part)) {
            return None;
        }
        let mut at = self.nodes.get(folder as usize);
        for _ in 0..LEVELS_MAX {
            let folder = at?;
            if folder.modules != NONE
                && let Some(place) = self.existing(folder.modules, name).and_then(|found| self.place(found))
            {
                return Some(place);
            }
            at = self.nodes.get(folder.parent as usize);
        }
        None
    }
}
