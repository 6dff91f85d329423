//! Tests of `register.records` on registers as people write them.

use avouch_model::Digest;

use super::*;
use crate::testing::Scene;

const TOKENS: &str = "[[token]]\nduty = \"deploy\"\nid = \"t1\"\nresources = [\"worker:shop\"]\nexpires = 2026-12-31\n\n\
                      [[token]]\nduty = \"dns\"\nid = \"t2\"\nresources = [\"zone:shop.example\"]\nexpires = 2026-12-31\n";

const RULES: &str = r#"{"files":"tokens.toml","at":"token","fields":{"duty":{"one_of":["deploy","dns"]},"id":{},
    "resources":{"type":"texts","forbid":"\\*"},"expires":{"type":"time","future":true}},"unique":["id"],
    "cover":{"duty":["deploy","dns"]}}"#;

fn judge(scene: &Scene, asked: &str) -> Judgement {
    let asked: Asked = serde_json::from_str(asked).unwrap();
    let seen = scene.with(|world| RegisterRecords::gather(world, &asked)).unwrap();
    RegisterRecords::judge(&seen, &asked)
}

fn outcome(text: &str, asked: &str) -> (Outcome, String) {
    let judgement = judge(&Scene::of([("tokens.toml", text)]), asked);
    (judgement.outcome, judgement.findings.join("; "))
}

#[test]
fn each_rule_is_told_with_its_place() {
    assert_eq!(outcome(TOKENS, RULES), (Outcome::Pass, String::new()));
    for (from, to, told) in [
        ("worker:shop", "account.*", "tokens.toml:1:1: `resources` must not match `\\*`"),
        ("id = \"t2\"", "id = \"t1\"", "tokens.toml:7:1: its `id` is that of the record at tokens.toml:1:1, too"),
        ("\"dns\"", "\"deploy\"", "no record has the `duty` `dns`"),
        ("\"dns\"", "\"everything\"", "tokens.toml:7:1: `duty` must be deploy or dns"),
        ("id = \"t2\"", "id = \"t2\"\nnote = \"x\"", "tokens.toml:7:1: `note` is no field of this register"),
        ("id = \"t2\"\n", "", "tokens.toml:7:1: `id` is missing"),
        ("[\"worker:shop\"]", "[]", "tokens.toml:1:1: `resources` is a list, and must be a list of texts that is not empty"),
        ("2026-12-31\n\n", "2026-11-20\n\n", "tokens.toml:1:1: `expires` has passed"),
    ] {
        let (state, findings) = outcome(&TOKENS.replacen(from, to, 1), RULES);
        assert_eq!(state, Outcome::Fail, "{to}");
        assert!(findings.contains(told), "{to}: {findings}");
    }
    let further = RULES.replacen("\"unique\"", r#""further":{"resources":{"type":"texts","matches":"worker:.*"}},"unique""#, 1);
    assert_eq!(outcome(TOKENS, &further).1, "tokens.toml:7:1: `resources` must match `worker:.*`");
    assert_eq!(outcome("# nothing yet\n", RULES).0, Outcome::Fail);
    assert_eq!(
        outcome("# nothing yet\n", &RULES.replace(r#""cover":{"duty":["deploy","dns"]}"#, r#""cover":{}"#)).0,
        Outcome::NotExercised
    );
}

#[test]
fn a_rung_needs_the_one_below_it_of_the_same_agent_and_not_later() {
    let asked = r#"{"files":"tokens.toml","at":"grant","fields":{"agent":{},"rung":{"type":"integer"},"granted":{"type":"time","past":true}},
        "where":{"rung":["1","2"]},
        "needs":[{"when":{"rung":"2"},"other":{"rung":"1"},"same":["agent"],"before":"granted"}]}"#;
    let grants = |first: &str, second: &str, day: &str| {
        format!(
            "[[grant]]\nagent = \"{first}\"\nrung = 1\ngranted = 2026-10-02\n[[grant]]\nagent = \"{second}\"\nrung = 2\ngranted = {day}\n"
        )
    };
    assert_eq!(outcome(&grants("a", "a", "2026-10-03"), asked).0, Outcome::Pass);
    assert_eq!(outcome(&grants("a", "a", "2026-10-01"), asked).0, Outcome::Fail);
    assert_eq!(outcome(&grants("a", "b", "2026-10-03"), asked).0, Outcome::Fail);
    assert_eq!(outcome(&grants("a", "a", "2027-10-03"), asked).0, Outcome::Fail);
    // Another rung is not asked about; a record without one is.
    let other = format!("{}[[grant]]\nagent = \"a\"\nRUNG\ngranted = 2026-10-04\n", grants("a", "a", "2026-10-03"));
    assert_eq!(outcome(&other.replace("RUNG", "rung = 5"), asked).0, Outcome::Pass);
    assert_eq!(outcome(&other.replace("RUNG", ""), asked).0, Outcome::Fail);
}

#[test]
fn a_credential_ends_soon_after_it_was_issued_and_a_copy_lies_elsewhere() {
    let asked = r#"{"files":"tokens.toml","at":"it","fields":{"at":{"type":"time","not_older":"7 days"},"end":{"type":"time","after":"at","within":"24 hours"},
        "here":{},"there":{"differs":"here"}},"newest":{"field":"at","within":"2 days"}}"#;
    let text = |at: &str, end: &str, there: &str| format!("[[it]]\nat = {at}\nend = {end}\nhere = \"eu\"\nthere = \"{there}\"\n");
    assert_eq!(outcome(&text("2026-11-20T09:00:00Z", "2026-11-21T09:00:00Z", "us"), asked), (Outcome::Pass, String::new()));
    assert_eq!(outcome(&text("2026-11-20T09:00:00Z", "2026-11-21T09:00:01Z", "us"), asked).0, Outcome::Fail);
    assert_eq!(outcome(&text("2026-11-20T09:00:00Z", "2026-11-20T08:00:00Z", "us"), asked).0, Outcome::Fail);
    assert_eq!(outcome(&text("2026-11-20T09:00:00Z", "2026-11-21T09:00:00Z", "eu"), asked).0, Outcome::Fail);
    let late = outcome(&text("2026-11-18T09:00:00Z", "2026-11-18T10:00:00Z", "us"), asked);
    assert!(late.1.contains("longer ago than"), "{late:?}");
}

#[test]
fn what_sources_name_is_in_the_register_and_comments_name_nothing() {
    let asked = r#"{"files":"secrets.toml","at":"secret","fields":{"name":{}},
        "names":[{"files":"src/**","strip":"comments","pattern":"env\\.(?<value>[A-Z_]+)","in":"name"}]}"#;
    let scene = |source: &str| Scene::of([("secrets.toml", "[[secret]]\nname = \"A_KEY\"\n"), ("src/a.js", source)]);
    assert_eq!(judge(&scene("f(env.A_KEY); // env.OTHER\n"), asked).outcome, Outcome::Pass);
    let judgement = judge(&scene("f(env.A_KEY);\ng(env.B_KEY);\n"), asked);
    assert_eq!(judgement.findings, ["src/a.js:2:7: `B_KEY` is not in the register"]);
    assert_eq!(judge(&scene("f();\n"), asked).outcome, Outcome::NotExercised);
}

#[test]
fn a_statement_answers_for_one_text_of_the_register_and_no_other() {
    let asked = RULES.replacen(r#""unique""#, r#""attestation":"tokens","attested_within":"90 days","unique""#, 1);
    let mut scene = Scene::of([("tokens.toml", TOKENS)]);
    assert_eq!(judge(&scene, &asked).outcome, Outcome::NotExercised);
    let signed = |digest: String| Decision::Attestation {
        id: "tokens".into(),
        statement: String::new(),
        figures: Object::from([("digest".into(), Json::Text(digest))]),
        by: "security".into(),
        expires: "2027-01-01".parse().unwrap(),
    };
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    scene.decisions = vec![(at("2026-11-01T00:00:00Z"), signed(Digest::of(TOKENS.as_bytes()).to_string()))];
    assert_eq!(judge(&scene, &asked).outcome, Outcome::Pass);
    scene.decisions = vec![(at("2026-08-01T00:00:00Z"), signed(Digest::of(TOKENS.as_bytes()).hex()))];
    assert!(judge(&scene, &asked).findings.join("").contains("longer ago than 90 days"));
    scene.decisions = vec![(at("2026-11-01T00:00:00Z"), signed(Digest::of(b"another").to_string()))];
    assert!(judge(&scene, &asked).findings.join("").contains("another text"));
}

#[test]
fn a_whole_document_is_one_record_with_closed_keys() {
    let asked = r#"{"files":".infisical.json","fields":{"workspaceId":{},"gitBranchToEnvironmentMapping":{"optional":true}}}"#;
    let judged = |text: &str| judge(&Scene::of([(".infisical.json", text)]), asked).outcome;
    assert_eq!(judged(r#"{"workspaceId":"w"}"#), Outcome::Pass);
    assert_eq!(judged(r#"{"workspaceId":"w","clientSecret":"x"}"#), Outcome::Fail);
}

#[test]
fn some_records_keep_to_more_and_nobody_of_a_register_answers_for_another() {
    let asked = r#"{"files":"tokens.toml","at":"it","fields":{"agent":{},"by":{"differs_from_all":"agent"},"path":{},"opens":{"type":"texts"}},
        "given":[{"when":{"path":"scoped"},"fields":{"opens":{"type":"texts","items_max":1}}}]}"#;
    let text = |by: &str, path: &str| {
        let one = |agent: &str, by: &str| {
            format!("[[it]]\nagent = \"{agent}\"\nby = \"{by}\"\npath = \"{path}\"\nopens = [\"a\", \"b\"]\n")
        };
        one("builder", "ann") + &one("reviewer", by)
    };
    assert_eq!(outcome(&text("ann", "ci"), asked), (Outcome::Pass, String::new()));
    let given_by_an_agent = "tokens.toml:6:1: `by` must differ from every `agent` of the register";
    assert_eq!(outcome(&text("builder", "ci"), asked), (Outcome::Fail, given_by_an_agent.to_owned()));
    assert!(outcome(&text("ann", "scoped"), asked).1.contains("`opens` holds 2 values, and at most 1 may be there"));
}

#[test]
fn what_some_records_say_is_known_to_another_register() {
    let asked = r#"{"files":"keys.toml","at":"key","fields":{"provider":{},"held":{}},
        "elsewhere":[{"when":{"held":"exception"},"field":"provider","files":"exceptions.toml","at":"exception[*].provider"}]}"#;
    let keys = |held: &str| format!("[[key]]\nprovider = \"deepgram\"\nheld = \"{held}\"\n");
    let judged = |held: &str, exceptions: &str| {
        judge(&Scene::of([("keys.toml", keys(held).as_str()), ("exceptions.toml", exceptions)]), asked)
    };
    assert_eq!(judged("exception", "[[exception]]\nprovider = \"deepgram\"\n").outcome, Outcome::Pass);
    let judgement = judged("exception", "[[exception]]\nprovider = \"other\"\n");
    assert_eq!(judgement.findings, ["keys.toml:1:1: its `provider` is not in the register `exceptions.toml`"]);
    assert_eq!(judged("exception", "").outcome, Outcome::Fail);
    assert_eq!(judged("byok", "").outcome, Outcome::Pass);
}
