//! A document against a schema.

use std::collections::HashMap;

use super::{Complex, Content, Declared, Kind, Schema, Wildcard, model::Model, simple::Simple};
use crate::xml_tree::{Element, Name, is_space};

/// Attributes that speak of the schema, in any document.
const INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// What may refer to something that is not in the document, as in the specification's own examples.
const OPEN: [&str; 3] = ["attestations", "evidence", "formulation"];

/// What a check found.
#[derive(Default)]
pub(crate) struct Checked {
    /// What is wrong, and the byte where.
    pub(crate) wrong: Vec<(usize, String)>,
    /// What refers to a `bom-ref` of the same document, and the byte where.
    pub(crate) links: Vec<(usize, String)>,
    most: usize,
}

impl Schema {
    /// Everything that is wrong with a document, at most `most` faults. Of one that is cut off: what is wrong however it goes on.
    ///
    /// # Errors
    /// When the document uses what is not checked (`xsi:type`, `xsi:nil`), so that nothing can be told of it.
    pub(crate) fn check(&self, root: &Element, most: usize) -> Result<Checked, String> {
        let mut found = Checked { most, ..Checked::default() };
        refuse_instance_types(root)?;
        match self.elements.get(&*root.name.local) {
            Some(declared) if *root.name.namespace == *self.target => self.check_element(root, declared, &mut found),
            _ => found.tell(root, format!("the document's element is `{}`, which the schema does not declare", root.name.local)),
        }
        unique(root, &mut HashMap::new(), &mut found);
        Ok(found)
    }

    fn check_element(&self, element: &Element, declared: &Declared, found: &mut Checked) {
        if found.is_full() {
            return;
        }
        match declared.kind {
            Kind::Anything => element.children.iter().for_each(|child| self.lax(child, found)),
            Kind::Simple(kind) => {
                for attribute in element.attributes.iter().filter(|it| *it.name.namespace != *INSTANCE) {
                    found.tell(element, format!("`{}` has no attribute `{}`", element.name.local, attribute.name.local));
                }
                self.value(element, kind, declared.has_default, found);
            }
            Kind::Complex(at) => {
                let Some(complex) = self.complex.get(at) else { return };
                let links = found.links.len();
                self.check_attributes(element, complex, found);
                match &complex.content {
                    Content::Empty => self.children(element, &Model::of_nothing(), found),
                    Content::Value(kind) => self.value(element, *kind, declared.has_default, found),
                    Content::Elements(model) => self.children(element, model, found),
                }
                let is_value = matches!(complex.content, Content::Value(_));
                if !complex.mixed && !is_value && !element.text.chars().all(is_space) {
                    found.tell(element, format!("`{}` holds elements, not text", element.name.local));
                }
                if OPEN.contains(&&*element.name.local) {
                    found.links.truncate(links);
                }
            }
        }
    }

    /// An element that holds a value.
    fn value(&self, element: &Element, kind: usize, has_default: bool, found: &mut Checked) {
        if let Some(child) = element.children.first() {
            found.tell(child, format!("`{}` does not stand here; `{}` holds a text", child.name.local, element.name.local));
            return;
        }
        // Of a text that is cut off nobody knows how it goes on.
        if !(has_default && element.text.is_empty())
            && element.cut.is_none()
            && let Some(wrong) = self.wrong(kind, &element.text)
        {
            found.tell(element, format!("`{}`: {}", element.name.local, shortened(&wrong)));
        }
        if self.is_link(kind) {
            found.links.push((element.at, element.text.clone()));
        }
    }

    fn check_attributes(&self, element: &Element, complex: &Complex, found: &mut Checked) {
        for attribute in &element.attributes {
            let name = &attribute.name;
            let used = complex.attributes.iter().find(|it| name.namespace.is_empty() && *it.name == *name.local);
            if let Some(used) = used {
                if let Some(wrong) = self.wrong(used.kind, &attribute.value) {
                    found.tell(element, format!("attribute `{}`: {}", name.local, shortened(&wrong)));
                }
                if self.is_link(used.kind) {
                    found.links.push((element.at, attribute.value.clone()));
                }
            } else if *name.namespace != *INSTANCE && !complex.any_attribute.is_some_and(|any| self.lets_in(any, name)) {
                found.tell(element, format!("`{}` has no attribute `{}`", element.name.local, name.local));
            }
        }
        for used in complex.attributes.iter().filter(|used| used.required && element.attribute(&used.name).is_none()) {
            found.tell(element, format!("`{}` lacks the attribute `{}`", element.name.local, used.name));
        }
    }

    fn is_link(&self, kind: usize) -> bool {
        let among = |kinds: &[usize]| self.link.is_some_and(|link| kinds.contains(&link));
        among(&[kind]) || matches!(self.simple.get(kind), Some(Simple::Union(kinds)) if among(kinds))
    }

    fn lets_in(&self, wildcard: Wildcard, name: &Name) -> bool {
        wildcard == Wildcard::Any || (!name.namespace.is_empty() && *name.namespace != *self.target)
    }

    fn children(&self, element: &Element, model: &Model, found: &mut Checked) {
        let mut reached: Option<Vec<usize>> = None;
        for child in &element.children {
            let is_other = self.lets_in(Wildcard::Other, &child.name);
            let next = model.step(reached.as_deref(), |state| match &state.element {
                Some((name, _)) => *child.name.namespace == *self.target && *child.name.local == **name,
                None => is_other,
            });
            let Some(state) = next.first().and_then(|at| model.states.get(*at)) else {
                let expected = model.expected(reached.as_deref());
                found.tell(child, format!("`{}` does not stand here; what may: {expected}", child.name.local));
                return;
            };
            match &state.element {
                Some((_, declared)) => self.check_element(child, declared, found),
                None => self.lax(child, found),
            }
            reached = Some(next);
        }
        if element.cut.is_none() && !model.may_end(reached.as_deref()) {
            let expected = model.expected(reached.as_deref());
            found.tell(element, format!("`{}` ends too early; what lacks: {expected}", element.name.local));
        }
    }

    /// What a wildcard let in: known elements within it are checked, others are not.
    fn lax(&self, element: &Element, found: &mut Checked) {
        match self.elements.get(&*element.name.local) {
            Some(declared) if *element.name.namespace == *self.target => self.check_element(element, declared, found),
            _ => element.children.iter().for_each(|child| self.lax(child, found)),
        }
    }
}

impl Checked {
    fn is_full(&self) -> bool {
        self.wrong.len() >= self.most
    }

    fn tell(&mut self, element: &Element, message: String) {
        if !self.is_full() {
            self.wrong.push((element.at, message));
        }
    }
}

/// The one identity constraint of the schemas: every `bom-ref` is given once.
fn unique<'a>(element: &'a Element, seen: &mut HashMap<&'a str, usize>, found: &mut Checked) {
    for child in &element.children {
        if let Some(reference) = child.attribute("bom-ref")
            && seen.insert(reference, child.at).is_some()
        {
            found.tell(child, format!("the bom-ref `{}` is given twice", shortened(reference)));
        }
        unique(child, seen, found);
    }
}

fn refuse_instance_types(element: &Element) -> Result<(), String> {
    let strange =
        element.attributes.iter().find(|it| *it.name.namespace == *INSTANCE && matches!(&*it.name.local, "type" | "nil"));
    match strange {
        Some(attribute) => Err(format!("it uses `xsi:{}`, which is not checked", attribute.name.local)),
        None => element.children.iter().try_for_each(refuse_instance_types),
    }
}

fn shortened(text: &str) -> String {
    const CHARACTERS_MAX: usize = 400;
    text.char_indices()
        .nth(CHARACTERS_MAX)
        .map_or_else(|| text.to_owned(), |(end, _)| format!("{} …", text.get(..end).unwrap_or_default()))
}
