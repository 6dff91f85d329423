//! Holes in a template: `@@DAY+180@@` and the like.

use anyhow::{Context as _, bail};
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use chrono::{DateTime, Days, Duration, SecondsFormat, Utc};
use sha2::{Digest as _, Sha256};

use crate::{
    fixture::{self, Stream},
    repository::{Files, public_key},
};

const MARK: &str = "@@";

/// What fills the holes of one product.
pub(super) struct Holes<'a> {
    now: DateTime<Utc>,
    seed: u64,
    /// Texts by name; the first of a name counts.
    known: &'a [(&'a str, &'a str)],
}

impl<'a> Holes<'a> {
    pub(super) const fn new(now: DateTime<Utc>, seed: u64, known: &'a [(&'a str, &'a str)]) -> Self {
        Self { now, seed, known }
    }

    /// Fills the holes of every file; those that hold the digest of another file last.
    pub(super) fn fill_all(&self, files: &mut Files) -> anyhow::Result<()> {
        for (path, text) in files.iter_mut() {
            *text = self.fill(text).with_context(|| path.clone())?;
        }
        let filled = files.clone();
        for (path, text) in files.iter_mut() {
            *text = each(text, |hole| {
                let other = hole.strip_prefix("SHA256:").unwrap_or_default();
                let bytes = filled.get(other).with_context(|| format!("there is no `{other}` to digest"))?;
                if bytes.contains(MARK) {
                    bail!("`{other}` holds a digest itself");
                }
                Ok(Some(hex::encode(Sha256::digest(bytes))))
            })
            .with_context(|| path.clone())?;
        }
        Ok(())
    }

    /// Fills the holes of a text, but for digests of files.
    pub(super) fn fill(&self, text: &str) -> anyhow::Result<String> {
        each(text, |hole| self.value(hole))
    }

    fn value(&self, hole: &str) -> anyhow::Result<Option<String>> {
        if let Some((_, value)) = self.known.iter().find(|(name, _)| *name == hole) {
            return Ok(Some((*value).to_owned()));
        }
        if hole.starts_with("SHA256:") {
            return Ok(None);
        }
        if hole == "CA" {
            return Ok(Some("run/ca.pem".to_owned()));
        }
        if let Some(days) = hole.strip_prefix("DAY") {
            let days: i64 = number(days)?;
            let (today, away) = (self.now.date_naive(), Days::new(days.unsigned_abs()));
            let day = if days < 0 { today.checked_sub_days(away) } else { today.checked_add_days(away) };
            return Ok(Some(day.context("no such day")?.to_string()));
        }
        if let Some(seconds) = hole.strip_prefix("TIME") {
            let at = self.now.checked_add_signed(Duration::seconds(number(seconds)?)).context("no such time")?;
            return Ok(Some(at.to_rfc3339_opts(SecondsFormat::Secs, true)));
        }
        if let Some(person) = hole.strip_prefix("KEY_") {
            return Ok(Some(public_key(&fixture::person(self.seed, &person.to_lowercase()))));
        }
        let mut parts = hole.splitn(3, ':');
        let (Some(form), Some(label), Some(length)) = (parts.next(), parts.next(), parts.next()) else {
            bail!("nothing fills `@@{hole}@@`");
        };
        let length: usize = length.parse().with_context(|| format!("`{length}` is not a length"))?;
        let mut stream = Stream::new(self.seed, &format!("hole {label}"));
        Ok(Some(match form {
            "HEX" => hex::encode(stream.bytes(length)),
            "BASE64" => STANDARD_NO_PAD.encode(stream.bytes(length)),
            "BASE32" => stream
                .bytes(length)
                .iter()
                .map(|byte| char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[usize::from(byte % 32)]))
                .collect(),
            _ => bail!("nothing fills `@@{hole}@@`"),
        }))
    }
}

/// The text with every hole replaced by what the function says; a hole for which it says nothing stays.
fn each(text: &str, mut value: impl FnMut(&str) -> anyhow::Result<Option<String>>) -> anyhow::Result<String> {
    let (mut done, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, after)) = rest.split_once(MARK) {
        done.push_str(before);
        let (hole, behind) = after.split_once(MARK).context("a hole does not end")?;
        match value(hole)? {
            Some(filling) => done.push_str(&filling),
            None => done.extend([MARK, hole, MARK]),
        }
        rest = behind;
    }
    done.push_str(rest);
    Ok(done)
}

/// A number with its sign; nothing is zero.
fn number(text: &str) -> anyhow::Result<i64> {
    if text.is_empty() { Ok(0) } else { text.parse().with_context(|| format!("`{text}` is not a number")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-11-22T10:00:00Z".parse().unwrap()
    }

    #[test]
    fn days_times_people_and_random_texts_fill_their_holes() {
        let holes = Holes::new(now(), 1, &[("HTTP", "http://a")]);
        assert_eq!(holes.fill("@@DAY+180@@ @@DAY-22@@ @@DAY@@").unwrap(), "2027-05-21 2026-10-31 2026-11-22");
        assert_eq!(holes.fill("@@TIME-3600@@ @@HTTP@@ @@CA@@").unwrap(), "2026-11-22T09:00:00Z http://a run/ca.pem");
        assert!(holes.fill("@@KEY_ALICE@@").unwrap().starts_with("ssh-ed25519 "));
        let random = holes.fill("@@HEX:a:8@@ @@BASE32:b:16@@ @@BASE64:c:9@@").unwrap();
        let lengths: Vec<usize> = random.split(' ').map(str::len).collect();
        assert_eq!(lengths, [16, 16, 12]);
        assert_eq!(holes.fill("@@HEX:a:8@@").unwrap(), holes.fill("@@HEX:a:8@@").unwrap());
    }

    #[test]
    fn what_nothing_fills_is_told() {
        let holes = Holes::new(now(), 1, &[]);
        for wrong in ["@@HTTP@@", "@@X:a:1@@", "@@HEX:a:b@@", "@@DAY+x@@", "@@open"] {
            assert!(holes.fill(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_digest_is_that_of_the_finished_file() {
        let holes = Holes::new(now(), 1, &[]);
        let mut files = Files::from([("a".to_owned(), "@@SHA256:b@@".to_owned()), ("b".to_owned(), "@@DAY@@".to_owned())]);
        holes.fill_all(&mut files).unwrap();
        assert_eq!(files["a"], hex::encode(Sha256::digest("2026-11-22")));
    }
}
