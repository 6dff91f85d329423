//! `go.mod` and `go.sum`.

use super::*;

const GO: &str = "// The product.
module example.com/Shop

go 1.22.5

toolchain go1.23.0

require (
\tgithub.com/BurntSushi/toml v1.3.2
\texample.org/replaced v1.0.0
\texample.org/local v0.0.0-00010101000000-000000000000
)

require golang.org/x/sys v0.1.0+incompatible // indirect

replace example.org/replaced v1.0.0 => example.net/fork/v2 v2.1.0

replace (
\texample.org/local => ./local
)

exclude golang.org/x/sys v0.0.9
";

#[test]
fn requirements_replacements_and_what_is_indirect_are_told() {
    let lock = read("go.mod", GO);
    assert_eq!(lock.format_version, "1.22.5");
    let purls: Vec<Option<String>> = lock.packages.iter().map(Package::purl).collect();
    assert_eq!(
        purls.into_iter().flatten().collect::<Vec<_>>(),
        [
            "pkg:golang/example.net/fork/v2@v2.1.0",
            "pkg:golang/github.com/burntsushi/toml@v1.3.2",
            "pkg:golang/golang.org/x/sys@v0.1.0%2Bincompatible"
        ]
    );
    assert!(package(&lock, "example.org/local").version.is_some(), "what the folder stands in for");
    assert_eq!(package(&lock, "example.org/local").origin, Origin::Path { path: Some("./local".into()) });
    assert_eq!(lock.packages.iter().filter(|it| it.direct).map(|it| it.name.as_str()).collect::<Vec<_>>().len(), 3);
    assert!(!package(&lock, "golang.org/x/sys").direct);
    assert_eq!(graph(&lock)["example.com/Shop -"].len(), 4);
    assert!(lock.unresolved.is_empty());
}

#[test]
fn a_checksum_of_go_is_no_hash_of_an_archive() {
    let mut lock = read("a/go.mod", GO);
    assert_eq!(sums_of("a/go.mod").as_deref(), Some("a/go.sum"));
    let hash = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    let sums = format!(
        "github.com/BurntSushi/toml v1.3.2 h1:{hash}\r\ngithub.com/BurntSushi/toml v1.3.2/go.mod h1:{hash}\nold.example/x v1.0.0 h1:{hash}\n"
    );
    lock.tell_sums("a/go.sum", sums.as_bytes()).unwrap();
    let toml = package(&lock, "github.com/BurntSushi/toml");
    let seal =
        |whole: bool| Seal::GoDirectory { whole, hex: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".into() };
    assert_eq!(toml.seals, [seal(false), seal(true)]);
    assert!(toml.hashes.is_empty());
    let error = lock.tell_sums("a/go.sum", b"\na v1 h1:short\n").unwrap_err().to_string();
    assert!(error.starts_with("a/go.sum:2:1:") && error.contains("go mod tidy"), "{error}");
    assert!(parse("go.sum", b"").unwrap_err().to_string().contains("go.mod"));
}

#[test]
fn what_a_go_mod_leaves_open_is_told() {
    let old = read("go.mod", "module m\ngo 1.16\nrequire a.example/b v1.0.0\n");
    assert!(old.unresolved.iter().any(|text| text.contains("before 1.17")));
    let excluded = read("go.mod", "module m\ngo 1.20\nrequire a.example/b v1.0.0\nexclude a.example/b v1.0.0\n");
    assert_eq!(excluded.foreign().count(), 0);
    assert!(excluded.unresolved.iter().any(|text| text.contains("is excluded")));
}

#[test]
fn what_is_no_go_mod_is_refused_at_its_place() {
    for (text, place) in [
        ("go 1.20\n", "go.mod:1:1:"),
        ("module m\nrequire (\n\ta.example/b v1.0.0\n", "go.mod:4:1:"),
        ("module m\nrequires a v1\n", "go.mod:2:1:"),
        ("module m\nrequire a.example/b\n", "go.mod:2:1:"),
        ("module m\nrequire a.example/b latest\n", "go.mod:2:1:"),
        ("module m\nrequire a.example/../b v1.0.0\n", "go.mod:2:1:"),
        ("module m\nrequire a.example/b v1.0.0\nrequire a.example/b v1.1.0\n", "go.mod:3:1:"),
    ] {
        let error = refused("go.mod", text);
        assert!(error.starts_with(place), "{text:?}: {error}");
    }
}
