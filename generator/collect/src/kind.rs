//! What a kind of check is: a question, how its transcript is gathered, and how it is judged.

use std::collections::BTreeSet;

use avouch_model::{
    Json,
    observation::{Population, PositiveControl},
    product::ProbeClass,
    state::Outcome,
};
use serde::{
    Deserializer, Serialize,
    de::{DeserializeOwned, Error as _, Visitor},
};
use serde_json::Value;

use crate::World;

/// Where a kind looks, which decides what binds its observations to a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vantage {
    /// The tree of the release's commit: bound to that commit.
    Repository,
    /// What a pipeline produced: bound to the commit that the report itself names ([`Judgement::commit`]).
    Report,
    /// A configured target: bound to the commit that the target itself names in the same run.
    Target(ProbeClass),
    /// Data and people: bound to time alone.
    Time,
}

/// How a kind gets along with the others in one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// Answers soon. Those that ask a target are asked beside one another: none of them may count, time or compare what
    /// others set off there.
    Quick,
    /// Answers soon too, and counts what a target notes of each request, undisturbed ([`avouch_probe::Prober::undisturbed`]).
    /// Such checks begin after the others that ask a target, so that these need not wait for them.
    Counts,
    /// Spends most of its time waiting (a rate limit's window): such checks wait together.
    Waits,
    /// Measures time, or hears only what comes in time, and is asked alone.
    Quiet,
}

/// One sort of question: what its parameters and its transcript are, how it is gathered and judged.
pub trait Question {
    /// The id, `http.body-cap`: names its file, its page and its tests.
    const ID: &'static str;
    /// What is asked, as a sentence that a person would ask.
    const QUESTION: &'static str;
    /// Where it looks.
    const VANTAGE: Vantage;
    /// How it gets along with others.
    const PATIENCE: Patience = Patience::Quick;
    /// Its page: `docs/kinds/<id with dots as dashes>.md`, with the headings *What it asks*, *Why it matters*,
    /// *Evidence* and *Remedy*.
    const EXPLANATION: &'static str;
    /// Transcripts that pass and transcripts that break it: its tests, and what `avouch selftest` shows.
    const EXAMPLES: &'static [Example];
    /// Its parameters (unknown keys refused).
    type Asked: DeserializeOwned;
    /// Its transcript, redacted.
    type Seen: Serialize + DeserializeOwned;

    /// Meets the world, within bounds, and leaves what it saw.
    ///
    /// # Errors
    /// [`Unasked`] when the question could not be put at all; the observation is then an error, never a pass.
    fn gather(world: &World<'_>, asked: &Self::Asked) -> Result<Self::Seen, Unasked>;

    /// Judges what was seen. Pure.
    fn judge(seen: &Self::Seen, asked: &Self::Asked) -> Judgement;
}

/// A transcript with its parameters and the outcome that it must have.
#[derive(Clone, Copy, Debug)]
pub struct Example {
    /// What it shows, as a sentence: `a body over the cap is accepted when sent in chunks`.
    pub name: &'static str,
    /// The parameters, JSON.
    pub asked: &'static str,
    /// The transcript, JSON.
    pub seen: &'static str,
    /// What the judge must say.
    pub outcome: Outcome,
}

/// Why a question could not be put.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unasked(pub String);

/// What a judge says of a transcript.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The answer.
    pub outcome: Outcome,
    /// What was examined, and the least that had to be.
    pub population: Population,
    /// Whether the part that must work did.
    pub positive_control: PositiveControl,
    /// One public sentence on what was seen; shown only with a pass. No names of hosts, tables, people; no secrets.
    pub seen: String,
    /// What was found wrong, a sentence each, gravest first; sealed.
    pub findings: Vec<String>,
    /// The commit that the evidence itself names ([`Vantage::Report`] only).
    pub commit: Option<String>,
}

impl Judgement {
    /// The rule that every judge ends with, in this order: a broken positive control is an error; too small a population
    /// was not exercised; findings are a failure; the rest is a pass. Absence is never a pass: `required` is at least 1.
    pub fn decide(
        population: Population,
        positive_control: PositiveControl,
        findings: Vec<String>,
        seen: impl Into<String>,
    ) -> Self {
        let population = Population { required: population.required.max(1), ..population };
        let outcome = if positive_control == PositiveControl::Broken {
            Outcome::Error
        } else if population.examined < population.required && findings.is_empty() {
            Outcome::NotExercised
        } else if findings.is_empty() {
            Outcome::Pass
        } else {
            Outcome::Fail
        };
        Self { outcome, population, positive_control, seen: seen.into(), findings, commit: None }
    }

    /// Bound to the commit that the evidence names.
    #[must_use]
    pub fn of_commit(mut self, commit: Option<String>) -> Self {
        self.commit = commit;
        self
    }
}

/// A kind as a value: what the list of kinds holds.
#[derive(Clone, Copy)]
pub struct Kind {
    /// See [`Question::ID`].
    pub id: &'static str,
    /// See [`Question::QUESTION`].
    pub question: &'static str,
    /// See [`Question::VANTAGE`].
    pub vantage: Vantage,
    /// See [`Question::PATIENCE`].
    pub patience: Patience,
    /// See [`Question::EXPLANATION`].
    pub explanation: &'static str,
    /// See [`Question::EXAMPLES`].
    pub examples: &'static [Example],
    /// The names of its parameters; of those that it shares with other kinds only the ones in its examples.
    pub parameters: fn() -> BTreeSet<String>,
    /// Reads the parameters; the message names what is wrong with them.
    pub accepts: fn(&Json) -> Result<(), String>,
    /// Gathers the transcript.
    pub gather: fn(&World<'_>, &Json) -> Result<Json, Unasked>,
    /// Judges a transcript.
    pub judge: fn(&Json, &Json) -> Result<Judgement, Unasked>,
}

impl Kind {
    /// The kind of this question.
    pub const fn of<Q: Question>() -> Self {
        Self {
            id: Q::ID,
            question: Q::QUESTION,
            vantage: Q::VANTAGE,
            patience: Q::PATIENCE,
            explanation: Q::EXPLANATION,
            examples: Q::EXAMPLES,
            parameters: || {
                let own = fields::<Q::Asked>().iter().map(|name| (*name).to_owned());
                let examples = Q::EXAMPLES.iter().filter_map(|example| serde_json::from_str::<Value>(example.asked).ok());
                let shown = examples.flat_map(|asked| asked.as_object().map(|asked| asked.keys().cloned().collect::<Vec<_>>()));
                own.chain(shown.flatten()).collect()
            },
            accepts: |asked| asked.to::<Q::Asked>().map(drop).map_err(|error| error.to_string()),
            gather: |world, asked| {
                let asked = read::<Q::Asked>("parameters", asked)?;
                let seen = Q::gather(world, &asked)?;
                Json::from_value(&seen).map_err(|error| Unasked(format!("the transcript cannot be recorded: {error}")))
            },
            judge: |seen, asked| {
                let asked = read::<Q::Asked>("parameters", asked)?;
                let seen = read::<Q::Seen>("transcript", seen)?;
                Ok(Q::judge(&seen, &asked))
            },
        }
    }
}

/// The names of the fields of a type, by what it asks a deserialiser for; none of a type with flattened parts, which asks for a map.
fn fields<T: DeserializeOwned>() -> &'static [&'static str] {
    let mut names: &[&str] = &[];
    // It never gives a value, so this is always an error.
    let _ = T::deserialize(Listener(&mut names));
    names
}

struct Listener<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Listener<'_> {
    type Error = serde::de::value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
        Err(Self::Error::custom("only names are asked for"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        *self.0 = fields;
        self.deserialize_any(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct
        seq tuple tuple_struct map enum identifier ignored_any
    }
}

fn read<T: DeserializeOwned>(what: &str, json: &Json) -> Result<T, Unasked> {
    json.to().map_err(|error| Unasked(format!("the {what} cannot be read: {error}")))
}
