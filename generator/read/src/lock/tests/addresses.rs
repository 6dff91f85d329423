//! What lockfiles of every format name as an address, and what of it is told.

use super::*;

/// Everything that a lockfile tells, as one text.
fn told(lock: &Lockfile) -> String {
    format!("{:?} {:?} {:?} {:?}", lock.packages, lock.importers, lock.unresolved, purls(lock))
}

fn purls(lock: &Lockfile) -> Vec<Option<String>> {
    lock.packages.iter().map(Package::purl).collect()
}

fn npm(resolved: &str) -> Lockfile {
    read(
        "package-lock.json",
        &format!(
            r#"{{"name": "r", "lockfileVersion": 3, "packages": {{"": {{"name": "r", "dependencies": {{"a": "1"}}}},
            "node_modules/a": {{"version": "1.0.0", "resolved": "{resolved}"}}}}}}"#
        ),
    )
}

#[test]
fn credentials_in_addresses_are_told_by_no_format() {
    let hash = "a".repeat(64);
    let files = [
        ("package-lock.json", r#"{"name": "r", "lockfileVersion": 3, "packages": {"": {"name": "r"},
            "node_modules/a": {"version": "1.0.0", "resolved": "https://npm.example/a/-/a-1.0.0.tgz?token=SEKRET"},
            "node_modules/b": {"version": "1.0.0", "resolved": "https://s3.example/b.tgz?X-Amz-Signature=SEKRET#access_token=SEKRET"},
            "node_modules/c": {"version": "1.0.0", "resolved": "https://npm.example/SEKRETVALUE123/c/-/c-1.0.0.tgz"}}}"#.to_owned()),
        ("yarn.lock", "# yarn lockfile v1\n\na@1:\n  version \"1.0.0\"\n  resolved \"https://npm.example/a/-/a-1.0.0.tgz?sig=SEKRET#2346ad27d7568ba9896f1b7da6b5991251debdf2\"\n".to_owned()),
        ("pnpm-lock.yaml", "lockfileVersion: '9.0'\nimporters:\n  .:\n    dependencies:\n      a: {specifier: '1', version: 1.0.0}\npackages:\n  a@1.0.0:\n    resolution: {tarball: 'https://npm.example/download/a.tgz?sig=SEKRET'}\nsnapshots:\n  a@1.0.0: {}\n".to_owned()),
        ("uv.lock", format!("version = 1\n[[package]]\nname = \"r\"\nsource = {{ virtual = \".\" }}\ndependencies = [{{ name = \"a\" }}, {{ name = \"b\" }}]\n\
            [[package]]\nname = \"a\"\nversion = \"1.0\"\nsource = {{ registry = \"https://py.example/SEKRETVALUE123/simple?x=SEKRET\" }}\n\
            sdist = {{ url = \"https://py.example/SEKRETVALUE123/a-1.0.tar.gz?sig=SEKRET\", hash = \"sha256:{hash}\" }}\n\
            [[package]]\nname = \"b\"\nversion = \"1.0\"\nsource = {{ url = \"https://u:SEKRET@py.example/b-1.0.zip?sig=SEKRET\" }}\n")),
        ("poetry.lock", "[[package]]\nname = \"a\"\nversion = \"1.0\"\nfiles = []\n[package.source]\ntype = \"legacy\"\nurl = \"https://py.example/SEKRETVALUE123/simple\"\n\
            [[package]]\nname = \"b\"\nversion = \"1.0\"\nfiles = []\n[package.source]\ntype = \"url\"\nurl = \"https://py.example/b.whl?token=SEKRET\"\n[metadata]\nlock-version = \"2.0\"\n".to_owned()),
        ("requirements.txt", "--index-url https://py.example/SEKRETVALUE123/simple\na==1.0\n\
            b @ https://files.example/b-1.0-py3-none-any.whl?sig=SEKRET&token=SEKRET\nhttps://files.example/c.zip?sig=SEKRET\n-r https://u:SEKRET@files.example/d.txt?sig=SEKRET\n".to_owned()),
    ];
    for (path, text) in files {
        let lock = read(path, &text);
        assert!(package(&lock, "a").purl().is_some());
        assert!(!told(&lock).contains("SEKRET"), "{path}: {}", told(&lock));
        assert!(told(&lock).contains(".example"), "{path} still tells the host");
    }
}

#[test]
fn a_file_keeps_its_name_when_its_address_is_cut() {
    let lock = read(
        "uv.lock",
        "version = 1\n[[package]]\nname = \"a\"\nversion = \"1.0\"\nsource = { registry = \"https://py.example/simple\" }\n\
         sdist = { url = \"https://py.example/SEKRETVALUE123/a-1.0.tar.gz?sig=SEKRET\" }\n\
         [[package]]\nname = \"r\"\nsource = { virtual = \".\" }\ndependencies = [{ name = \"a\" }]\n",
    );
    let [archive] = package(&lock, "a").archives.as_slice() else { panic!("one file") };
    assert_eq!(archive.url.as_deref(), Some("https://py.example"));
    assert_eq!(archive.file.as_deref(), Some("a-1.0.tar.gz"));
}

#[test]
fn the_registry_is_the_same_in_upper_case_and_with_its_port() {
    for resolved in [
        "HTTPS://registry.npmjs.org/a/-/a-1.0.0.tgz",
        "https://Registry.NPMJS.org/a/-/a-1.0.0.tgz",
        "https://registry.npmjs.org:443/a/-/a-1.0.0.tgz",
    ] {
        let lock = npm(resolved);
        assert_eq!(package(&lock, "a").origin, Origin::Registry, "{resolved}");
        assert_eq!(package(&lock, "a").archives[0].url.as_deref(), Some("https://registry.npmjs.org/a/-/a-1.0.0.tgz"));
    }
    let other = Origin::OtherRegistry { url: "https://registry.npmjs.org:8443".into() };
    assert_eq!(package(&npm("https://registry.npmjs.org:8443/a/-/a-1.0.0.tgz"), "a").origin, other);
    let lock = read("requirements.txt", "-i https://PyPI.org:443/simple/\na==1.0\n");
    assert_eq!(package(&lock, "a").origin, Origin::Registry);
}

#[test]
fn an_address_of_an_unknown_scheme_is_an_archive_elsewhere_and_no_path() {
    for (resolved, url) in [
        ("s3://bucket/a-1.0.0.tgz", "s3://bucket/a-1.0.0.tgz"),
        ("javascript:alert(1)", "javascript:"),
        ("git+https://host.example/a.git#main", "https://host.example/a.git"),
    ] {
        let lock = npm(resolved);
        assert_eq!(package(&lock, "a").origin, Origin::Archive { url: url.into() });
        assert!(package(&lock, "a").purl().unwrap().starts_with("pkg:npm/a@1.0.0?download_url="), "it stays a package of npm");
    }
    assert_eq!(package(&npm("file:vendor/a.tgz"), "a").origin, Origin::Path { path: Some("vendor/a.tgz".into()) });
}

#[test]
fn a_package_that_is_listed_twice_is_refused_at_its_line() {
    let one = format!("[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nsource = \"{INDEX}\"\n");
    let error = refused("Cargo.lock", &format!("version = 3\n{one}{one}"));
    assert!(error.starts_with("Cargo.lock:6:") && error.contains("`a 1.0.0` is listed twice"), "{error}");
    let own = "[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n";
    assert!(refused("Cargo.lock", &format!("version = 3\n{own}{own}")).contains("is listed twice"));
    assert_eq!(read("Cargo.lock", &format!("version = 3\n{own}{one}")).packages.len(), 2);
}
