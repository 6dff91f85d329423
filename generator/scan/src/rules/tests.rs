use super::*;
use crate::{Key, Place, Scanner};

fn source(text: &str) -> Arc<Source> {
    Arc::new(Source { path: "rules.toml".into(), text: text.into() })
}

fn load(text: &str) -> Result<Rules, Vec<Diagnostic>> {
    Rules::load(&source(text), &mut |path| Err(format!("there is no `{path}`")))
}

fn own() -> Rules {
    Rules::own().unwrap_or_else(|problems| panic!("{:#?}", problems.iter().map(Diagnostic::line).collect::<Vec<_>>()))
}

/// The ids of what these rules find in a text at a path.
fn found(rules: &Rules, path: &str, text: &str) -> Vec<String> {
    let scanner = Scanner::new(rules, Key::from_bytes([1; 32]));
    let profile = rules.profile(path);
    let scanned = scanner.scan_bytes(text.as_bytes(), Place { path, profile: &profile, commit: None }).unwrap();
    scanned.hits.into_iter().map(|hit| hit.id).collect()
}

#[test]
fn our_own_rules_are_without_a_mistake() {
    let rules = own();
    rules.compile().unwrap();
    assert!(rules.all().len() >= 110, "{}", rules.all().len());
    for rule in rules.all() {
        assert!(rule.description.ends_with('.'), "{}", rule.id);
        assert!(!rule.keywords.is_empty() || rule.path.is_some(), "{} is tried on everything", rule.id);
    }
}

#[test]
fn our_own_rules_look_only_around_their_keywords() {
    let rules = own();
    let whole: Vec<&str> = rules.all().iter().filter(|rule| rule.reach == Reach::WHOLE).map(|rule| rule.id.as_str()).collect();
    // Those that are about whole files, or rare enough.
    let expected = [
        "discord-bot-token",
        "mailgun-api-key",
        "netrc-password",
        "private-key",
        "putty-private-key",
        "env-file-entropy",
        "kubernetes-secret-yaml",
        "htpasswd",
        "sql-dump",
    ];
    let unexpected: Vec<_> = whole.iter().filter(|id| !expected.contains(id)).collect();
    assert!(unexpected.is_empty(), "these look through whole contents: {unexpected:?}");
}

#[test]
fn a_group_that_the_pattern_does_not_have_is_refused() {
    let rule = |group: &str| format!("[[rules]]\nid = \"a\"\nregex = '(?:x)_([a-z]+)(?P<b>\\d)?'\nsecretGroup = {group}\n");
    assert_eq!(found(&load(&rule("1")).unwrap(), "a.txt", "x_abc"), ["a"]);
    let refused = load(&rule("3")).unwrap_err();
    assert!(refused[0].line().starts_with("rules.toml:4:15: the rule `a` takes its value from group 3"), "{}", refused[0].line());
    // Also where a file that is built upon has the pattern.
    let base = source("[[rules]]\nid = \"a\"\nregex = 'x_([a-z]+)'\n");
    let text = "[extend]\npath = \"base.toml\"\n[[rules]]\nid = \"a\"\nsecretGroup = 2\n";
    assert!(Rules::load(&source(text), &mut |_| Ok(Arc::clone(&base))).is_err());
}

#[test]
fn a_file_of_gitleaks_is_read() {
    let rules = load(
        r#"
title = "ours"
[extend]
useDefault = true
disabledRules = ["jwt"]
[[rules]]
id = "house-key"
description = "A key of the house."
regex = '''\b(hk_[0-9a-z]{12})\b'''
keywords = ["HK_"]
entropy = 2
  [[rules.allowlists]]
  condition = "AND"
  paths = ['''^docs/''']
  stopwords = ["abc"]
  [rules.allowlist]
  regexTarget = "line"
  regexes = ['''not a key''']
[[rules]]
id = "github-pat"
tags = ["notice"]
[[rules]]
id = "backup"
path = '''\.bak$'''
[[allowlists]]
targetRules = ["backup"]
paths = ['''^old/''']
[allowlist]
commits = ["0123456789ABCDEF0123456789abcdef01234567"]
"#,
    )
    .unwrap();
    assert!(rules.warnings().is_empty());
    assert_eq!(found(&rules, "a.txt", "key hk_q9w8e7r6t5y4 end"), ["house-key"]);
    assert_eq!(found(&rules, "docs/a.txt", "key hk_q9w8e7r6t5y4 end"), ["house-key"], "only one of two holds");
    assert_eq!(found(&rules, "docs/a.txt", "key hk_q9w8e7r6tabc end"), Vec::<String>::new());
    assert_eq!(found(&rules, "a.txt", "hk_q9w8e7r6t5y4 is not a key"), Vec::<String>::new());
    assert_eq!(found(&rules, "a.txt", "hk_aaaaaaaaaaaa"), Vec::<String>::new());
    assert_eq!(found(&rules, "a.bak", ""), ["backup"]);
    assert_eq!(found(&rules, "old/a.bak", ""), Vec::<String>::new());
    assert!(rules.all().iter().any(|rule| rule.id == "github-pat" && rule.is_notice()));
    assert!(!rules.all().iter().any(|rule| rule.id == "jwt"));
}

#[test]
fn what_rules_leave_out_by_its_path_is_known_beforehand() {
    let leave_out = |text: &str, path: &str| {
        let rules = load(text).unwrap();
        rules.leave_out(&rules.profile(path))
    };
    let extended = "[extend]\nuseDefault = true\n";
    assert!(!leave_out(extended, "a.txt"));
    assert!(leave_out(&format!("{extended}[[allowlists]]\npaths = ['.*']\n"), "a.txt"));
    assert!(leave_out(&format!("{extended}[[allowlists]]\npaths = ['^a']\nregexes = ['x']\n"), "a.txt"), "one of them is enough");
    let both = format!("{extended}[[allowlists]]\ncondition = \"AND\"\npaths = ['^a']\nregexes = ['x']\n");
    assert!(!leave_out(&both, "a.txt"), "only some values in it are left out");
    let one = "[[rules]]\nid = \"k\"\nregex = 'k=(\\d{4})'\npath = '^src/'\n";
    assert!(leave_out(one, "a.txt") && !leave_out(one, "src/a.txt"));
    let own = format!("{one}[[rules.allowlists]]\npaths = ['txt$']\n");
    assert!(leave_out(&own, "src/a.txt") && !leave_out(&own, "src/a.ts"));
}

#[test]
fn a_commit_that_is_allowed_is_counted() {
    let rules = load("[[rules]]\nid = \"k\"\nregex = 'k=(\\d{4})'\n[[allowlists]]\ncommits = [\"aa\"]\n").unwrap();
    let scanner = Scanner::new(&rules, Key::from_bytes([1; 32]));
    let profile = rules.profile("a");
    let scan = |commit| scanner.scan_bytes(b"k=1234", Place { path: "a", profile: &profile, commit }).unwrap();
    assert_eq!((scan(Some("aa")).hits.len(), scan(Some("aa")).allowed_by_commit), (0, 1));
    assert_eq!((scan(Some("bb")).hits.len(), scan(None).hits.len()), (1, 1));
}

#[test]
fn a_mistake_is_shown_in_its_place() {
    let line = |text: &str| load(text).unwrap_err().first().unwrap().line();
    assert!(line("[[rules]]\nid = \"a\"\nregex = '('\n").starts_with("rules.toml:3:9: this pattern cannot be used: "));
    assert!(line("[[rules]]\nid = \"a\"\n").starts_with("rules.toml:2:6: the rule `a` finds nothing"));
    assert!(line("[[rules]]\nid = \"a\"\nregexp = 'x'\n").contains("unknown field `regexp`"));
    assert!(line("[[rules]]\nid = \"a\"\nregex = 'x'\n[[rules.required]]\nid = \"b\"\n").contains("unknown field `required`"));
    assert!(line("[extend]\nurl = \"https://example.com\"\n").contains("network"));
    assert!(line("[extend]\npath = \"b.toml\"\n").contains("there is no `b.toml`"));
    assert!(line("[[allowlists]]\ncondition = \"XOR\"\n").contains("`XOR` is no condition"));
    assert!(line("rules = 3").starts_with("rules.toml:1:9"));
    let warned = load("[extend]\nuseDefault = true\ndisabledRules = [\"no-such\"]\n").unwrap();
    assert_eq!(warned.warnings().len(), 1);
}

#[test]
fn files_extend_each_other_and_not_for_ever() {
    let mut other = |path: &str| match path {
        "base.toml" => Ok(source("[[rules]]\nid = \"a\"\nregex = 'aaa(\\d)'\n")),
        _ => Ok(source("[extend]\npath = \"again.toml\"\n")),
    };
    let rules =
        Rules::load(&source("[extend]\npath = \"base.toml\"\n[[rules]]\nid = \"a\"\nentropy = 0.0\n"), &mut other).unwrap();
    assert_eq!(rules.all().len(), 1);
    assert!(Rules::load(&source("[extend]\npath = \"again.toml\"\n"), &mut other).is_err());
}

#[test]
fn the_digest_tells_other_rules_apart() {
    let one = load("[[rules]]\nid = \"a\"\nregex = 'a'\n").unwrap();
    let two = load("[[rules]]\nid = \"a\"\nregex = 'b'\n").unwrap();
    assert_ne!(one.digest(), two.digest());
    assert_ne!(one.digest(), own().digest());
}
