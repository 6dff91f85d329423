//! Lockfiles that were made to break their reader.

use super::*;

/// A small whole lockfile of every format.
const WHOLE: [(&str, &str); 12] = [
    (
        "Cargo.lock",
        "version = 4\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\ndependencies = [\"NAME\"]\n[[package]]\nname = \"NAME\"\nversion = \"1.0.0\"\n",
    ),
    (
        "package-lock.json",
        "{\"lockfileVersion\": 3, \"packages\": {\"\": {\"dependencies\": {\"NAME\": \"1\"}}, \"node_modules/NAME\": {\"version\": \"1.0.0\"}}}",
    ),
    ("npm-shrinkwrap.json", "{\"lockfileVersion\": 1, \"dependencies\": {\"NAME\": {\"version\": \"1.0.0\"}}}"),
    (
        "pnpm-lock.yaml",
        "lockfileVersion: '9.0'\nimporters:\n  .:\n    dependencies:\n      \"NAME\": {specifier: '1', version: 1.0.0}\npackages:\n  \"NAME@1.0.0\": {resolution: {}}\nsnapshots:\n  \"NAME@1.0.0\": {}\n",
    ),
    (
        "pnpm-lock.yaml",
        "lockfileVersion: 5.4\ndependencies:\n  \"NAME\": 1.0.0\npackages:\n  \"/NAME/1.0.0\": {resolution: {}}\n",
    ),
    ("yarn.lock", "# yarn lockfile v1\n\n\"NAME@1\":\n  version \"1.0.0\"\n"),
    (
        "yarn.lock",
        "__metadata:\n  version: 8\n\"r@workspace:.\":\n  resolution: \"r@workspace:.\"\n\"NAME@npm:1\":\n  version: 1.0.0\n  resolution: \"NAME@npm:1.0.0\"\n",
    ),
    (
        "bun.lock",
        "{\"lockfileVersion\": 1, \"workspaces\": {\"\": {\"dependencies\": {\"NAME\": \"1\"}}}, \"packages\": {\"NAME\": [\"NAME@1.0.0\", \"\", {}, \"\"]}}",
    ),
    (
        "uv.lock",
        "version = 1\n[[package]]\nname = \"r\"\nsource = { virtual = \".\" }\ndependencies = [{ name = \"NAME\" }]\n[[package]]\nname = \"NAME\"\nversion = \"1.0\"\nsource = { registry = \"https://i.example/s\" }\n",
    ),
    (
        "poetry.lock",
        "[[package]]\nname = \"NAME\"\nversion = \"1.0\"\noptional = false\ngroups = [\"main\"]\n[metadata]\nlock-version = \"2.1\"\n",
    ),
    ("requirements.txt", "NAME==1.0\n"),
    ("go.mod", "module m.example\n\ngo 1.22\n\nrequire NAME v1.0.0\n"),
];

fn named(text: &str, name: &str) -> String {
    text.replace("NAME", name)
}

#[test]
fn every_whole_lockfile_is_read_with_any_line_end_and_a_byte_order_mark() {
    for (path, text) in WHOLE {
        let text = named(text, "n");
        let lock = read(path, &text);
        assert!(lock.packages.iter().any(|package| package.name == "n"), "{path}");
        assert_eq!(read(path, &text.replace('\n', "\r\n")), lock, "{path}");
        assert_eq!(read(path, &format!("\u{feff}{text}")), lock, "{path}");
        assert_eq!(lock.roots.len(), if path == "Cargo.lock" { 2 } else { 1 }, "{path}");
    }
}

#[test]
fn names_that_no_package_has_are_refused_at_their_place() {
    // As the format escapes it, so that it is read at all.
    for (path, text) in WHOLE {
        for (name, toml) in [
            ("../../etc/passwd", None),
            ("a/../b", None),
            ("a\\u001b[31mb", Some("a\\u001B[31mb")),
            ("a\\u202eb", Some("a\\u202Eb")),
        ] {
            // What has a slash is a path to pip, and neither knows escapes.
            if path == "requirements.txt" || (path == "go.mod" && name.contains('\\')) {
                continue;
            }
            let name = if path.ends_with(".lock") { toml.unwrap_or(name) } else { name };
            let Err(error) = parse(path, named(text, name).as_bytes()) else { panic!("{path} accepts {name}") };
            let error = error.to_string();
            assert!(error.starts_with(&format!("{path}:")), "{error}");
            assert!(!error.contains(['\u{1b}', '\u{202e}']), "{error:?}");
        }
    }
}

#[test]
fn a_path_is_no_package_of_pip() {
    for name in ["../../etc/passwd", "a/../b", "./local/../x", "a\u{202e}b", "a\u{1b}[31mb"] {
        match parse("requirements.txt", format!("{name}==1.0\n").as_bytes()) {
            Ok(lock) => assert!(lock.foreign().next().is_none() && lock.unresolved.len() == 1, "{name}"),
            Err(error) => assert!(!error.to_string().contains(['\u{1b}', '\u{202e}'])),
        }
    }
}

#[test]
fn markup_in_a_name_is_percent_encoded_where_it_identifies() {
    let text = named(WHOLE[1].1, "<script>alert(1)<script>");
    let lock = read("package-lock.json", &text);
    assert_eq!(lock.foreign().next().unwrap().purl().unwrap(), "pkg:npm/%3Cscript%3Ealert%281%29%3Cscript%3E@1.0.0");
}

#[test]
fn merges_nul_bytes_and_other_encodings_are_told_with_their_place() {
    for (path, text) in WHOLE {
        let text = named(text, "n");
        let merge = format!("{text}\n<<<<<<< HEAD\n=======\n>>>>>>> theirs\n");
        assert!(refused(path, &merge).contains("take one side of the merge"), "{path}");
        let nul = format!("{text}\n\0x");
        let error = refused(path, &nul);
        assert!(error.contains("NUL") && error.contains("restore it from git"), "{path}: {error}");
        let mut bytes = text.clone().into_bytes();
        bytes.extend(b"\n\xff\n");
        assert!(parse(path, &bytes).unwrap_err().to_string().contains("UTF-8"), "{path}");
    }
}

#[test]
fn what_appears_twice_is_refused() {
    for (path, text) in [
        ("package-lock.json", "{\"lockfileVersion\": 3, \"packages\": {\"\": {}, \"\": {}}}"),
        ("bun.lock", "{\"lockfileVersion\": 1, \"workspaces\": {\"\": {}}, \"workspaces\": {\"\": {}}}"),
        ("pnpm-lock.yaml", "lockfileVersion: '9.0'\npackages: {}\npackages: {}\n"),
        ("yarn.lock", "__metadata:\n  version: 8\n\"a@npm:1\": &a\n  resolution: \"a@npm:1.0.0\"\n\"b@npm:1, a@npm:1\": *a\n"),
        ("uv.lock", "version = 1\nversion = 1\n"),
        ("go.mod", "module m\nrequire a.example/b v1.0.0\nrequire a.example/b v1.0.0\n"),
    ] {
        assert!(
            refused(path, text).contains("twice") || refused(path, text).contains("duplicate"),
            "{path}: {}",
            refused(path, text)
        );
    }
}

/// Sizes at which a reader that compares everything with everything would not come back.
#[test]
fn many_packages_of_one_name_end_soon() {
    let count = 6_000;
    let cargo: String = (0..count)
        .map(|nth| {
            format!("[[package]]\nname = \"a\"\nversion = \"1.0.{nth}\"\nsource = \"git+https://h.example/a?rev={nth}#{COMMIT}\"\ndependencies = [\"a 1.0.{}\"]\n", nth / 2)
        })
        .collect();
    assert_eq!(read("Cargo.lock", &cargo).packages.len(), count);
    let ambiguous: String = (0..count)
        .map(|nth| format!("[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nsource = \"git+https://h.example/a?rev={nth}#{COMMIT}\"\ndependencies = [\"a 1.0.0 (git+https://h.example/a?rev={nth})\"]\n"))
        .collect();
    assert!(refused("Cargo.lock", &ambiguous).contains("too many packages are named `a`"));
    let uv: String = (0..count)
        .map(|nth| format!("[[package]]\nname = \"a\"\nversion = \"1.{nth}\"\nsource = {{ virtual = \".\" }}\ndependencies = [{{ name = \"a\" }}]\n"))
        .collect();
    assert!(parse("uv.lock", format!("version = 1\n{uv}").as_bytes()).is_err());
    let poetry: String = (0..count)
        .map(|nth| format!("[[package]]\nname = \"a\"\nversion = \"1.{nth}\"\n[package.dependencies]\na = \"*\"\n"))
        .collect();
    assert!(parse("poetry.lock", format!("{poetry}[metadata]\nlock-version = \"2.1\"\n").as_bytes()).is_err());
}

#[test]
fn more_values_than_a_lockfile_has_are_refused() {
    let many = "1,".repeat(1_300_000);
    for (path, text) in [
        ("package-lock.json", format!("{{\"x\": [{many}1]}}")),
        ("bun.lock", format!("{{\"x\": [{many}1]}}")),
        ("uv.lock", format!("x = [{many}1]")),
        ("pnpm-lock.yaml", format!("x: [{many}1]")),
    ] {
        let error = refused(path, &text);
        assert!(error.contains("values"), "{path}: {error}");
    }
    let error = parse("yarn.lock", vec![b'a'; 33 << 20]).unwrap_err().to_string();
    assert!(error.contains("more than the 33554432 that are read"), "{error}");
    let error = refused("yarn.lock", &format!("__metadata:\n  version: 8\n'a': b\n{}", "# x\n".repeat(3_500_000)));
    assert!(error.contains("holds more than 1250000 values"), "{error}");
}

#[test]
fn more_packages_than_a_project_needs_are_refused() {
    let requirements: String = (0..100_001).map(|nth| format!("p{nth}==1\n")).collect();
    let module: String = (0..100_001).map(|nth| format!("require p{nth}.example v1.0.0\n")).collect();
    for (path, text) in [("requirements.txt", requirements), ("go.mod", format!("module m\n{module}"))] {
        let error = refused(path, &text);
        assert!(
            error.contains("more lines than one does") || error.contains("more than 100000") || error.contains("too many lines"),
            "{error}"
        );
    }
    let packages: String = (0..100_001).map(|nth| format!(",\"node_modules/p{nth}\":{{}}")).collect();
    let error = refused("package-lock.json", &format!("{{\"lockfileVersion\":3,\"packages\":{{\"\":{{}}{packages}}}}}"));
    assert!(error.contains("more than 100000 packages"), "{error}");
}

proptest! {
    #[test]
    fn a_damaged_lockfile_never_panics_and_says_the_way_out(
        which in 0..WHOLE.len(),
        cut in 0_usize..400,
        at in 0_usize..400,
        put in prop::sample::select(vec!["", "\"", "{", "}", "[", "]", ":", "@", "/", "\n", "  ", "#", "null", "\\", "é", "- ", "&a ", "*a", "0", "(", "=>", "=="]),
    ) {
        let (path, text) = WHOLE[which];
        let text = named(text, "@s/n");
        let mut text: String = text.chars().take(text.chars().count().saturating_sub(cut % 3 * cut)).collect();
        let at = text.char_indices().map(|(at, _)| at).nth(at).unwrap_or(text.len());
        text.insert_str(at, put);
        if let Err(error) = parse(path, text.as_bytes()) {
            prop_assert!(error.0.help.is_some(), "{}", error);
            prop_assert!(error.position().0 >= 1);
        }
    }

    #[test]
    fn a_manifest_of_any_text_never_panics(text in "[\\[\\]{}:,\"'=#. a-c\n]{0,60}") {
        for path in ["package.json", "pyproject.toml"] {
            let _ = Manifest::parse(path, text.as_bytes());
        }
    }
}
