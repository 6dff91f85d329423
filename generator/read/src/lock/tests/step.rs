//! Whether a lockfile is in step with its manifests.

use super::*;

/// A name, what the manifest asks for, and what the lockfile was made for.
type Told = (String, Option<String>, Option<String>);

fn differences(lock: &Lockfile, folder: &str, manifest: &str) -> Option<Vec<Told>> {
    let found = lock.differences(folder, &Manifest::parse("package.json", manifest.as_bytes()).unwrap())?;
    Some(found.into_iter().map(|it| (it.name, it.manifest, it.lockfile)).collect())
}

#[test]
fn a_lockfile_is_in_step_when_it_was_made_for_the_same_ranges() {
    let text = "lockfileVersion: '9.0'\nimporters:\n  .:\n    dependencies:\n      a: {specifier: ^1.0.0, version: 1.0.0}\n    \
                devDependencies:\n      b: {specifier: 'catalog:', version: 1.0.0}\n\
                packages:\n  a@1.0.0: {resolution: {integrity: sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=}}\n  b@1.0.0: {resolution: {integrity: sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=}}\n\
                snapshots:\n  a@1.0.0: {}\n  b@1.0.0: {}\n";
    let lock = read("pnpm-lock.yaml", text);
    let same = r#"{"dependencies": {"a": "^1.0.0"}, "devDependencies": {"b": "catalog:"}, "peerDependencies": {"p": "*"}}"#;
    assert_eq!(differences(&lock, "", same), Some(vec![]));
    let other = r#"{"dependencies": {"a": "^1.1.0", "c": "1"}}"#;
    let some = |text: &str| Some(text.to_owned());
    let expected = vec![
        ("a".to_owned(), some("^1.1.0"), some("^1.0.0")),
        ("b".to_owned(), None, some("catalog:")),
        ("c".to_owned(), some("1"), None),
    ];
    assert_eq!(differences(&lock, "", other), Some(expected));
    assert_eq!(differences(&lock, "packages/other", same), None, "nothing is known of that folder");
}

#[test]
fn a_lockfile_without_ranges_cannot_tell() {
    let text = "version = 4\n[[package]]\nname = \"a\"\nversion = \"0.1.0\"\ndependencies = [\"b\"]\n[[package]]\nname = \"b\"\nversion = \"0.1.0\"\n";
    let lock = read("Cargo.lock", text);
    assert_eq!(lock.importers.iter().map(|it| (it.folder.as_str(), it.asked.len())).collect::<Vec<_>>(), [("a", 1), ("b", 0)]);
    assert_eq!(differences(&lock, "a", "{}"), None);
}

#[test]
fn members_of_a_workspace_are_found_by_their_patterns() {
    let manifest = r#"{"workspaces": {"packages": ["packages/*", "tools/**", "./apps/web-*", "!packages/old"]}}"#;
    let manifest = Manifest::parse("package.json", manifest.as_bytes()).unwrap();
    for (folder, is_member) in [
        ("packages/ui", true),
        ("packages/ui/inner", false),
        ("packages/old", false),
        ("tools", true),
        ("tools/a/b", true),
        ("apps/web-shop", true),
        ("apps/api", false),
        ("", false),
    ] {
        assert_eq!(manifest.has_member(folder), is_member, "{folder}");
    }
}
