//! A number that the profile states, or that a file of the product does.

use avouch_read::structured::Value;
use serde::Deserialize;

use super::config_value;
use crate::{Unasked, World, parameters::Globs, selector::Selector, sources::FILE_BYTES_MAX};

/// A number, or where the product's own configuration has it: what is promised is then what that file says.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Figure {
    /// The profile's number.
    Number(u64),
    /// The number at this path of these files; where there are several, all say the same.
    Of(From),
}

/// A place in the product's configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct From {
    file: Globs,
    at: Selector,
}

impl Figure {
    /// The number that was seen in the file, or else the profile's.
    pub(super) fn seen(&self, in_file: Option<u64>) -> u64 {
        match self {
            Self::Number(number) => *number,
            Self::Of(_) => in_file.unwrap_or(u64::MAX),
        }
    }

    /// The number; an error when no file says it, or two say different ones.
    pub(super) fn number(&self, world: &World<'_>) -> Result<u64, Unasked> {
        let from = match self {
            Self::Number(number) => return Ok(*number),
            Self::Of(from) => from,
        };
        let mut told = None;
        for path in world.matching(&from.file, &Globs::default())? {
            let document = world.document(&path, config_value::form(&path)?, FILE_BYTES_MAX)?;
            for node in from.at.select(&document.root) {
                let number = match node.value {
                    Value::Number(_) | Value::Text(_) => node.as_integer().and_then(|number| u64::try_from(number).ok()),
                    _ => None,
                };
                let place = document.place(node);
                match (number, told) {
                    (None, _) => return Err(Unasked(format!("{place} is no whole number"))),
                    (Some(number), Some(other)) if number != other => {
                        return Err(Unasked(format!("{place} says {number}, and another place {other}")));
                    }
                    (number, _) => told = number,
                }
            }
        }
        told.ok_or_else(|| Unasked(format!("no number is at `{}` of {}", from.at.as_str(), from.file.shown())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;

    #[test]
    fn a_number_comes_from_the_profile_or_from_a_file_that_says_one() {
        let read = |text: &str, figure: &str| {
            let figure: Figure = serde_json::from_str(figure).unwrap();
            Scene::of([("a.json", text)]).with(|world| figure.number(world))
        };
        let from = r#"{"file":"*.json","at":"*.limit"}"#;
        assert_eq!(read("{}", "60"), Ok(60));
        assert_eq!(read(r#"{"a":{"limit":7}}"#, from), Ok(7));
        assert!(read("{}", from).unwrap_err().0.contains("no number"));
        assert!(read(r#"{"a":{"limit":7},"b":{"limit":8}}"#, from).unwrap_err().0.contains("another place"));
        assert!(read(r#"{"a":{"limit":-7}}"#, from).unwrap_err().0.contains("no whole number"));
    }
}
