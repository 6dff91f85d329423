//! Whether a version lies in what an advisory names (OSV schema, section "Evaluation").

use std::{cell::OnceCell, cmp::Ordering};

use crate::{Affected, Event, Range, RangeType, Scheme, Version};

/// Whether a version has what an advisory is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Membership {
    /// It does not.
    Unaffected,
    /// It cannot be told: a version that has no order, a range of commits alone.
    Undecided,
    /// It does.
    Affected,
}

/// The version of a component as it is asked about many times: read once by each scheme.
pub(crate) struct Candidate<'a> {
    text: &'a str,
    semver: OnceCell<Option<Version>>,
    pep440: OnceCell<Option<Version>>,
}

impl<'a> Candidate<'a> {
    pub(crate) const fn new(text: &'a str) -> Self {
        Self { text, semver: OnceCell::new(), pep440: OnceCell::new() }
    }

    /// None when it is no version of that scheme.
    fn by(&self, scheme: Scheme) -> Option<&Version> {
        let read = match scheme {
            Scheme::Semver => &self.semver,
            Scheme::Pep440 => &self.pep440,
        };
        read.get_or_init(|| Version::parse(scheme, self.text).ok()).as_ref()
    }
}

/// Whether this version of the package has what the advisory says of it.
///
/// A version that cannot be read is compared with listed versions as text; whether it lies in a range is undecided.
pub(crate) fn decide(affected: &Affected, version: &Candidate<'_>) -> Membership {
    if is_listed(affected, version) {
        return Membership::Affected;
    }
    let commits_alone = affected.versions.is_empty()
        && !affected.ranges.is_empty()
        && affected.ranges.iter().all(|range| range.r#type == RangeType::Git);
    if commits_alone {
        return Membership::Undecided;
    }
    let ordered = affected.ranges.iter().filter(|range| range.r#type != RangeType::Git);
    let decided = ordered.map(|range| match scheme(range, affected).and_then(|scheme| lies_within(range, scheme, version)) {
        Some(true) => Membership::Affected,
        Some(false) => Membership::Unaffected,
        None => Membership::Undecided,
    });
    decided.max().unwrap_or(Membership::Unaffected)
}

/// How a range orders versions; none where nothing here does.
const fn scheme(range: &Range, affected: &Affected) -> Option<Scheme> {
    match range.r#type {
        RangeType::Semver => Some(Scheme::Semver),
        RangeType::Ecosystem => affected.ecosystem.scheme(),
        RangeType::Git => None,
    }
}

fn is_listed(affected: &Affected, version: &Candidate<'_>) -> bool {
    if affected.versions.iter().any(|listed| **listed == *version.text) {
        return true;
    }
    let Some(scheme) = affected.ecosystem.scheme() else { return false };
    let same = |listed: &str| {
        let listed = Version::parse(scheme, listed).ok()?;
        Some(version.by(scheme)?.against(&listed)? == Ordering::Equal)
    };
    affected.versions.iter().any(|listed| same(listed) == Some(true))
}

/// None when the version or a bound has no place in the order.
///
/// The schema sorts the events and lets each that the version has reached say whether it is within; what the last of them says
/// stands, so the last is looked for and nothing is sorted. Of events at one version a beginning has the last word
/// over an end, so that `introduced 2, fixed 3, introduced 1, fixed 2` is of 2 as well; `introduced 2, fixed 2` is of nothing.
fn lies_within(range: &Range, scheme: Scheme, version: &Candidate<'_>) -> Option<bool> {
    let version = version.by(scheme)?;
    let mut limits = 0;
    let mut below_a_limit = false;
    // Where it changed last, and whether it began there; a bound of none is before all versions.
    let mut last: (Option<Version>, usize, bool) = (None, 0, false);
    for (place, event) in range.events.iter().enumerate() {
        let (bound, begins) = match event {
            Event::Introduced(bound) => (bound, true),
            Event::Fixed(bound) | Event::LastAffected(bound) => (bound, false),
            Event::Limit(bound) => {
                limits += 1;
                below_a_limit |= &**bound == "*" || version.against(&Version::parse(scheme, bound).ok()?)? == Ordering::Less;
                continue;
            }
        };
        let bound = if begins && &**bound == "0" { None } else { Some(Version::parse(scheme, bound).ok()?) };
        let order = bound.as_ref().map_or(Some(Ordering::Greater), |bound| version.against(bound))?;
        let is_reached = match event {
            Event::LastAffected(_) => order == Ordering::Greater,
            _ => order != Ordering::Less,
        };
        let is_later = match (&bound, &last.0) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(bound), Some(known)) => match bound.against(known)? {
                Ordering::Equal => rank(range, scheme, place, begins) >= rank(range, scheme, last.1, last.2),
                order => order == Ordering::Greater,
            },
        };
        if is_reached && is_later {
            last = (bound, place, begins);
        }
    }
    Some(last.2 && (limits == 0 || below_a_limit))
}

/// The order of events at one version: what ends where it begins, as two events that follow each other; other ends; other beginnings.
fn rank(range: &Range, scheme: Scheme, place: usize, begins: bool) -> u8 {
    let first = if begins { Some(place) } else { place.checked_sub(1) };
    let pair = first.and_then(|first| Some((range.events.get(first)?, range.events.get(first + 1)?)));
    let ends_there = |begun: &str, ended: &str| {
        let read = |text| Version::parse(scheme, text).ok();
        begun != "0" && read(begun).zip(read(ended)).is_some_and(|(begun, ended)| begun.against(&ended) == Some(Ordering::Equal))
    };
    match pair {
        Some((Event::Introduced(begun), Event::Fixed(ended) | Event::LastAffected(ended))) if ends_there(begun, ended) => 0,
        _ => 1 + u8::from(begins),
    }
}

/// The first version after this one in which the advisory says that it is fixed.
pub(crate) fn fixed_after<'a>(affected: &'a Affected, version: &Candidate<'_>) -> Option<&'a str> {
    let mut best: Option<(Version, &str)> = None;
    for range in &affected.ranges {
        let Some(scheme) = scheme(range, affected) else { continue };
        let Some(version) = version.by(scheme) else { continue };
        for event in &range.events {
            let Event::Fixed(text) = event else { continue };
            let Ok(fixed) = Version::parse(scheme, text) else { continue };
            let later = version.against(&fixed) == Some(Ordering::Less);
            let sooner = best.as_ref().is_none_or(|(best, _)| fixed.against(best) == Some(Ordering::Less));
            if later && sooner {
                best = Some((fixed, text));
            }
        }
    }
    best.map(|(_, text)| text)
}

#[cfg(test)]
mod tests;
