//! The only clock of the workspace.

use anyhow::{Context as _, bail};
use avouch_model::Timestamp;

/// Now, by the wall clock.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_chrono(chrono::Utc::now())
}

/// The as-of time: what was asked for, otherwise now.
pub(crate) fn as_of(asked: Option<Timestamp>) -> Timestamp {
    asked.unwrap_or_else(now)
}

/// `SOURCE_DATE_EPOCH`, which sets the SBOM's timestamp and nothing else.
pub(crate) fn source_date_epoch() -> anyhow::Result<Option<Timestamp>> {
    let Ok(text) = std::env::var("SOURCE_DATE_EPOCH") else { return Ok(None) };
    let seconds: i64 =
        text.trim().parse().with_context(|| format!("SOURCE_DATE_EPOCH is `{text}`, not a number of seconds since 1970"))?;
    if seconds < 0 {
        bail!("SOURCE_DATE_EPOCH is `{text}`, not a number of seconds since 1970");
    }
    Ok(Some(Timestamp::from_unix(seconds)))
}
