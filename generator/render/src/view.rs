//! What rendering sees: only what is public, all of it as an argument.

use std::collections::BTreeSet;

use avouch_model::{
    Digest, Timestamp, assessment::Assessment, catalogue::Localised, payload::Recorded, payload::Scope, state::Outcome,
};

/// Everything that the site is made from. Two equal views give the same bytes.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// The scope in force: product, catalogue, unfilled slots, retention and disclosure promises.
    pub scope: &'a Scope,
    /// How everything stands, and as of when.
    pub assessment: &'a Assessment,
    /// The record, in order of index. Payloads that are sealed or withdrawn are `Payload::Absent`. `site` entries after the
    /// last entry of another kind are not shown (see [`shown`]).
    pub entries: &'a [Recorded],
    /// The log that the pages speak of.
    pub log: LogFacts<'a>,
    /// Where the site will be reached, `https://trust.example.com`; none: absolute addresses are left out.
    pub base_url: Option<&'a str>,
    /// The kinds of check, each with its page.
    pub kinds: &'a [KindText<'a>],
    /// The kill matrix: every example of every kind, and what its judge said of it.
    pub kills: &'a [Kill<'a>],
    /// How claims of this product were tried on products of avouch's own; claims that are not here were not.
    pub trials: &'a [Trial<'a>],
    /// The program that was tried, `avouch 0.1.0`.
    pub trials_program: &'a str,
    /// The product's own threat model, Markdown; none: the table of threats stands alone.
    pub threat_model: Option<&'a Localised>,
    /// When `security.txt` expires (RFC 9116 section 2.5.5): less than a year ahead; the caller renews it.
    pub security_txt_expires: Timestamp,
    /// The payloads with a signed statement at `dsse/sha256/ab/<hex>.json`.
    pub statements: &'a BTreeSet<Digest>,
    /// The bytes of a public payload; only asked for BOMs, once each.
    pub payload_bytes: &'a dyn Fn(&Digest) -> Option<Vec<u8>>,
}

/// The log that the pages speak of: at the size that [`shown`] gives, so that publishing does not change them.
#[derive(Clone, Copy, Debug)]
pub struct LogFacts<'a> {
    /// Its origin, the first line of the checkpoint.
    pub origin: &'a str,
    /// How many entries it has.
    pub entries: u64,
    /// The root of its Merkle tree at that size; none in a preview of an empty log.
    pub root: Option<Digest>,
    /// The verifier key (C2SP signed-note vkey).
    pub verifier_key: &'a str,
}

/// A kind of check as people read about it.
#[derive(Clone, Copy, Debug)]
pub struct KindText<'a> {
    /// The id, `http.rate-limit`.
    pub id: &'a str,
    /// What it asks, in English.
    pub question: &'a str,
    /// Its page, Markdown, in English.
    pub explanation: &'a str,
}

/// One row of the kill matrix.
#[derive(Clone, Copy, Debug)]
pub struct Kill<'a> {
    /// The kind.
    pub kind: &'a str,
    /// What the example shows, in English.
    pub example: &'a str,
    /// What its judge must say.
    pub expected: Outcome,
    /// What its judge said.
    pub got: Outcome,
}

/// How one claim was tried: what was broken in a reference product, and turned it.
#[derive(Clone, Debug)]
pub struct Trial<'a> {
    /// The claim's id.
    pub claim: &'a str,
    /// The defects, each by its name and what it changed, in English.
    pub defects: Vec<(&'a str, &'a str)>,
}

/// The entries that pages show: all up to the last that is not a `site` entry. A `site` entry commits to the pages, so
/// pages that showed it would have to change whenever they are published.
pub fn shown(entries: &[Recorded]) -> &[Recorded] {
    let end = entries
        .iter()
        .rposition(|recorded| recorded.entry.kind != avouch_model::entry::EntryKind::Site)
        .map_or(0, |last| last + 1);
    entries.get(..end).unwrap_or_default()
}
