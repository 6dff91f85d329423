//! Values in small databases, and what is said of them.

use proptest::prelude::*;

use super::*;
use crate::testing::Scene;

fn judge(rows: &[String], asked: &str) -> Judgement {
    let rows: String = rows.iter().map(|row| format!("INSERT INTO notes VALUES ({row});")).collect();
    let scene = Scene::of_database(&format!("CREATE TABLE notes (text BLOB); {rows}"));
    let asked: Asked = serde_json::from_str(asked).unwrap();
    DatabaseValues::judge(&scene.with(|world| DatabaseValues::gather(world, &asked)).unwrap(), &asked)
}

/// Bytes without a pattern (SplitMix64), from a seed.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    (0..length.div_ceil(8))
        .flat_map(|_| {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            (mixed ^ (mixed >> 31)).to_le_bytes()
        })
        .take(length)
        .collect()
}

fn sealed(nonce: u64, bytes: &[u8]) -> String {
    format!("'v1.{}.{}'", STANDARD_NO_PAD.encode(noise(nonce, 12)), STANDARD_NO_PAD.encode(bytes))
}

#[test]
fn ciphertexts_pass_and_encoded_text_does_not() {
    let good: Vec<String> = (0..20).map(|number| sealed(number, &noise(number + 99, 30))).collect();
    assert_eq!(judge(&good, ASKED).outcome, Outcome::Pass);
    let text: Vec<String> =
        (0..20).map(|number| sealed(number, format!("a text that hides nothing {number}").as_bytes())).collect();
    assert_eq!(judge(&text, ASKED).outcome, Outcome::Fail);
}

#[test]
fn each_way_to_be_wrong_is_found() {
    let good: Vec<String> = (0..20).map(|number| sealed(number, &noise(number + 99, 30))).collect();
    for wrong in [
        sealed(3, &noise(7, 30)),
        sealed(50, &noise(7, 16)),
        "'a text'".to_owned(),
        "NULL".to_owned(),
        "17".to_owned(),
        "x'ff00'".to_owned(),
    ] {
        let rows: Vec<String> = good.iter().cloned().chain([wrong.clone()]).collect();
        assert_eq!(judge(&rows, ASKED).outcome, Outcome::Fail, "{wrong}");
    }
    assert_eq!(judge(&[], ASKED).outcome, Outcome::NotExercised);
}

#[test]
fn blobs_are_read_as_hexadecimal_digits() {
    let asked = r#"{"columns":["*.text"],"encoding":"hex","pattern":"01(?<nonce>[0-9a-f]{24})(?<sealed>[0-9a-f]+)",
        "distinct":["nonce"],"bytes":{"nonce":12},"bytes_min":{"sealed":17},"random":["sealed"]}"#;
    let blob = |nonce: u64, bytes: &[u8]| format!("x'01{}{}'", hex::encode(noise(nonce, 12)), hex::encode(bytes));
    let good: Vec<String> = (0..9).map(|number| blob(number, &noise(number + 9, 20))).collect();
    assert_eq!(judge(&good, asked).outcome, Outcome::Pass);
    let bad: Vec<String> = (0..9).map(|number| blob(number, format!("a longer text {number:06}").as_bytes())).collect();
    assert_eq!(judge(&bad, asked).outcome, Outcome::Fail);
}

#[test]
fn a_part_that_must_be_there_may_not_be_empty() {
    let asked = |rest: &str| format!(r#"{{"columns":["notes.text"],"pattern":"v1[.](?<key>[a-z0-9]*)[.].+"{rest}}}"#);
    let rows = ["'v1.k1.abc'".to_owned(), "'v1..abc'".to_owned()];
    assert_eq!(judge(&rows, &asked("")).outcome, Outcome::Pass);
    assert_eq!(judge(&rows, &asked(r#","filled":["key"]"#)).outcome, Outcome::Fail);
}

#[test]
fn a_group_that_the_pattern_does_not_have_cannot_be_asked_about() {
    let asked: Asked = serde_json::from_str(r#"{"columns":["a.b"],"pattern":"x","random":["sealed"]}"#).unwrap();
    let error = Scene::of_database("CREATE TABLE a (b)").with(|world| DatabaseValues::gather(world, &asked)).unwrap_err();
    assert!(error.to_string().contains("`(?<sealed>…)`"), "{error}");
}

proptest! {
    #[test]
    fn noise_always_looks_random(seed: u64, length in 64_usize..4_000) {
        let mut bits = Bits::default();
        bits.count(&noise(seed, length));
        prop_assert!(bits.deviation().unwrap() < DEVIATIONS_MAX);
    }

    #[test]
    fn printable_text_never_does(text in "[ -~]{64,400}") {
        let mut bits = Bits::default();
        bits.count(text.as_bytes());
        prop_assert!(bits.deviation().unwrap() > DEVIATIONS_MAX);
    }
}
