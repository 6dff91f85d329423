//! Old lockfiles of npm, and what every version writes down.

use super::*;

const NESTED: &str = r#"{
  "name": "r", "version": "1.0.0", "lockfileVersion": 1, "requires": true,
  "dependencies": {
    "a": {
      "version": "1.0.0", "resolved": "https://mirror.example/npm/a/-/a-1.0.0.tgz",
      "integrity": "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=", "requires": { "b": "^1.0.0", "c": "*" },
      "dependencies": { "b": { "version": "1.5.0", "bundled": true } }
    },
    "b": { "version": "2.0.0", "dev": true },
    "c": { "version": "git+ssh://git@host.example/c.git#0123456789abcdef0123456789abcdef01234567", "from": "git+ssh://git@host.example/c.git" },
    "d": { "version": "github:o/d#0123456789abcdef0123456789abcdef01234567" },
    "e": { "version": "npm:@real/e@3.0.0", "optional": true },
    "f": { "version": "file:../f" },
    "g": { "version": "https://host.example/g.tgz" }
  }
}"#;

#[test]
fn nested_dependencies_are_found_where_node_finds_them() {
    let lock = read("package-lock.json", NESTED);
    assert_eq!(lock.format_version, "1");
    let needed = graph(&lock);
    assert_eq!(needed["a 1.0.0"], ["b 1.5.0", "c -"]);
    // What nobody else needs is there because the project asks for it.
    assert_eq!(needed["r 1.0.0"], ["@real/e 3.0.0", "a 1.0.0", "b 2.0.0", "d -", "f -", "g -"]);
    assert_eq!(lock.roots.len(), 1);
    let git = |url: &str| Origin::Git { url: url.into(), commit: COMMIT.into() };
    assert_eq!(package(&lock, "c").origin, git("ssh://git@host.example/c.git"));
    assert_eq!(package(&lock, "d").origin, git("https://github.com/o/d"));
    assert_eq!(package(&lock, "f").origin, Origin::Path { path: Some("../f".into()) });
    assert_eq!(package(&lock, "g").origin, Origin::Archive { url: "https://host.example/g.tgz".into() });
    assert_eq!(package(&lock, "a").origin, Origin::OtherRegistry { url: "https://mirror.example/npm".into() });
    assert_eq!(package(&lock, "a").archives[0].url.as_deref(), Some("https://mirror.example/npm/a/-/a-1.0.0.tgz"));
    assert_eq!(package(&lock, "@real/e").scope, Scope::Optional);
    let versions: Vec<_> = lock.packages.iter().filter(|it| it.name == "b").map(|it| (it.version.as_deref(), it.scope)).collect();
    assert_eq!(versions, [(Some("1.5.0"), Scope::Required), (Some("2.0.0"), Scope::Excluded)]);
}

#[test]
fn a_shrinkwrap_without_a_version_is_one_of_the_first() {
    let text = r#"{"name": "r", "dependencies": {"a": {"version": "1.0.0", "from": "a@^1.0.0",
        "resolved": "https://host.example/a/-/a-1.0.0.tgz", "dependencies": {"b": {"version": "1.0.0"}}}}}"#;
    let lock = read("npm-shrinkwrap.json", text);
    assert_eq!(graph(&lock)["a 1.0.0"], ["b 1.0.0"]);
    assert_eq!(graph(&lock)["r -"], ["a 1.0.0"]);
}

#[test]
fn a_manifest_tells_what_the_project_asks_for_besides() {
    let mut lock = read("package-lock.json", NESTED);
    let manifest = br#"{"name": "r", "version": "1.0.0", "dependencies": {"a": "1", "c": "*"}, "devDependencies": {"b": "2"}}"#;
    lock.tell_manifests(&[(String::new(), Manifest::parse("package.json", manifest).unwrap())]);
    assert_eq!(graph(&lock)["r 1.0.0"], ["a 1.0.0", "b 2.0.0", "c -"]);
    assert!(package(&lock, "c").direct);
    assert_eq!(package(&lock, "@real/e").scope, Scope::Optional, "what npm states stands");
}

#[test]
fn what_the_root_asks_for_is_told_with_its_ranges() {
    let text = r#"{"name": "r", "lockfileVersion": 3, "packages": {
        "": {"name": "r", "dependencies": {"a": "^1.0.0", "o": "1"}, "optionalDependencies": {"o": "1"}, "peerDependencies": {"p": "*"},
             "peerDependenciesMeta": {"p": {"optional": true}}},
        "node_modules/a": {"version": "1.2.0", "os": ["linux"]}, "node_modules/o": {"version": "1.0.0"}}}"#;
    let lock = read("package-lock.json", text);
    let asked: Vec<_> = lock.importers[0].asked.iter().map(|it| (it.name.as_str(), it.specifier.as_deref(), it.need)).collect();
    let expected = [("a", Some("^1.0.0"), Need::Required), ("o", Some("1"), Need::Optional), ("p", Some("*"), Need::Optional)];
    assert_eq!(asked, expected);
    assert_eq!(package(&lock, "o").scope, Scope::Optional, "an optional dependency is listed twice by some");
    assert!(lock.unresolved.is_empty());
    assert_eq!(lock.surplus, [Surplus::Platforms].into());
    assert!(package(&lock, "a").direct && package(&lock, "a").conditional);
}

#[test]
fn ten_thousand_levels_of_folders_end_soon() {
    let deep: String = (0..20_000).map(|nth| format!("node_modules/n{nth}/")).collect();
    let text = format!(
        r#"{{"lockfileVersion": 3, "packages": {{"": {{}}, "{}": {{"version": "1.0.0", "dependencies": {{"gone": "*"}}}}}}}}"#,
        deep.trim_end_matches('/')
    );
    let lock = read("package-lock.json", &text);
    assert_eq!(lock.unresolved.len(), 1);
}
