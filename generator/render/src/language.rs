//! The languages of the site: words, dates, numbers and lengths of time as each writes them.

use avouch_model::{Span, Timestamp, time::Day};
use chrono::{Datelike as _, Timelike as _};

use crate::words::{ENGLISH, FRENCH, Words};

/// A language that the site speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Language {
    /// English.
    En,
    /// French.
    Fr,
}

const MONTHS_EN: [&str; 12] =
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
const MONTHS_FR: [&str; 12] =
    ["janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre"];
const SHORT_EN: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const SHORT_FR: [&str; 12] = ["janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc."];

impl Language {
    /// Both, in the order of the language links.
    pub(crate) const ALL: [Self; 2] = [Self::En, Self::Fr];

    /// The BCP 47 tag, which is also the folder.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Fr => "fr",
        }
    }

    /// What its speakers call it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::En => "English",
            Self::Fr => "Français",
        }
    }

    /// The words of the pages.
    pub(crate) const fn words(self) -> &'static Words {
        match self {
            Self::En => &ENGLISH,
            Self::Fr => &FRENCH,
        }
    }

    /// Text of a mapping, set as this language is: a curled apostrophe within a word, and in French spaces that never break
    /// before `:` `;` `?` `!`, within quotation marks and within numbers. Mappings are typed without them.
    pub(crate) fn set(self, text: &str) -> String {
        let characters: Vec<char> = text.chars().collect();
        let french = self == Self::Fr;
        let mut out = String::with_capacity(text.len() + 8);
        for (at, &character) in characters.iter().enumerate() {
            let before = at.checked_sub(1).and_then(|at| characters.get(at)).copied().unwrap_or('\n');
            let after = characters.get(at + 1).copied().unwrap_or('\n');
            out.push(match character {
                '\'' if before.is_alphabetic() && after.is_alphabetic() => '\u{2019}',
                ' ' if french && matches!(after, ';' | '?' | '!') => '\u{202f}',
                ' ' if french && (matches!(after, ':' | '»') || before == '«') => '\u{a0}',
                ' ' if french && before.is_ascii_digit() && is_group(characters.get(at + 1..)) => '\u{202f}',
                other => other,
            });
        }
        out
    }

    /// `21 November 2026`, `21 novembre 2026`, `1er mars 2026`.
    pub(crate) fn day(self, day: Day) -> String {
        self.date(day, &MONTHS_EN, &MONTHS_FR)
    }

    /// `21 Nov 2026`, `21 nov. 2026`: for tables.
    pub(crate) fn day_short(self, day: Day) -> String {
        self.date(day, &SHORT_EN, &SHORT_FR)
    }

    fn date(self, day: Day, english: &[&str; 12], french: &[&str; 12]) -> String {
        let date = day.chrono();
        let month = date.month0() as usize;
        let (name, first) = match self {
            Self::En => (english.get(month), ""),
            Self::Fr => (french.get(month), if date.day() == 1 { "er" } else { "" }),
        };
        format!("{}{first}\u{a0}{}\u{a0}{}", date.day(), name.unwrap_or(&""), date.year())
    }

    /// `06:02 UTC`, `6 h 02 UTC`.
    pub(crate) fn clock(self, at: Timestamp) -> String {
        let time = at.chrono();
        match self {
            Self::En => format!("{:02}:{:02}\u{a0}UTC", time.hour(), time.minute()),
            Self::Fr => format!("{}\u{a0}h\u{a0}{:02}\u{a0}UTC", time.hour(), time.minute()),
        }
    }

    /// `21 November 2026 at 06:02 UTC`, `21 novembre 2026 à 6 h 02 UTC`.
    pub(crate) fn instant(self, at: Timestamp) -> String {
        let between = match self {
            Self::En => "at",
            Self::Fr => "à",
        };
        format!("{} {between} {}", self.day(at.day()), self.clock(at))
    }

    /// `21 Nov 2026, 06:02`, for tables whose heading says UTC.
    pub(crate) fn instant_short(self, at: Timestamp) -> String {
        let time = at.chrono();
        format!("{}, {:02}:{:02}", self.day_short(at.day()), time.hour(), time.minute())
    }

    /// `184,220`, `184 220` (with a narrow no-break space).
    pub(crate) fn number(self, number: u64) -> String {
        let digits = number.to_string();
        let separator = match self {
            Self::En => ',',
            Self::Fr => '\u{202f}',
        };
        let mut out = String::with_capacity(digits.len() + 4);
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                out.push(separator);
            }
            out.push(digit);
        }
        out
    }

    /// `24 months`, `24 mois`.
    pub(crate) fn span(self, span: Span) -> String {
        match self {
            Self::En => span.to_string().replace(' ', "\u{a0}"),
            Self::Fr => french_span(span),
        }
    }

    /// As [`Self::span`], with lengths of up to three days in hours: a promise of 48 hours is not one of two days.
    pub(crate) fn promise(self, span: Span) -> String {
        match span {
            Span::Seconds(seconds) if seconds > 3_600 && seconds <= 72 * 3_600 && seconds.is_multiple_of(3_600) => {
                let hours = self.number(seconds / 3_600);
                match self {
                    Self::En => format!("{hours}\u{a0}hours"),
                    Self::Fr => format!("{hours}\u{a0}heures"),
                }
            }
            _ => self.span(span),
        }
    }

    /// The form for this count: French counts zero with one.
    pub(crate) const fn plural(self, count: u64, one: &'static str, many: &'static str) -> &'static str {
        match (self, count) {
            (_, 1) | (Self::Fr, 0) => one,
            _ => many,
        }
    }
}

fn french_span(span: Span) -> String {
    // Read from the English so that both languages always choose the same unit.
    let english = span.to_string();
    let (count, unit) = english.split_once(' ').unwrap_or((&english, ""));
    let several = if count == "1" || count == "0" { "" } else { "s" };
    let unit = match unit.trim_end_matches('s') {
        "year" => format!("an{several}"),
        "month" => "mois".to_owned(),
        "day" => format!("jour{several}"),
        "hour" => format!("heure{several}"),
        "minute" => format!("minute{several}"),
        _ => format!("seconde{several}"),
    };
    format!("{count}\u{a0}{unit}")
}

/// Whether a number goes on here: three digits and no fourth.
fn is_group(rest: Option<&[char]>) -> bool {
    let digits = rest.unwrap_or_default().iter().take_while(|character| character.is_ascii_digit()).count();
    digits == 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mappings_are_set_as_their_language_is() {
        let set = |text| Language::Fr.set(text);
        assert_eq!(set("L'API tient-elle ? Oui : « 1 000 »"), "L’API tient-elle\u{202f}? Oui\u{a0}: «\u{a0}1\u{202f}000\u{a0}»");
        assert_eq!(set("en 2026 12 clés, 'x'"), "en 2026 12 clés, 'x'");
        assert_eq!(Language::En.set("the host's 1 000 : x"), "the host’s 1 000 : x");
    }

    #[test]
    fn dates_are_spelled_as_each_language_does() {
        let at: Timestamp = "2026-11-21T06:02:00Z".parse().unwrap();
        assert_eq!(Language::En.instant(at).replace('\u{a0}', " "), "21 November 2026 at 06:02 UTC");
        assert_eq!(Language::Fr.instant(at).replace('\u{a0}', " "), "21 novembre 2026 à 6 h 02 UTC");
        let first: Day = "2027-03-01".parse().unwrap();
        assert_eq!(Language::Fr.day(first), "1er\u{a0}mars\u{a0}2027");
        assert_eq!(Language::En.day_short(first), "1\u{a0}Mar\u{a0}2027");
    }

    #[test]
    fn numbers_are_grouped_as_each_language_does() {
        assert_eq!(Language::En.number(9_410_008), "9,410,008");
        assert_eq!(Language::Fr.number(184_220), "184\u{202f}220");
        assert_eq!(Language::En.number(999), "999");
    }

    #[test]
    fn a_promise_of_48_hours_is_not_one_of_two_days() {
        let span: Span = "48h".parse().unwrap();
        assert_eq!(Language::En.promise(span), "48\u{a0}hours");
        assert_eq!(Language::Fr.promise(span), "48\u{a0}heures");
        assert_eq!(Language::Fr.promise("14d".parse().unwrap()), "14\u{a0}jours");
        assert_eq!(Language::Fr.span("24 months".parse().unwrap()), "24\u{a0}mois");
        assert_eq!(Language::Fr.span("1h".parse().unwrap()), "1\u{a0}heure");
    }
}
