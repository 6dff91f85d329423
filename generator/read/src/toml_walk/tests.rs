use proptest::prelude::*;

use super::*;

fn source(text: &str) -> Arc<Source> {
    Arc::new(Source { path: "x.toml".into(), text: text.into() })
}

fn problems(text: &str, read: impl Fn(&TableReader<'_, '_>)) -> Vec<String> {
    let source = source(text);
    let document = parse(&source).unwrap();
    let walk = Walk::new(&source);
    let root = walk.root(&document);
    read(&root);
    root.finish();
    walk.problems().iter().map(Diagnostic::line).collect()
}

#[test]
fn an_unclosed_bracket_is_at_most_ten_errors_and_one_a_line() {
    let source = source(&"a = [1, = 2\n".repeat(40));
    let errors = parse(&source).unwrap_err();
    assert!((1..=SYNTAX_ERRORS_MAX).contains(&errors.len()));
    let lines: BTreeSet<usize> = errors.iter().map(|error| source.position(error.span.start).0).collect();
    assert_eq!(lines.len(), errors.len());
}

#[test]
fn several_mistakes_are_reported_at_once_in_the_order_of_the_text() {
    let seen = problems("name = 1\nport = 'x'\nkepe = 2\n[sub]\nz = true\n", |root| {
        root.required("name").text();
        root.optional("port").integer(1, 65_535);
        root.optional("keep").text();
        let sub = root.required("sub").table().unwrap();
        sub.required("y").boolean();
        sub.finish();
    });
    assert_eq!(
        seen,
        [
            "x.toml:1:8: `name` must be a text in quotes, and is a whole number",
            "x.toml:2:8: `port` must be a whole number, and is a text",
            "x.toml:3:1: no key is named `kepe` here",
            "x.toml:4:1: `y` is missing in `sub`",
            "x.toml:5:1: no key is named `z` in `sub`",
        ]
    );
}

#[test]
fn a_misspelt_key_or_word_gets_the_nearest_name() {
    let source = source("kepe = 1\nwhen = 'oprate'");
    let document = parse(&source).unwrap();
    let walk = Walk::new(&source);
    let root = walk.root(&document);
    root.optional("keep").json();
    let words = [("build", 1), ("deploy", 2), ("operate", 3)];
    assert!(root.optional("when").one_of(&words).is_none());
    root.finish();
    let help: Vec<_> = walk.problems().into_iter().filter_map(|problem| problem.help).collect();
    assert_eq!(help, ["did you mean `keep`?", "did you mean `operate`?"]);
}

#[test]
fn fractions_and_large_numbers_are_not_recorded() {
    let seen = problems("a = { b = [1.5] }\nc = 9007199254740992\nd = 2026-11-21\n", |root| {
        assert!(root.optional("a").object().is_none());
        assert!(root.optional("c").json().is_none());
        assert_eq!(root.optional("d").json().unwrap().into_inner(), Json::from("2026-11-21"));
    });
    assert_eq!(seen, ["x.toml:1:12: fractions are not recorded", "x.toml:2:5: the number is too large"]);
}

#[test]
fn a_day_is_a_day() {
    let seen = problems("a = 2026-12-31\nb = '2026-12-31'\nc = 2026-12-31T00:00:00Z\nd = '31.12.26'\n", |root| {
        assert_eq!(root.optional("a").day().unwrap().into_inner().to_string(), "2026-12-31");
        assert_eq!(root.optional("b").day().unwrap().into_inner().to_string(), "2026-12-31");
        assert!(root.optional("c").day().is_none());
        assert!(root.optional("d").day().is_none());
    });
    assert_eq!(seen.len(), 2);
}

proptest! {
    #[test]
    fn any_text_is_read_without_panic(text in "([a-c]|[ \\[\\]{}=.,'\"#\n]|1|é){0,60}") {
        let source = source(&text);
        if let Ok(document) = parse(&source) {
            let walk = Walk::new(&source);
            let root = walk.root(&document);
            for key in ["a", "b", "c"] {
                let field = root.optional(key);
                let _ = (field.text(), field.texts(), field.json(), field.day());
                prop_assert!(field.tables().len() <= text.len());
            }
            root.finish();
            for problem in walk.problems() {
                prop_assert!(!problem.line().is_empty());
            }
        }
    }
}
