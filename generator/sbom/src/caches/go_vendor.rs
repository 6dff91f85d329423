//! Go modules that `go mod vendor` copied into the checkout: `vendor/modules.txt` lists them (Go Modules Reference, "Vendoring"),
//! and the licences of each lie in `vendor/MODULE`.
//!
//! No hash tells that a copy is the module's own: `h1:` is of all files of a module, and only those of the packages that are
//! needed are there. The list is believed, as Go believes it when it builds from the folder.

use std::collections::{BTreeSet, HashMap};

use avouch_read::lock::Package;
use avouch_repository::Folder;

use super::{TEXT_BYTES_MAX, read, texts_in, version};

/// The folders `vendor` beside the lockfiles.
#[derive(Debug, Default)]
pub(super) struct Vendored {
    checkout: Option<Folder>,
    /// The folder of a module of a version.
    places: HashMap<(String, String), String>,
}

impl Vendored {
    pub(super) fn open(checkout: Option<Folder>, folders: &BTreeSet<&str>) -> Self {
        let mut places = HashMap::new();
        for folder in folders {
            let list =
                checkout.as_ref().and_then(|checkout| read(checkout, &format!("{folder}vendor/modules.txt"), TEXT_BYTES_MAX));
            for (module, version, place) in modules(&String::from_utf8_lossy(&list.unwrap_or_default())) {
                places.entry((module.to_owned(), version.to_owned())).or_insert_with(|| format!("{folder}vendor/{place}"));
            }
        }
        Self { checkout, places }
    }

    /// The licences whose texts were copied with a module.
    pub(super) fn texts(&self, package: &Package) -> BTreeSet<&'static str> {
        let place = version(package).and_then(|version| self.places.get(&(package.name.clone(), version.to_owned())));
        place.zip(self.checkout.as_ref()).map(|(place, checkout)| texts_in(checkout, place)).unwrap_or_default()
    }
}

/// The modules of a `modules.txt` with their versions, and the folder of each: a line `# MODULE VERSION`, or
/// `# MODULE VERSION => OTHER VERSION` where another module lies in the folder of the one that it replaces.
fn modules(list: &str) -> impl Iterator<Item = (&str, &str, &str)> {
    list.lines().filter_map(|line| {
        let words: Vec<&str> = line.strip_prefix("# ")?.split_ascii_whitespace().collect();
        match *words.as_slice() {
            [module, version] if module != "=>" => Some((module, version, module)),
            [module, _, "=>", other, version] => Some((other, version, module)),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_listed_with_the_folders_they_lie_in() {
        let list = "# a.example/A v1.0.0\n## explicit; go 1.19\na.example/A/sub\n# b.example/b v1.0.0 => c.example/c v2.0.0\n\
                    # d.example/d v1.0.0 => ./d\n# b.example/b => c.example/c v2.0.0\n";
        let listed: Vec<_> = modules(list).collect();
        assert_eq!(listed, [("a.example/A", "v1.0.0", "a.example/A"), ("c.example/c", "v2.0.0", "b.example/b")]);
    }
}
