//! Whether a version lies in what an advisory names (OSV schema, section "Evaluation").

use std::cmp::Ordering;

use crate::{Affected, Ecosystem, Event, Range, RangeType, Scheme, Version};

/// Whether a version has what an advisory is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Membership {
    /// It does not.
    Unaffected,
    /// It cannot be told: a version that has no order, a range of commits alone.
    Undecided,
    /// It does.
    Affected,
}

/// Whether this version of the package has what the advisory says of it.
///
/// A version that cannot be read is compared with listed versions as text; whether it lies in a range is undecided.
pub fn decide(affected: &Affected, version: &str) -> Membership {
    let scheme = affected.ecosystem.scheme();
    if is_listed(affected, version, scheme) {
        return Membership::Affected;
    }
    let commits_alone = affected.versions.is_empty()
        && !affected.ranges.is_empty()
        && affected.ranges.iter().all(|range| range.r#type == RangeType::Git);
    if commits_alone {
        return Membership::Undecided;
    }
    let ordered = affected.ranges.iter().filter(|range| range.r#type != RangeType::Git);
    ordered.map(|range| decide_range(range, &affected.ecosystem, version)).max().unwrap_or(Membership::Unaffected)
}

/// Whether a version lies in one range.
pub fn decide_range(range: &Range, ecosystem: &Ecosystem, version: &str) -> Membership {
    let scheme = match range.r#type {
        RangeType::Semver => Some(Scheme::Semver),
        RangeType::Ecosystem => ecosystem.scheme(),
        RangeType::Git => None,
    };
    scheme
        .and_then(|scheme| lies_within(range, scheme, version))
        .map_or(Membership::Undecided, |within| if within { Membership::Affected } else { Membership::Unaffected })
}

fn is_listed(affected: &Affected, version: &str, scheme: Option<Scheme>) -> bool {
    if affected.versions.iter().any(|listed| **listed == *version) {
        return true;
    }
    let parse = |text: &str| Version::parse(scheme?, text).ok();
    let Some(version) = parse(version) else { return false };
    let same = |listed: &str| parse(listed).is_some_and(|listed| version.against(&listed) == Some(Ordering::Equal));
    affected.versions.iter().any(|listed| same(listed))
}

/// None when the version or a bound has no place in the order.
fn lies_within(range: &Range, scheme: Scheme, version: &str) -> Option<bool> {
    let version = Version::parse(scheme, version).ok()?;
    let against = |bound: &str| version.against(&Version::parse(scheme, bound).ok()?);
    let mut turns: Vec<Turn> = Vec::with_capacity(range.events.len());
    let mut limits = 0;
    let mut below_a_limit = false;
    for event in &range.events {
        match event {
            Event::Introduced(bound) if &**bound == "0" => turns.push(Turn { bound: None, what: What::Begins }),
            Event::Introduced(bound) => turns.push(Turn::at(scheme, bound, What::Begins)?),
            Event::Fixed(bound) => turns.push(Turn::at(scheme, bound, What::Ends)?),
            Event::LastAffected(bound) => turns.push(Turn::at(scheme, bound, What::EndsAfter)?),
            Event::Limit(bound) => {
                limits += 1;
                below_a_limit |= &**bound == "*" || against(bound)? == Ordering::Less;
            }
        }
    }
    if limits > 0 && !below_a_limit {
        return Some(false);
    }
    // Stable: events at one version count in the order in which they are written.
    turns.sort_by(Turn::order);
    let mut within = false;
    for turn in &turns {
        let order = turn.bound.as_ref().map_or(Some(Ordering::Greater), |bound| version.against(bound))?;
        match turn.what {
            What::Begins if order != Ordering::Less => within = true,
            What::Ends if order != Ordering::Less => within = false,
            What::EndsAfter if order == Ordering::Greater => within = false,
            _ => {}
        }
    }
    Some(within)
}

/// A version at which it begins or ends.
struct Turn {
    /// None: before all versions.
    bound: Option<Version>,
    what: What,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Begins,
    Ends,
    EndsAfter,
}

impl Turn {
    fn at(scheme: Scheme, bound: &str, what: What) -> Option<Self> {
        Some(Self { bound: Some(Version::parse(scheme, bound).ok()?), what })
    }

    fn order(one: &Self, two: &Self) -> Ordering {
        match (&one.bound, &two.bound) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(one), Some(two)) => one.against(two).unwrap_or(Ordering::Equal),
        }
    }
}

/// The first version after this one in which the advisory says that it is fixed.
pub(crate) fn fixed_after(affected: &Affected, version: &str) -> Option<Box<str>> {
    let mut best: Option<(Version, &str)> = None;
    for range in &affected.ranges {
        let scheme = match range.r#type {
            RangeType::Semver => Some(Scheme::Semver),
            RangeType::Ecosystem => affected.ecosystem.scheme(),
            RangeType::Git => None,
        };
        let Some(scheme) = scheme else { continue };
        let Ok(version) = Version::parse(scheme, version) else { continue };
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
    best.map(|(_, text)| text.into())
}

#[cfg(test)]
mod tests;
