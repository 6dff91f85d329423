//! The repository as a whole, against repositories that `git` itself made.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::*;

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        place.git(&["init", "-q", "-b", "main"]);
        place
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        fs::write(self.path(path), bytes).unwrap();
    }

    fn git(&self, arguments: &[&str]) -> String {
        self.git_at("2026-01-02T03:04:05Z", arguments)
    }

    fn git_at(&self, time: &str, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_COMMITTER_DATE", time)
            .env("GIT_AUTHOR_DATE", "2001-01-01T00:00:00Z")
            .args(["-c", "user.name=A > B", "-c", "user.email=a@example.com", "-C"])
            .arg(self.folder.path())
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn commit(&self, time: &str) -> String {
        self.git(&["add", "-A"]);
        self.git_at(time, &["commit", "-q", "--allow-empty", "-m", "change"]);
        self.git(&["rev-parse", "HEAD"])
    }

    fn repository(&self) -> Repository {
        Repository::discover(self.folder.path()).unwrap().unwrap()
    }
}

fn paths(files: &dyn Files) -> Vec<String> {
    files.list().unwrap().into_iter().map(|entry| entry.path).collect()
}

#[test]
fn a_folder_outside_of_git_is_no_repository() {
    let place = tempfile::tempdir().unwrap();
    fs::create_dir(place.path().join(".git")).unwrap();
    assert!(Repository::discover(place.path()).unwrap().is_none());
    assert!(Repository::discover(place.path().join("missing")).is_err());
}

#[test]
fn a_repository_is_found_from_a_folder_within_it() {
    let place = Place::new();
    place.write("a/b/c", "x");
    let repository = Repository::discover(place.path("a/b")).unwrap().unwrap();
    assert_eq!(repository.root(), fs::canonicalize(place.folder.path()).unwrap());
    assert_eq!(repository.head().unwrap(), None);
    assert!(repository.is_dirty().is_ok_and(|dirty| !dirty), "untracked files do not count");
    assert!(!repository.is_shallow().unwrap());
}

#[test]
fn a_commit_gives_the_bytes_that_were_committed_whatever_lies_in_the_folder() {
    let place = Place::new();
    place.write("Cargo.lock", "version = 4\r\n");
    place.write("d/\"odd\" name\né", [0, 159, 146, 150]);
    let commit = place.commit("2026-01-02T03:04:05Z");
    place.write("Cargo.lock", "changed");
    place.write("new", "x");
    let tree = place.repository().commit(&commit).unwrap();
    assert_eq!(paths(&tree), ["Cargo.lock", "d/\"odd\" name\né"]);
    assert_eq!(tree.read("Cargo.lock", 13).unwrap().unwrap(), b"version = 4\r\n");
    assert_eq!(tree.read("d/\"odd\" name\né", 9).unwrap().unwrap(), [0, 159, 146, 150]);
    assert_eq!(tree.read("new", 9).unwrap(), None);
    assert!(matches!(tree.read("Cargo.lock", 12), Err(RepositoryError::TooLarge { bytes_max: 12, .. })));
    assert!(matches!(tree.read("../Cargo.lock", 99), Err(RepositoryError::Outside { .. })));
    assert_eq!(tree.commit(), commit);
}

#[test]
fn a_commit_can_be_read_by_several_threads() {
    let place = Place::new();
    for index in 0..20 {
        place.write(&format!("f{index}"), format!("{index}").repeat(100));
    }
    let commit = place.commit("2026-01-02T03:04:05Z");
    let tree = &place.repository().commit(&commit).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(move || {
                for index in 0..20 {
                    let bytes = tree.read(&format!("f{index}"), 9_999).unwrap().unwrap();
                    assert_eq!(bytes, format!("{index}").repeat(100).into_bytes());
                }
            });
        }
    });
}

#[cfg(unix)]
#[test]
fn links_and_submodules_of_a_commit_are_listed_apart() {
    let place = Place::new();
    place.write("a", "x");
    std::os::unix::fs::symlink("/etc/hostname", place.path("link")).unwrap();
    let first = place.commit("2026-01-02T03:04:05Z");
    place.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{first},module")]);
    place.git(&["commit", "-q", "-m", "module"]);
    let tree = place.repository().commit("HEAD").unwrap();
    assert_eq!(paths(&tree), ["a"]);
    let expected = [("link", Why::Link), ("module", Why::Submodule)];
    assert_eq!(tree.passed_over().len(), 2);
    for (found, (path, why)) in tree.passed_over().iter().zip(expected) {
        assert_eq!((found.path.as_str(), found.why), (path, why));
    }
    assert_eq!(tree.read("link", 99).unwrap(), None);
}

#[test]
fn tags_are_peeled_and_newest_first() {
    let place = Place::new();
    let old = place.commit("2026-01-01T00:00:00Z");
    place.git(&["tag", "v1.10.0"]);
    place.git(&["tag", "v1.9.0"]);
    place.git(&["tag", "other"]);
    let new = place.commit("2026-02-01T00:00:00+01:00");
    place.git(&["tag", "-a", "-m", "x", "v0.9.1"]);
    place.git(&["tag", "-a", "-m", "x", "v2.0.0-of-a-tag", "v0.9.1"]);
    place.write("a", "x");
    place.commit("2026-03-01T00:00:00Z");
    place.git(&["tag", "v-a-tree", "HEAD^{tree}"]);
    let tags = place.repository().tags("v*").unwrap();
    let seen: Vec<_> = tags.iter().map(|tag| (tag.version.as_str(), tag.commit.as_str())).collect();
    let (old, new) = (old.as_str(), new.as_str());
    assert_eq!(seen, [("2.0.0-of-a-tag", new), ("0.9.1", new), ("1.10.0", old), ("1.9.0", old)]);
    assert_eq!(tags[0].committed.to_string(), "2026-01-31T23:00:00Z");
    assert_eq!(place.repository().commit_time("v1.9.0").unwrap().to_string(), "2026-01-01T00:00:00Z");
    assert_eq!(place.repository().resolve("v0.9.1").unwrap().as_deref(), Some(new));
}

#[test]
fn a_name_that_is_an_option_or_a_range_names_no_commit() {
    let place = Place::new();
    place.commit("2026-01-01T00:00:00Z");
    for name in ["--all", "HEAD..HEAD", "^HEAD", ":x", "HEAD\nHEAD", "none", "", "HEAD:"] {
        assert_eq!(place.repository().resolve(name).unwrap(), None, "{name}");
        assert!(matches!(place.repository().commit(name), Err(RepositoryError::NoCommit { .. })), "{name}");
    }
}

#[test]
fn every_change_of_a_tracked_file_makes_the_folder_dirty() {
    type Change = fn(&Place);
    let changes: [(&str, Change); 6] = [
        ("content", |place| place.write("a", "2")),
        ("of the same size", |place| place.write("b", "two ")),
        ("removed", |place| fs::remove_file(place.path("a")).unwrap()),
        ("staged", |place| {
            place.write("new", "x");
            place.git(&["add", "new"]);
        }),
        ("a folder in its place", |place| {
            fs::remove_file(place.path("a")).unwrap();
            place.write("a/x", "1");
        }),
        ("an odd name", |place| place.write("\"q\"\nx", "2")),
    ];
    for (what, change) in changes {
        let place = Place::new();
        place.write("a", "1");
        place.write("b", "four");
        place.write("\"q\"\nx", "1");
        place.commit("2026-01-01T00:00:00Z");
        assert!(!place.repository().is_dirty().unwrap(), "{what}: before");
        change(&place);
        assert!(place.repository().is_dirty().unwrap(), "{what}");
    }
}

#[test]
fn the_index_is_read_as_git_reads_it_in_every_version() {
    let place = Place::new();
    for path in ["a", "a-b", "a.b", "a/b", "a/c/d", "a0", "z/\"q\"\nx", "z/é"] {
        if path != "a" {
            place.write(path, path);
        }
    }
    let commit = place.commit("2026-01-01T00:00:00Z");
    let tree = place.git(&["rev-parse", &format!("{commit}^{{tree}}")]);
    for version in ["2", "3", "4"] {
        place.git(&["update-index", "--index-version", version, "--force-write-index"]);
        let index = crate::index::read(&fs::read(place.path(".git/index")).unwrap(), 20).unwrap();
        assert_eq!(index.tree().as_deref(), Some(tree.as_str()), "version {version}");
        let listed = place.git(&["ls-files", "-s", "-z"]);
        let listed: std::collections::BTreeMap<Vec<u8>, (u32, String)> = listed
            .split_terminator('\0')
            .map(|line| {
                let (head, path) = line.split_once('\t').unwrap();
                let parts: Vec<&str> = head.split(' ').collect();
                (path.as_bytes().to_vec(), (u32::from_str_radix(parts[0], 8).unwrap(), parts[1].to_owned()))
            })
            .collect();
        assert_eq!(crate::index::by_path(&index), listed);
        assert!(!place.repository().is_dirty().unwrap());
    }
    place.git(&["update-index", "--split-index"]);
    assert_eq!(crate::index::read(&fs::read(place.path(".git/index")).unwrap(), 20), None, "this one only git can read");
    assert!(!place.repository().is_dirty().unwrap());
    place.write("a0", "another");
    assert!(place.repository().is_dirty().unwrap());
}

#[cfg(unix)]
#[test]
fn an_unchanged_folder_is_told_without_reading_its_files() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    place.write("a", "1");
    place.commit("2026-01-01T00:00:00Z");
    // A whole second, as archives keep them: what a file was unpacked from says nothing of when it was written here.
    let set = |path: &str, time| fs::File::options().append(true).open(place.path(path)).unwrap().set_modified(time).unwrap();
    set("a", std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000));
    place.git(&["update-index", "-q", "--refresh"]);
    let look = |path: &str| crate::look::Look::of(&fs::metadata(place.path(path)).unwrap());
    let bytes = fs::read(place.path(".git/index")).unwrap();
    let index = crate::index::read(&bytes, 20).unwrap();
    let found = look("a");
    // The index is younger than the file, so that what the file looks like proves something.
    set(".git/index", std::time::SystemTime::now() + std::time::Duration::from_secs(90));
    let younger = look(".git/index");
    assert!(index.entries[0].looks_the_same(&found, &younger));
    set(".git/index", std::time::SystemTime::now() - std::time::Duration::from_secs(90));
    let older = look(".git/index");
    assert!(!index.entries[0].looks_the_same(&found, &older), "a file that changed after the index may hold anything");
    fs::set_permissions(place.path("a"), fs::Permissions::from_mode(0o600)).unwrap();
    let found = look("a");
    assert!(!index.entries[0].looks_the_same(&found, &younger), "somebody touched it");
    assert!(!place.repository().is_dirty().unwrap(), "and changed nothing that counts");
}

#[test]
fn a_repository_that_git_refuses_says_why() {
    let place = Place::new();
    place.write("a", "1");
    place.commit("2026-01-01T00:00:00Z");
    fs::write(place.path(".git/config"), "[core]\n\trepositoryformatversion = 99\n").unwrap();
    let error = place.repository().head().unwrap_err().to_string();
    assert!(error.contains("99"), "{error}");
}

#[test]
fn line_ends_and_what_a_pointer_names_are_no_change() {
    let place = Place::new();
    place.write("text", "a\nb\n");
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\nsize 3\n";
    place.write("large", pointer);
    place.commit("2026-01-01T00:00:00Z");
    place.write("text", "a\r\nb\r\n");
    place.write("large", "abc");
    assert!(!place.repository().is_dirty().unwrap());
    place.write("large", "abd");
    assert!(place.repository().is_dirty().unwrap());
}

#[cfg(unix)]
#[test]
fn a_hostile_repository_runs_nothing() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    place.write("a.txt", "1");
    place.write(".gitattributes", "* filter=evil diff=evil merge=evil\n");
    let commit = place.commit("2026-01-01T00:00:00Z");
    place.git(&["tag", "v1"]);
    let canary = place.path(".git/canary");
    let script = place.path(".git/evil.sh");
    fs::write(&script, format!("#!/bin/sh\necho ran >> '{}'\ncat\n", canary.display())).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    for hook in ["post-index-change", "pre-commit", "post-checkout", "reference-transaction"] {
        fs::copy(&script, place.path(".git/hooks").join(hook)).unwrap();
    }
    let program = script.to_str().unwrap();
    let keys = [
        "core.fsmonitor",
        "core.pager",
        "core.editor",
        "core.sshCommand",
        "core.alternateRefsCommand",
        "core.gitProxy",
        "filter.evil.clean",
        "filter.evil.smudge",
        "filter.evil.process",
        "diff.evil.textconv",
        "diff.evil.command",
        "diff.external",
        "credential.helper",
        "gpg.program",
        "uploadpack.packObjectsHook",
        "sequence.editor",
        "pager.ls-tree",
        "pager.diff-tree",
        "pager.rev-list",
    ];
    let mut config = fs::read_to_string(place.path(".git/config")).unwrap();
    for key in keys {
        let (section, name) = key.rsplit_once('.').unwrap();
        let section = section.split_once('.').map_or(section.to_owned(), |(outer, inner)| format!("{outer} \"{inner}\""));
        config.push_str(&format!("[{section}]\n\t{name} = {program}\n"));
    }
    config.push_str(&format!("[core]\n\thooksPath = {}\n\tworktree = /\n", place.path(".git/hooks").display()));
    config.push_str("[extensions]\n\tpartialClone = origin\n[remote \"origin\"]\n\tpromisor = true\n\turl = ext::");
    config.push_str(&format!("{program}\n[protocol \"ext\"]\n\tallow = always\n"));
    fs::write(place.path(".git/config"), config).unwrap();
    place.write("a.txt", "2");

    // The trap works: the command that the field warns of does run the filter.
    let status = Command::new("git").arg("-C").arg(place.folder.path()).args(["--work-tree=.", "diff", "--quiet"]).output();
    assert!(status.is_ok() && canary.exists(), "the canary does not sing when it should");
    fs::remove_file(&canary).unwrap();

    let repository = place.repository();
    assert!(repository.is_dirty().unwrap());
    assert_eq!(repository.tags("*").unwrap().len(), 1);
    assert_eq!(repository.head().unwrap().as_deref(), Some(commit.as_str()));
    let tree = repository.commit(&commit).unwrap();
    assert_eq!(tree.read("a.txt", 9).unwrap().unwrap(), b"1");
    assert_eq!(arrivals(&repository, &[]).len(), 2);
    assert_eq!(repository.tracked().unwrap().len(), 2);
    assert!(!canary.exists(), "a program of the repository was run");
    assert_eq!(repository.root(), fs::canonicalize(place.folder.path()).unwrap(), "core.worktree has no say");
}

#[test]
fn a_missing_object_is_an_error_and_asks_no_network() {
    let place = Place::new();
    place.write("a", "content");
    let commit = place.commit("2026-01-01T00:00:00Z");
    let blob = place.git(&["rev-parse", "HEAD:a"]);
    let repository = place.repository();
    let tree = repository.commit(&commit).unwrap();
    let object: &Path = &place.path(".git/objects").join(&blob[..2]).join(&blob[2..]);
    fs::remove_file(object).unwrap();
    let error = tree.read("a", 99).unwrap_err().to_string();
    assert!(error.contains("the object of `a` is missing"), "{error}");
}

#[test]
fn a_worktree_is_a_repository_too() {
    let place = Place::new();
    place.write("a", "x");
    place.commit("2026-01-01T00:00:00Z");
    let beside = tempfile::tempdir().unwrap();
    let there = beside.path().join("w");
    place.git(&["worktree", "add", "-q", there.to_str().unwrap()]);
    let repository = Repository::discover(&there).unwrap().unwrap();
    assert!(!repository.is_dirty().unwrap());
    fs::write(there.join("a"), "y").unwrap();
    assert!(repository.is_dirty().unwrap());
}

fn arrivals(repository: &Repository, known: &[String]) -> Vec<(String, String, String)> {
    let mut all = Vec::new();
    let tips = repository.tips().unwrap();
    repository
        .arrivals(&tips, known, &mut |arrival| {
            all.push((arrival.path.to_owned(), arrival.commit.to_owned(), arrival.blob.to_owned()));
        })
        .unwrap();
    all
}

#[test]
fn everything_that_ever_came_is_told_with_the_commit_that_brought_it() {
    let place = Place::new();
    assert_eq!(arrivals(&place.repository(), &[]), []);
    place.write("a", "1");
    place.write("d/\"odd\" name\né", "2");
    let first = place.commit("2026-01-01T00:00:00Z");
    place.git(&["checkout", "-q", "-b", "side"]);
    place.write("b", "3");
    let side = place.commit("2026-01-02T00:00:00Z");
    place.git(&["checkout", "-q", "main"]);
    place.write("a", "4");
    fs::remove_file(place.path("d/\"odd\" name\né")).unwrap();
    let second = place.commit("2026-01-03T00:00:00Z");
    place.git(&["merge", "-q", "--no-commit", "side"]);
    place.write("evil", "5");
    let merge = place.commit("2026-01-04T00:00:00Z");
    place.git(&["checkout", "-q", "--orphan", "other"]);
    place.write("only-there", "6");
    place.git(&["tag", "a-content", &place.git(&["rev-parse", "main:a"])]);
    let orphan = place.commit("2026-01-05T00:00:00Z");
    place.git(&["checkout", "-q", "main"]);

    let repository = place.repository();
    let all = arrivals(&repository, &[]);
    let brought = |path: &str| all.iter().filter(|(at, ..)| at == path).map(|(_, commit, _)| commit.clone()).collect::<Vec<_>>();
    assert_eq!(brought("a").len(), 3, "{all:?}");
    assert!(brought("a").contains(&first) && brought("a").contains(&second));
    assert_eq!(brought("d/\"odd\" name\né"), [first]);
    assert_eq!(brought("evil").first(), Some(&merge));
    assert!(brought("b").contains(&side));
    assert_eq!(brought("only-there"), [orphan]);
    // What is known already is not told again, and what is not reached any more is noticed.
    let known = repository.tips().unwrap();
    assert_eq!(arrivals(&repository, &known), []);
    assert!(repository.reaches(&known, &known).unwrap());
    place.git(&["branch", "-D", "other"]);
    let now = place.repository().tips().unwrap();
    assert!(!repository.reaches(&now, &known).unwrap());
    assert!(repository.reaches(&now, &[side]).unwrap());
    assert!(!repository.reaches(&now, &["0".repeat(40)]).unwrap());
}

#[test]
fn contents_are_read_as_far_as_they_are_wanted() {
    let place = Place::new();
    place.write("a", "x".repeat(300_000));
    place.write("b", "");
    place.write("c", "third");
    place.commit("2026-01-01T00:00:00Z");
    let repository = place.repository();
    let ids: Vec<String> = ["a", "b", "c"].iter().map(|path| place.git(&["rev-parse", &format!("HEAD:{path}")])).collect();
    let mut seen = Vec::new();
    repository
        .blobs::<RepositoryError>(&ids, &mut |index, size, content| {
            let mut beginning = [0; 5];
            let read = content.read(&mut beginning).unwrap();
            seen.push((index, size, String::from_utf8_lossy(&beginning[..read]).into_owned()));
            Ok(())
        })
        .unwrap();
    assert_eq!(seen, [(0, 300_000, "xxxxx".to_owned()), (1, 0, String::new()), (2, 5, "third".to_owned())]);
    let missing = [ids[0].clone(), "0".repeat(40)];
    assert!(repository.blobs::<RepositoryError>(&missing, &mut |_, _, _| Ok(())).is_err());
    let stopped = repository.blobs(&ids, &mut |_, _, _| Err(RepositoryError::GitMissing));
    assert!(matches!(stopped, Err(RepositoryError::GitMissing)));
    assert!(place.repository().tracked().unwrap() == ["a", "b", "c"]);
}

#[test]
fn a_stamp_changes_with_its_file() {
    let place = Place::new();
    place.write("a", "1");
    let folder = Folder::open(place.folder.path()).unwrap();
    let before = folder.stamp("a").unwrap();
    assert_eq!(folder.stamp("a"), Some(before));
    place.write("a", "12");
    assert_ne!(folder.stamp("a"), Some(before));
    assert_eq!(folder.stamp("missing"), None);
    assert_eq!(folder.stamp("../a"), None);
    assert!(before.changed() > 1_500_000_000);
    assert_eq!(Stamp::read(&before.to_string()), Some(before));
    for text in ["", "1 2 3 4", "1 2 3 4 5 6", "1 2 3 4 x"] {
        assert_eq!(Stamp::read(text), None, "{text}");
    }
}

#[test]
fn the_stamp_of_a_folder_changes_with_the_names_in_it() {
    let place = Place::new();
    place.write("a/b", "1");
    let folder = Folder::open(place.folder.path()).unwrap();
    let before = folder.folder_stamp("a").unwrap();
    place.write("a/b", "12");
    assert_eq!(folder.folder_stamp("a"), Some(before));
    assert_eq!((folder.folder_stamp("a/b"), folder.stamp("a")), (None, None), "each is asked for what it is");
    place.write("a/c", "1");
    assert_ne!(folder.folder_stamp("a"), Some(before));
}
