//! What every format promises, and the files that break other readers.

use std::time::Instant;

use proptest::prelude::*;

use super::*;

const MANY: u64 = 64 << 20;

fn yaml(text: &str) -> Result<Document, Unreadable> {
    parse_yaml("a.yaml", text.as_bytes(), MANY)
}

fn shown(document: Result<Document, Unreadable>) -> String {
    serde_json::to_string(&document.unwrap().root.to_json()).unwrap()
}

#[test]
fn scalars_of_yaml_stay_text() {
    let text = "a: NO\nb: 1_000\nc: true\nd: ~\ne:\nf: '~'\ng: 0x1F\n8080: x\n";
    assert_eq!(shown(yaml(text)), r#"{"8080":"x","a":"NO","b":"1_000","c":"true","d":null,"e":null,"f":"~","g":"0x1F"}"#);
}

#[test]
fn values_know_where_they_stand() {
    let document = yaml("é: [x,\n  ü, {k: v}]\n").unwrap();
    let text = |node: &Node| document.source.text[node.span.clone()].to_owned();
    assert_eq!(text(document.root.pointer("/é/1").unwrap()), "ü");
    assert_eq!(text(document.root.pointer("/é/2/k").unwrap()), "v");
    assert_eq!(document.place(document.root.pointer("/é/1").unwrap()), "a.yaml:2:3");

    let document = parse_jsonc("a.jsonc", "{ // c\n \"k\": [1, 2.50,], }".as_bytes(), MANY).unwrap();
    let number = document.root.pointer("/k/1").unwrap();
    assert_eq!((document.position(number), number.value.clone()), ((2, 11), Value::Number("2.50".into())));

    let document = parse_toml("a.toml", b"[x]\ny = 0xff\n[[z]]\nd = 2026-01-01\n", MANY).unwrap();
    assert_eq!(document.place(document.root.pointer("/x/y").unwrap()), "a.toml:2:5");
    assert_eq!(document.root.pointer("/x/y").unwrap().as_integer(), Some(255));
    assert_eq!(document.root.pointer("/z/0/d").unwrap().as_text(), Some("2026-01-01"));
}

#[test]
fn a_key_that_appears_twice_is_refused_with_both_places() {
    let error = yaml("a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n").unwrap_err();
    assert_eq!(
        error.to_string(),
        "a.yaml:5:3: the key `c` appears twice; the first is at 3:3; remove one of the two: readers differ about which one counts"
    );
    for lax in [false, true] {
        let parse = if lax { parse_jsonc } else { parse_json };
        let error = parse("a.json", br#"{"a": 1, "\u0061": 2}"#, MANY).unwrap_err();
        assert_eq!(error.0.code, "duplicate-key");
        assert_eq!(error.position(), (1, 10));
    }
    assert_eq!(parse_toml("a.toml", b"a = 1\na = 2\n", MANY).unwrap_err().position().0, 2);
}

#[test]
fn ten_levels_of_ten_aliases_are_refused_fast() {
    let mut text = "l0: &l0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let alias = format!("*l{}, ", level - 1).repeat(10);
        text.push_str(&format!("l{level}: &l{level} [{}]\n", alias.trim_end_matches(", ")));
    }
    let begun = Instant::now();
    let error = yaml(&text).unwrap_err();
    assert_eq!(error.0.code, "too-many-values");
    // A guard against expanding it, not a measurement: expanded it would be ten thousand million values.
    assert!(begun.elapsed().as_secs() < 20);
}

#[test]
fn anchors_within_anchors_are_counted_as_often_as_they_are_kept() {
    let nested: String = (0..60).map(|nth| format!("&a{nth} [")).collect();
    let text = format!("x: {nested}{}1{}", "1,".repeat(30_000), "]".repeat(60));
    assert_eq!(yaml(&text).unwrap_err().0.code, "too-many-values");
}

#[test]
fn an_alias_gives_what_it_stands_for_and_its_own_place() {
    let document = yaml("a: &x {k: [1, 2]}\nb: *x\n").unwrap();
    assert_eq!(document.root.get("a").unwrap().value, document.root.get("b").unwrap().value);
    assert_eq!(document.place(document.root.get("b").unwrap()), "a.yaml:2:4");
    assert!(yaml("a: *nothing\n").is_err());
    assert!(yaml("a: &x [*x]\n").is_err());
}

#[test]
fn deep_nesting_is_refused_in_every_format_and_never_overflows() {
    let deep = 100_000;
    assert_eq!(yaml(&"- ".repeat(deep)).unwrap_err().0.code, "too-deep");
    assert!(yaml(&"[".repeat(deep)).is_err());
    assert!(yaml(&format!("{}x{}", "[".repeat(DEPTH), "]".repeat(DEPTH))).is_ok());
    assert!(yaml(&format!("{}x{}", "[".repeat(DEPTH + 1), "]".repeat(DEPTH + 1))).is_err());
    let json = format!("{}{}", "[".repeat(deep), "]".repeat(deep));
    assert!(parse_json("a", json.as_bytes(), MANY).is_err());
    assert!(parse_jsonc("a", json.as_bytes(), MANY).is_err());
    assert!(parse_toml("a", format!("a = {json}").as_bytes(), MANY).is_err());
}

const DEPTH: usize = YAML_DEPTH_MAX;

#[test]
fn what_a_format_does_not_have_is_refused() {
    for text in ["a: 1\n---\nb: 2\n", "? [x]\n: y\n", "a: &x {b: 1}\nc:\n  <<: *x\n", "a: [1\n"] {
        assert!(yaml(text).is_err(), "{text}");
    }
    for text in ["{'a': 1}", "{a: 1}", "[0x1]", "[+1]", "[.5]", "[1 2]", "[NaN]", "", "[1]]", "// nothing", "[01]"] {
        assert!(parse_json("a", text.as_bytes(), MANY).is_err(), "{text}");
        assert!(parse_jsonc("a", text.as_bytes(), MANY).is_err(), "{text}");
    }
    for text in ["[1,]", "[1] // x", "/* x */ 1"] {
        assert!(parse_json("a", text.as_bytes(), MANY).is_err(), "{text}");
        assert!(parse_jsonc("a", text.as_bytes(), MANY).is_ok(), "{text}");
    }
}

#[test]
fn too_many_bytes_and_other_encodings_are_refused_with_their_place() {
    assert_eq!(
        parse_yaml("a", b"12345", 4).unwrap_err().to_string(),
        "a:1:1: the file has 5 bytes, more than the 4 that are read"
    );
    let error = parse_toml("a.toml", b"a = 1\nb = '\xff'\n", MANY).unwrap_err();
    assert_eq!(error.to_string(), "a.toml:2:6: the bytes from here on are not UTF-8; save the file as UTF-8");
    assert_eq!(shown(parse_json("a", b"\xef\xbb\xbf{}", MANY)), "{}");
}

#[test]
fn an_error_of_json_stands_where_it_is() {
    let error = parse_json("a.json", b"{\n  \"a\": 1,\n  \"b\": trux\n}", MANY).unwrap_err();
    assert_eq!(error.position().0, 3);
    assert!(error.to_string().starts_with("a.json:3:"), "{error}");
}

#[test]
fn fractions_and_large_numbers_are_recorded_as_text() {
    let text = "[1, 1.50, 1e3, 9007199254740991, 9007199254740992, -0]";
    assert_eq!(shown(parse_json("a", text.as_bytes(), MANY)), r#"[1,"1.50","1e3",9007199254740991,"9007199254740992",0]"#);
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        (-1_000_000_i64..1_000_000).prop_map(Into::into),
        "\\PC{0,6}".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
            prop::collection::btree_map("[a-zé\"\\\\ ]{0,4}", inner, 0..5)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

/// The packages of a lockfile, of which nothing is taken out.
fn in_runs(text: &str, values_max: usize) -> Result<Document, Unreadable> {
    parse_toml_packages(source("a", text.as_bytes(), MANY)?, values_max, &mut |_, _, _| Ok(()))
}

#[test]
fn what_is_taken_out_of_packages_does_not_count() {
    let lists = "\"x\", ".repeat(60);
    let text: String =
        (0..1_200).map(|nth| format!("[[package]]\nname = \"p{nth}\"\nfiles = [{lists}]\nz = 1\na = 2\n")).collect();
    for text in [text.clone(), text.replace("\"x\"", "'x'")] {
        assert_eq!(in_runs(&text, 30_000).err().unwrap().0.code, "too-many-values");
        let mut taken = Vec::new();
        let take = &mut |_: &Arc<Source>, package: &mut Table, at: usize| {
            taken.push((at, package.take("files").unwrap().as_list().unwrap().len(), package.take("files").is_none()));
            Ok(())
        };
        let document = parse_toml_packages(source("a", text.as_bytes(), MANY).unwrap(), 30_000, take).unwrap();
        let left = document.root.get("package").and_then(Node::as_list).unwrap();
        assert_eq!((left.len(), taken.len()), (1_200, 1_200));
        for (node, (at, files, gone)) in left.iter().zip(taken) {
            assert_eq!((node.span.start, 60, true), (at, files, gone));
            let keys: Vec<&str> = node.as_table().unwrap().entries().iter().map(|entry| entry.key.as_str()).collect();
            assert_eq!(keys, ["name", "z", "a"]);
            assert_eq!((node.get("z").and_then(Node::as_integer), node.get("a").and_then(Node::as_integer)), (Some(1), Some(2)));
        }
    }
}

#[test]
fn packages_are_read_in_runs_as_they_are_as_a_whole() {
    let long = "x".repeat(9_000);
    let package = |nth: usize| format!("[[package]]\nname = \"p{nth}\"\nabout = \"{long}\"\n[package.more]\nn = {nth}\n");
    let packages: String = (0..40).map(package).collect();
    let text = format!("version = 4\n{packages}\n[metadata]\na = 1\n[metadata.b]\nc = 2\n");
    let whole = parse_toml("a", text.as_bytes(), MANY).unwrap();
    let runs = in_runs(&text, 1_000).unwrap();
    assert_eq!(runs.root.to_json(), whole.root.to_json());
    let spans = |document: &Document| {
        let list = document.root.get("package").and_then(Node::as_list).unwrap().to_vec();
        list.iter().map(|node| (node.span.clone(), node.get("name").unwrap().span.clone())).collect::<Vec<_>>()
    };
    assert_eq!(spans(&runs), spans(&whole));
    // A text that holds what begins a package is no reason to read something else.
    let tricky = format!("{text}\ntext = \"\"\"\n[[package]]\n{}\"\"\"\n", "y".repeat(70_000));
    let runs = in_runs(&tricky, 1_000).unwrap();
    assert_eq!(runs.root.to_json(), parse_toml("a", tricky.as_bytes(), MANY).unwrap().root.to_json());
    let broken = text.replace("n = 33\n", "n = \n");
    let place = |error: Unreadable| error.position();
    assert_eq!(place(in_runs(&broken, 1_000).unwrap_err()), place(parse_toml("a", broken.as_bytes(), MANY).unwrap_err()));
    assert_eq!(in_runs(&text, 100).unwrap_err().0.code, "too-many-values");
}

proptest! {
    #[test]
    fn json_reads_as_serde_json_reads_it(value in any_json(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
        for parse in [parse_json, parse_jsonc] {
            let read = parse("a", text.as_bytes(), MANY).unwrap().root.to_json();
            prop_assert_eq!(serde_json::to_value(&read).unwrap(), value.clone());
        }
    }

    #[test]
    fn no_text_makes_a_reader_panic(text in "[\\[\\]{}:,\"'&*#|>\\-?! a1\n\t\\\\=.~é]{0,60}") {
        for parse in [parse_json, parse_jsonc, parse_yaml, parse_toml] {
            match parse("a", text.as_bytes(), MANY) {
                Ok(document) => prop_assert!(document.source.text.get(document.root.span.clone()).is_some()),
                Err(error) => prop_assert!(error.position().0 >= 1),
            }
        }
    }

    #[test]
    fn a_key_of_a_table_is_found_as_a_slow_search_finds_it(keys in prop::collection::btree_set("[a-c]{0,3}", 0..12), asked in "[a-c]{0,3}") {
        let text: String = keys.iter().rev().map(|key| format!("\"{key}\" = \"{key}!\"\n")).collect();
        let document = parse_toml("a", text.as_bytes(), MANY).unwrap();
        let slow = document.root.as_table().unwrap().entries().iter().find(|entry| entry.key == asked).map(|entry| &entry.value);
        prop_assert_eq!(document.root.get(&asked), slow);
        prop_assert_eq!(slow.is_some(), keys.contains(&asked));
    }
}
