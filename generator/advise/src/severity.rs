//! How grave a vulnerability is.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A rating, in order (CVSS 3.1, section 5; CVSS 4.0, section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rating {
    /// A score of 0: nothing is at risk.
    None,
    /// A score below 4.
    Low,
    /// A score below 7.
    Medium,
    /// A score below 9.
    High,
    /// A score of 9 and more.
    Critical,
}

/// The text is no rating.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no rating; one of low, medium, high, critical")]
pub struct NotARating(pub String);

impl Rating {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// The rating that a database's own word names.
    fn of_word(word: &str) -> Option<Self> {
        Some(match word.trim().to_ascii_lowercase().as_str() {
            "none" => Self::None,
            "low" | "minor" => Self::Low,
            "moderate" | "medium" => Self::Medium,
            "high" | "important" | "major" => Self::High,
            "critical" => Self::Critical,
            _ => return None,
        })
    }
}

impl fmt::Display for Rating {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Rating {
    type Err = NotARating;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Low, Self::Medium, Self::High, Self::Critical]
            .into_iter()
            .find(|rating| rating.name() == text)
            .ok_or_else(|| NotARating(text.to_owned()))
    }
}

/// The severity of a match.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Severity {
    /// The rating; none where nobody says, which is no reason to let it pass.
    pub rating: Option<Rating>,
    /// The score in tenths, 0 to 100, where a vector gives one.
    pub tenths: Option<u8>,
    /// The vector that the score is of.
    pub vector: Option<String>,
}

impl Severity {
    /// The gravest of what vectors say, by the scoring of their version (CVSS 2.0, 3.0, 3.1, 4.0); otherwise the gravest of the
    /// databases' own words.
    pub(crate) fn of<'a>(vectors: impl IntoIterator<Item = &'a str>, words: impl IntoIterator<Item = &'a str>) -> Self {
        let scored = vectors
            .into_iter()
            .filter_map(|text| Some((score(text)?, text)))
            .max_by_key(|((tenths, rating), _)| (*rating, *tenths));
        if let Some(((tenths, rating), vector)) = scored {
            return Self { rating: Some(rating), tenths: Some(tenths), vector: Some(vector.to_owned()) };
        }
        Self { rating: words.into_iter().filter_map(Rating::of_word).max(), tenths: None, vector: None }
    }

    /// Whether it is at least as grave as this; what nobody rated is.
    pub fn reaches(&self, least: Rating) -> bool {
        self.rating.is_none_or(|rating| rating >= least)
    }

    /// The word for it: `high`, or `unknown`.
    pub fn name(&self) -> &'static str {
        self.rating.map_or("unknown", Rating::name)
    }

    /// The score as people write it, `7.5`.
    pub fn score(&self) -> Option<String> {
        self.tenths.map(|tenths| format!("{}.{}", tenths / 10, tenths % 10))
    }
}

/// The score in tenths and the rating of a vector; none when it is none.
fn score(vector: &str) -> Option<(u8, Rating)> {
    let vector = vector.trim();
    let vector = vector.strip_prefix('(').and_then(|vector| vector.strip_suffix(')')).unwrap_or(vector);
    let cvss: cvss::Cvss = vector.parse().ok()?;
    let score = cvss.score();
    let tenths = (1..=100_u8).rev().find(|tenths| f64::from(*tenths) / 10.0 <= score + 0.000_1).unwrap_or(0);
    // The National Vulnerability Database rates version 2, which has no ratings of its own, by three steps.
    let rating = match tenths {
        0 => Rating::None,
        1..40 => Rating::Low,
        40..70 => Rating::Medium,
        70..90 => Rating::High,
        _ if matches!(cvss, cvss::Cvss::CvssV20(_)) => Rating::High,
        _ => Rating::Critical,
    };
    Some((tenths, rating))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rated(vectors: &[&str], words: &[&str]) -> (&'static str, Option<String>) {
        let severity = Severity::of(vectors.iter().copied(), words.iter().copied());
        (severity.name(), severity.score())
    }

    #[test]
    fn every_version_of_cvss_is_scored() {
        for (vector, score, name) in [
            ("AV:N/AC:L/Au:N/C:C/I:C/A:C", "10.0", "high"),
            ("AV:L/AC:M/Au:N/C:N/I:P/A:C", "5.4", "medium"),
            ("CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "9.8", "critical"),
            ("CVSS:3.1/AV:L/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H", "6.2", "medium"),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", "0.0", "none"),
            ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H", "10.0", "critical"),
            ("CVSS:4.0/AV:N/AC:L/AT:N/PR:H/UI:N/VC:L/VI:L/VA:N/SC:N/SI:N/SA:N", "5.1", "medium"),
        ] {
            assert_eq!(rated(&[vector], &["critical"]), (name, Some(score.to_owned())), "{vector}");
        }
    }

    #[test]
    fn the_gravest_counts_and_words_stand_in() {
        let (low, high) = ("CVSS:3.1/AV:L/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H");
        assert_eq!(rated(&[high, low], &[]).0, "high");
        assert_eq!(rated(&["CVSS:9.9/X:Y"], &["MODERATE", "LOW"]), ("medium", None));
    }

    #[test]
    fn what_nobody_rated_reaches_everything() {
        let unknown = Severity::of(["nonsense"], ["whatever"]);
        assert_eq!(unknown.name(), "unknown");
        assert!(unknown.reaches(Rating::Critical));
        assert!(!Severity::of([], ["low"]).reaches(Rating::Medium));
    }
}
