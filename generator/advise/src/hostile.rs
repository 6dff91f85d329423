//! Whatever the bytes are: an answer, and no panic.

use proptest::prelude::*;

use crate::{Bom, Component, Loader, Purl, Requirement, Scheme, Scope, Version, matches, read_ignores, release_matches};

/// Text that is nearly what is read.
fn pieces(words: &'static [&'static str]) -> impl Strategy<Value = String> {
    let piece = prop_oneof![4 => prop::sample::select(words).prop_map(str::to_owned), 1 => "\\PC{0,3}"];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn files_of_any_kind_are_read_or_told(
        name in prop::sample::select(vec!["a.json", "a.zip", "crates/a/RUSTSEC-2026-0001.md"]),
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        text in pieces(&[
            "{", "}", "[", "]", "\"id\":\"A\"", "\"modified\":\"2026-01-01T00:00:00Z\"", "\"affected\":", "\"package\":", "\"ranges\":",
            "\"events\":", "\"introduced\":\"0\"", "\"fixed\":\"1\"", ",", "null", "\"aliases\":", "\"severity\":", "1e9", "```toml\n",
            "[advisory]\n", "id = \"A\"\n", "package = \"a\"\n", "date = \"2026-01-01\"\n", "[versions]\n", "patched = [\">= 1\"]\n", "```\n",
        ]),
    ) {
        for bytes in [bytes.as_slice(), text.as_bytes()] {
            let mut loader = Loader::default();
            loader.file(name, bytes);
            let database = loader.finish();
            prop_assert!(database.facts().advisories + database.facts().unreadable <= 1 + database.facts().withdrawn + 1);
        }
    }

    #[test]
    fn words_of_any_kind_are_read_or_refused(text in pieces(&[
        "0", "1", ".", "-", "+", "!", "v", "a", "rc", "post", "dev", "*", "^", "~", ">=", "<", "||", " ", ",", "pkg:", "npm/", "%40", "@", "?", "=", "#", "/", "99999999999999999999",
    ])) {
        for scheme in [Scheme::Semver, Scheme::Pep440] {
            if let Ok(version) = Version::parse(scheme, &text) {
                prop_assert_eq!(version.against(&version), Some(std::cmp::Ordering::Equal));
            }
            let _ = Requirement::parse(scheme, &text).map(|requirement| requirement.is_met_by("1.0.0"));
        }
        if let Ok(purl) = text.parse::<Purl>() {
            prop_assert_eq!(purl.to_string().parse::<Purl>().ok(), Some(purl));
        }
        prop_assert!(release_matches("*", &text));
        let _ = release_matches(&text, "1.4.2");
        let _ = Bom::read(text.as_bytes());
        let _ = read_ignores("advisories.toml", &text, "2026-11-22".parse().unwrap());
    }
}

#[test]
fn a_deep_or_long_text_ends() {
    let mut loader = Loader::default();
    loader.file("deep.json", "[".repeat(1_000_000).as_bytes());
    loader.file("deep2.json", format!("{{\"id\":\"A\",\"x\":{}", "{\"x\":".repeat(1_000_000)).as_bytes());
    loader.file("a.md", format!("```toml\n{}", "[".repeat(100_000)).as_bytes());
    assert_eq!(loader.finish().facts().unreadable, 3);
    assert!(!release_matches(&"*a".repeat(2_000), &"a".repeat(1_000)));
}

#[test]
fn many_aliases_of_each_other_take_no_longer_than_they_are_many() {
    let mut loader = Loader::default();
    for place in 0..2_000 {
        let aliases: Vec<String> = (0..10).map(|near| format!("\"A-{}\"", (place + near * 7) % 2_000)).collect();
        let record = format!(
            r#"{{"id":"A-{place}","modified":"2026-01-01T00:00:00Z","aliases":[{}],"affected":[{{"package":{{"ecosystem":"npm","name":"a{place}"}},"versions":["1.0.0"]}}]}}"#,
            aliases.join(",")
        );
        loader.file(&format!("{place}.json"), record.as_bytes());
    }
    let database = loader.finish();
    let component = |place: usize| Component {
        reference: place.to_string(),
        name: format!("a{place}"),
        version: Some("1.0.0".to_owned()),
        purl: Some(format!("pkg:npm/a{place}@1.0.0")),
        scope: Scope::Required,
        role: crate::Role::Package,
    };
    let found = matches(&database, &(0..2_000).map(component).collect::<Vec<_>>());
    assert_eq!((found.len(), found[0].components.len()), (1, 2_000));
}
