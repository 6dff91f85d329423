//! `secrets.history`: does nothing that led to the release hold a secret?

use avouch_model::state::Outcome;
use avouch_scan::Rules;

use super::secrets_tree::{Asked, Seen, judged, look};
use crate::{
    Example, Judgement, Question, Unasked, Vantage, World,
    secrets::{Memory, binding, everything_that_led_to},
    sources::chain,
};

/// The name under which is kept what was searched before.
const MEMORY: &str = "secrets-history";

/// See the module.
pub(super) struct SecretsHistory;

impl Question for SecretsHistory {
    const ID: &'static str = "secrets.history";
    const QUESTION: &'static str = "Does nothing that led to the release hold a secret?";
    const VANTAGE: Vantage = Vantage::Repository;
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/secrets-history.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        let repository =
            world.repository.ok_or_else(|| Unasked("the folder is no git repository, so it has no history".to_owned()))?;
        let release = world.release.ok_or_else(|| Unasked("there is no commit whose history could be searched".to_owned()))?;
        look(world, asked, |scanner| {
            let rules: &Rules = scanner.rules();
            let binding = binding(rules.digest(), env!("CARGO_PKG_VERSION"));
            let recalled = world.keeper.recall(MEMORY);
            let mut memory = Memory::recall(recalled.as_deref(), binding);
            let searched = everything_that_led_to(repository, &release.commit, scanner, &mut memory);
            let searched = searched.map_err(|error| Unasked(chain(&error)))?;
            let bytes = memory.bytes();
            if recalled.as_deref() != Some(bytes.as_slice()) {
                world.keeper.keep(MEMORY, &bytes);
            }
            Ok(searched)
        })
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        judged(seen, asked, "of everything that led to the release")
    }
}

const EXAMPLES: &[Example] = &[
    Example {
        name: "everything was searched, and nothing found",
        asked: "{}",
        seen: r#"{"planted_found":true,"contents":900,"unsearched":0,"unsearched_named":[],"shallow":false,"secrets":0,"listed":[],"elsewhere":0,"known":0,"ended":0}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "a commit brought a secret that a later one removed",
        asked: "{}",
        seen: r#"{"planted_found":true,"contents":900,"unsearched":0,"unsearched_named":[],"shallow":false,"secrets":1,"listed":[{"rule":"private-key","path":"deploy.pem","line":1,"class":"source","commit":"0123456789abcdef0123456789abcdef01234567"}],"elsewhere":0,"known":0,"ended":0}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the clone is shallow",
        asked: "{}",
        seen: r#"{"planted_found":true,"contents":70,"unsearched":0,"unsearched_named":[],"shallow":true,"secrets":0,"listed":[],"elsewhere":0,"known":0,"ended":0}"#,
        outcome: Outcome::Error,
    },
    Example {
        name: "a shallow clone shows a secret all the same",
        asked: "{}",
        seen: r#"{"planted_found":true,"contents":70,"unsearched":0,"unsearched_named":[],"shallow":true,"secrets":1,"listed":[{"rule":"jwt","path":"a.ts","line":1,"class":"source"}],"elsewhere":0,"known":0,"ended":0}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "nothing was committed",
        asked: "{}",
        seen: r#"{"planted_found":true,"contents":0,"unsearched":0,"unsearched_named":[],"shallow":false,"secrets":0,"listed":[],"elsewhere":0,"known":0,"ended":0}"#,
        outcome: Outcome::NotExercised,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;

    #[test]
    fn without_a_repository_nothing_is_asked() {
        let asked: Asked = serde_json::from_str("{}").unwrap();
        let error = Scene::default().with(|world| SecretsHistory::gather(world, &asked)).unwrap_err().to_string();
        assert!(error.contains("no git repository"), "{error}");
    }
}
