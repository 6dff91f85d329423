//! The quick search against the plain one, and contents of every size.

use std::{
    collections::BTreeSet,
    io::{self, Read},
    sync::Arc,
};

use avouch_model::diagnostic::Source;
use proptest::prelude::*;

use super::*;

fn own() -> Rules {
    Rules::own().unwrap_or_else(|problems| panic!("{:?}", problems[0].line()))
}

fn hits(scanner: &Scanner<'_>, path: &str, text: &[u8]) -> Vec<Hit> {
    let profile = scanner.rules().profile(path);
    scanner.scan_bytes(text, Place { path, profile: &profile, commit: None }).unwrap().hits
}

fn key() -> Key {
    Key::from_bytes([9; 32])
}

/// Pieces that texts are made of: keywords whole and cut, beginnings and ends of tokens, separators, runs.
fn piece() -> impl Strategy<Value = String> {
    let words = own().all().iter().flat_map(|rule| rule.keywords.clone()).collect::<Vec<_>>();
    prop_oneof![
        4 => prop::sample::select(words.clone()),
        1 => prop::sample::select(words).prop_map(|word| word.to_ascii_uppercase()),
        4 => "[A-Za-z0-9]{1,45}",
        2 => "[0-9a-f]{20,70}",
        2 => "[A-Z2-7]{10,30}",
        1 => "[A-Za-z0-9+/_-]{30,120}",
        3 => prop::sample::select(vec![
            "=", ":", " = \"", "\": \"", "'", "\"", "\n", "\n", " ", "-", "_", ".", "/", "@", "://", "\r\n", "\t", "é", "\u{0}", "{", "}",
            "AKIA", "ghp_", "sk-", "SG.", "eyJ", "-----BEGIN PRIVATE KEY-----\n", "-----END", "export ", "https://a:", "xoxb-51937-",
            "Bearer ", "kind: Secret\n", "data:\n  a: ", "api_key", "SECRET", "password", "token=",
        ])
        .prop_map(str::to_owned),
        1 => any::<u8>().prop_map(|byte| String::from_utf8_lossy(&[byte]).into_owned()),
    ]
}

fn texts() -> impl Strategy<Value = String> {
    prop::collection::vec(piece(), 0..120).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, ..ProptestConfig::default() })]

    #[test]
    fn the_windowed_search_finds_exactly_what_the_whole_search_finds(
        text in texts(),
        path in prop::sample::select(vec!["src/a.ts", ".env", "k8s/a.yaml", "wrangler.toml", "docs/a.md", ".npmrc", "a.sql"]),
    ) {
        thread_local! {
            static RULES: &'static Rules = Box::leak(Box::new(own()));
        }
        let rules = RULES.with(|rules| *rules);
        let quick = hits(&Scanner::new(rules, key()), path, text.as_bytes());
        let whole = hits(&Scanner::new(rules, key()).without_shortcuts(), path, text.as_bytes());
        prop_assert_eq!(quick, whole);
    }
}

/// Rules of somebody else, of shapes that ours do not have.
const ODD: &str = r#"
[[rules]]
id = "anchored"
regex = '''(?m)^key: (\w{4,12})$'''
keywords = ["key"]
[[rules]]
id = "bordered"
regex = '''\bab(?:key|KEY)[a-f]{0,9}\b'''
keywords = ["key"]
[[rules]]
id = "optional"
regex = '''(?:token)?-(\d{3,6})'''
keywords = ["token"]
[[rules]]
id = "cut-keyword"
regex = '''[a-c]{0,5}key[a-c]{0,5}'''
keywords = ["key", "akey"]
[[rules]]
id = "always"
regex = '''zz(\d+)'''
[[rules]]
id = "greedy"
regex = '''key.{0,20}key'''
keywords = ["key"]
[[rules]]
id = "empty"
regex = '''(?:key)?'''
keywords = ["key"]
[[rules]]
id = "start"
regex = '''^.{0,3}key'''
keywords = ["key"]
[[rules]]
id = "line"
regex = '''[a-f ]*key.*zz\d'''
keywords = ["key"]
[[rules]]
id = "line-and-bytes"
regex = '''(?i).{0,9}key[^\n]{0,9}'''
keywords = ["key"]
[[rules]]
id = "end"
regex = '''key.{0,3}$'''
keywords = ["key"]
"#;

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, ..ProptestConfig::default() })]

    #[test]
    fn so_it_does_with_rules_of_other_shapes(text in "(key|KEY|akey|token|key: |abkey|zz1|-123|[a-f ]{0,4}|\n|x){0,40}") {
        thread_local! {
            static RULES: &'static Rules = Box::leak(Box::new(
                Rules::load(&Arc::new(Source { path: "odd".into(), text: ODD.into() }), &mut |_| Err(String::new())).unwrap(),
            ));
        }
        let rules = RULES.with(|rules| *rules);
        let quick = hits(&Scanner::new(rules, key()), "a", text.as_bytes());
        let whole = hits(&Scanner::new(rules, key()).without_shortcuts(), "a", text.as_bytes());
        prop_assert_eq!(quick, whole);
    }
}

/// A token of GitHub, put together here.
fn token(number: u8) -> String {
    let letters = "Q7w2Zk9LmX4vRt1YbN8cDp6FhJ3sGa5eUiO0";
    let (front, back) = letters.split_at(usize::from(number));
    ["gh", "p_", back, front].concat()
}

#[test]
fn places_are_counted_in_lines_and_bytes() {
    let rules = own();
    let scanner = Scanner::new(&rules, key());
    let text = format!("é\n\n  x = {}\r\n{}", token(1), token(2));
    let found = hits(&scanner, "a.txt", text.as_bytes());
    assert_eq!(found.iter().map(|hit| (hit.line, hit.column)).collect::<Vec<_>>(), [(3, 7), (4, 1)]);
    assert_ne!(found[0].digest, found[1].digest);
    let pem = format!("a\n-----BEGIN {} KEY-----\n{}\n{}\n", "PRIVATE", "aB3dE6fG".repeat(8), "hJ4kL7mN".repeat(8));
    let found = hits(&scanner, "a.txt", pem.as_bytes());
    assert!(found.is_empty() || found[0].line_end > found[0].line);
}

#[test]
fn a_content_larger_than_a_piece_is_searched_to_its_end() {
    let rules = own();
    let scanner = Scanner::new(&rules, key());
    let line = "nothing to see in this line of an ordinary text file\n";
    let mut text = String::new();
    let mut expected = BTreeSet::new();
    let mut put = |text: &mut String, number: u8| {
        text.push_str(&format!("{}\n", token(number)));
        expected.insert(text.matches('\n').count() as u64);
    };
    // Within the first piece, within what two pieces share, across every edge, in the last.
    for (number, at) in
        [(1, 100), (2, PIECE - 41), (3, PIECE + 30_000), (4, PIECE + OVERLAP - 20), (5, 2 * PIECE), (6, 9_000_000)]
    {
        while text.len() + line.len() <= at {
            text.push_str(line);
        }
        while text.len() < at.saturating_sub(1) {
            text.push('.');
        }
        text.push('\n');
        put(&mut text, number);
    }
    text.push_str(&line.repeat(40_000));
    put(&mut text, 7);
    let found: BTreeSet<u64> = hits(&scanner, "a.txt", text.as_bytes()).into_iter().map(|hit| hit.line).collect();
    assert_eq!(found, expected);
}

#[test]
fn what_is_no_text_is_looked_at_and_not_searched() {
    let rules = own();
    let scanner = Scanner::new(&rules, key());
    let profile = rules.profile("a.bin");
    let place = Place { path: "a.bin", profile: &profile, commit: None };
    let scan = |bytes: &[u8]| scanner.scan_bytes(bytes, place).unwrap();
    let image = scan(&[b"\x89PNG\0\0\0".as_slice(), token(1).as_bytes()].concat());
    assert!(image.binary && image.hits.is_empty());
    let store = scan(&[&[0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2][..], &[7; 5_000_000]].concat());
    assert_eq!(store.hits.iter().map(|hit| hit.id.as_str()).collect::<Vec<_>>(), ["java-keystore"]);
    let wide: Vec<u8> = format!("token: {}\n", token(3)).encode_utf16().flat_map(u16::to_le_bytes).collect();
    let found = scan(&wide);
    assert_eq!((found.hits.len(), found.binary), (1, false));
}

#[test]
fn utf16_is_searched_to_its_end_however_large_it_is() {
    let rules = own();
    let scanner = Scanner::new(&rules, key());
    let text = format!("{}const t = \"{}\";\n", "é plain line\n".repeat(400_000), token(5));
    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(wide.len() > 2 * PIECE);
    let found = hits(&scanner, "a.sql", &wide);
    assert_eq!(found.iter().map(|hit| (hit.id.as_str(), hit.line)).collect::<Vec<_>>(), [("github-pat", 400_001)]);
}

#[test]
fn a_content_that_cannot_be_read_to_its_end_is_not_searched() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("gone"))
        }
    }
    let rules = own();
    let scanner = Scanner::new(&rules, key());
    let profile = rules.profile("a");
    let scanned = scanner.scan(&mut Broken, Place { path: "a", profile: &profile, commit: None }, &mut Vec::new());
    assert!(matches!(scanned, Err(ScanError::Read(_))));
}

#[test]
fn nothing_that_is_given_holds_the_value() {
    let rules = own();
    let scanner = Scanner::new(&rules, key());
    let value = token(4);
    let profile = rules.profile("a");
    let text = format!("x {value} gitleaks:allow\n");
    let scanned = scanner.scan_bytes(text.as_bytes(), Place { path: "a", profile: &profile, commit: None }).unwrap();
    assert_eq!(scanned.hits.len(), 1);
    assert!(scanned.hits[0].marked);
    let shown = format!("{scanned:?} {scanner:?}");
    assert!(!shown.contains(&value) && !shown.contains(&value[4..20]));
}
