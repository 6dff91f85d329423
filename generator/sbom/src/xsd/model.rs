//! The order of elements: a content model as an automaton, one state for each element that the schema names (Glushkov).
//!
//! Matching takes one step a child, whatever the document; nothing is tried twice.

use super::Declared;

/// A part of a content model, as the schema has it.
#[derive(Debug)]
pub(super) struct Particle {
    pub(super) optional: bool,
    pub(super) repeated: bool,
    pub(super) term: Term,
}

#[derive(Debug)]
pub(super) enum Term {
    Element {
        name: String,
        declared: Declared,
    },
    /// Anything of another namespace.
    Other,
    Sequence(Vec<Particle>),
    Choice(Vec<Particle>),
}

/// A content model.
pub(super) struct Model {
    pub(super) states: Vec<State>,
    first: Vec<usize>,
    /// Whether nothing at all is enough.
    nullable: bool,
}

/// A place of the content model.
pub(super) struct State {
    /// The element's name, with its declaration; none where anything of another namespace may stand.
    pub(super) element: Option<(String, Declared)>,
    next: Vec<usize>,
    is_last: bool,
}

/// What a part of a model is to what stands around it.
struct Fragment {
    nullable: bool,
    first: Vec<usize>,
    last: Vec<usize>,
}

impl Model {
    pub(super) fn of(particle: &Particle) -> Self {
        let mut model = Self { states: Vec::new(), first: Vec::new(), nullable: false };
        let whole = model.add(particle);
        for last in whole.last {
            if let Some(state) = model.states.get_mut(last) {
                state.is_last = true;
            }
        }
        (model.first, model.nullable) = (whole.first, whole.nullable);
        model
    }

    /// The model of an element that holds none.
    pub(super) const fn of_nothing() -> Self {
        Self { states: Vec::new(), first: Vec::new(), nullable: true }
    }

    fn add(&mut self, particle: &Particle) -> Fragment {
        let mut made = match &particle.term {
            Term::Element { name, declared } => self.state(Some((name.clone(), declared.clone()))),
            Term::Other => self.state(None),
            Term::Choice(parts) => {
                let mut made = Fragment { nullable: parts.is_empty(), first: Vec::new(), last: Vec::new() };
                for part in parts {
                    let part = self.add(part);
                    made.nullable |= part.nullable;
                    made.first.extend(part.first);
                    made.last.extend(part.last);
                }
                made
            }
            Term::Sequence(parts) => {
                let mut made = Fragment { nullable: true, first: Vec::new(), last: Vec::new() };
                for part in parts {
                    let part = self.add(part);
                    self.connect(&made.last, &part.first);
                    if made.nullable {
                        made.first.extend(&part.first);
                    }
                    if !part.nullable {
                        made.last.clear();
                    }
                    made.last.extend(part.last);
                    made.nullable &= part.nullable;
                }
                made
            }
        };
        if particle.repeated {
            self.connect(&made.last, &made.first);
        }
        made.nullable |= particle.optional;
        made
    }

    fn state(&mut self, element: Option<(String, Declared)>) -> Fragment {
        let at = self.states.len();
        self.states.push(State { element, next: Vec::new(), is_last: false });
        Fragment { nullable: false, first: vec![at], last: vec![at] }
    }

    fn connect(&mut self, from: &[usize], to: &[usize]) {
        for from in from {
            if let Some(state) = self.states.get_mut(*from) {
                state.next.extend(to.iter().filter(|to| !state.next.contains(to)).collect::<Vec<_>>());
            }
        }
    }

    /// The states that may follow; none reached yet is `None`.
    fn after(&self, reached: Option<&[usize]>) -> Vec<usize> {
        let mut next = match reached {
            None => self.first.clone(),
            Some(reached) => {
                reached.iter().filter_map(|at| self.states.get(*at)).flat_map(|state| &state.next).copied().collect()
            }
        };
        next.sort_unstable();
        next.dedup();
        next
    }

    /// The states that a child leads to: those of its name.
    pub(super) fn step(&self, reached: Option<&[usize]>, matches: impl Fn(&State) -> bool) -> Vec<usize> {
        let mut next = self.after(reached);
        next.retain(|at| self.states.get(*at).is_some_and(&matches));
        next
    }

    /// Whether the children may end here.
    pub(super) fn may_end(&self, reached: Option<&[usize]>) -> bool {
        match reached {
            None => self.nullable,
            Some(reached) => reached.iter().any(|at| self.states.get(*at).is_some_and(|state| state.is_last)),
        }
    }

    /// The elements that may follow, for a message.
    pub(super) fn expected(&self, reached: Option<&[usize]>) -> String {
        const NAMES_MAX: usize = 12;
        let next = self.after(reached);
        let names = next.iter().filter_map(|at| self.states.get(*at)?.element.as_ref().map(|(name, _)| format!("`{name}`")));
        let mut names: Vec<String> = names.collect();
        names.dedup();
        let more = if names.len() > NAMES_MAX { " and others" } else { "" };
        names.truncate(NAMES_MAX);
        if names.is_empty() { "nothing".to_owned() } else { format!("{}{more}", names.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::Kind, *};

    fn element(name: &str) -> Term {
        Term::Element { name: name.to_owned(), declared: Declared { kind: Kind::Simple(0), has_default: false } }
    }

    fn any_particle() -> impl Strategy<Value = Particle> {
        let leaf = prop::sample::select(vec!["a", "b", "c"]).prop_map(element);
        let leaf =
            (any::<bool>(), any::<bool>(), leaf).prop_map(|(optional, repeated, term)| Particle { optional, repeated, term });
        leaf.prop_recursive(3, 12, 3, |inner| {
            let parts = prop::collection::vec(inner, 1..4);
            (any::<bool>(), any::<bool>(), any::<bool>(), parts).prop_map(|(optional, repeated, choice, parts)| {
                let term = if choice { Term::Choice(parts) } else { Term::Sequence(parts) };
                Particle { optional, repeated, term }
            })
        })
    }

    /// Every place at which a particle can end that begins at one of these places: slow and obvious.
    fn ends(particle: &Particle, text: &[u8], starts: &[usize]) -> Vec<usize> {
        let once = |starts: &[usize]| -> Vec<usize> {
            match &particle.term {
                Term::Element { name, .. } => {
                    starts.iter().filter(|at| text.get(**at) == name.as_bytes().first()).map(|at| at + 1).collect()
                }
                Term::Other => Vec::new(),
                Term::Choice(parts) => parts.iter().flat_map(|part| ends(part, text, starts)).collect(),
                Term::Sequence(parts) => parts.iter().fold(starts.to_vec(), |starts, part| ends(part, text, &starts)),
            }
        };
        let mut found = once(starts);
        if particle.repeated {
            for _ in 0..=text.len() {
                found.extend(once(&found.clone()));
                found.sort_unstable();
                found.dedup();
            }
        }
        if particle.optional {
            found.extend(starts);
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    proptest! {
        #[test]
        fn a_model_accepts_what_a_slow_matcher_accepts(particle in any_particle(), text in "[abc]{0,6}") {
            let model = Model::of(&particle);
            let mut reached: Option<Vec<usize>> = None;
            let mut stuck = false;
            for byte in text.bytes() {
                let step = model.step(reached.as_deref(), |state| {
                    state.element.as_ref().is_some_and(|(name, _)| name.as_bytes() == [byte])
                });
                stuck |= step.is_empty();
                reached = Some(step);
            }
            let accepts = !stuck && model.may_end(reached.as_deref());
            prop_assert_eq!(accepts, ends(&particle, text.as_bytes(), &[0]).contains(&text.len()));
        }
    }
}
