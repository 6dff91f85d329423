use super::*;

#[test]
fn a_planted_secret_is_found_by_our_rules_and_not_by_any() {
    let own = Rules::own().unwrap();
    for seed in 0..200 {
        assert!(finds_a_planted_secret(&own, &|| seed).unwrap(), "{seed}");
    }
    let source = std::sync::Arc::new(avouch_model::diagnostic::Source {
        path: "r.toml".into(),
        text: "[[rules]]\nid = \"a\"\nregex = 'zzz'\n".into(),
    });
    let other = Rules::load(&source, &mut |_| Err(String::new())).unwrap();
    assert!(!finds_a_planted_secret(&other, &|| 4).unwrap());
}
