//! XML Schema 1.0, the part of it that the official schemas of CycloneDX use, read from these schemas themselves.
//!
//! A schema that uses anything else does not load, so nothing in it is ever passed over. `simple.rs` holds the values,
//! `model.rs` the order of elements, `check.rs` a document against both.

use std::collections::HashMap;

use regex::Regex;

use self::{
    model::{Model, Particle, Term},
    simple::{Builtin, Facets, Simple},
};
use crate::xml_tree::{self, Element, NotXml};

mod check;
mod model;
mod simple;

const XSD: &str = "http://www.w3.org/2001/XMLSchema";
const SPDX: &str = "http://cyclonedx.org/schema/spdx";

/// A schema that was read.
pub(crate) struct Schema {
    /// Its namespace.
    target: String,
    /// The elements that a document may be, by name in the namespace of the schema.
    elements: HashMap<String, Declared>,
    simple: Vec<Simple>,
    complex: Vec<Complex>,
    /// Named types, by namespace and name.
    types: HashMap<(String, String), Kind>,
    groups: HashMap<String, Vec<AttributeUse>>,
    /// The type of what refers to a `bom-ref` of the same document.
    link: Option<usize>,
}

/// The type of an element.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Simple(usize),
    Complex(usize),
    /// An element that is declared without a type may hold anything.
    Anything,
}

/// An element, where it is declared.
#[derive(Clone, Debug)]
struct Declared {
    kind: Kind,
    /// An empty element stands for its default.
    has_default: bool,
}

/// A complex type.
#[derive(Default)]
struct Complex {
    attributes: Vec<AttributeUse>,
    any_attribute: Option<Wildcard>,
    content: Content,
    mixed: bool,
}

#[derive(Default)]
enum Content {
    #[default]
    Empty,
    Value(usize),
    Elements(Model),
}

#[derive(Clone)]
struct AttributeUse {
    name: String,
    kind: usize,
    required: bool,
}

/// Which namespaces a wildcard lets in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wildcard {
    Any,
    /// Every one but the schema's own, and but none.
    Other,
}

impl Schema {
    /// Reads the schema of a version of CycloneDX, and that of the SPDX licence ids which it imports.
    pub(crate) fn read(bom: &str, spdx: &str) -> Result<Self, String> {
        let parse = |text: &str| match xml_tree::parse(text) {
            Ok(root) => Ok(root),
            Err(NotXml::Malformed(fault)) => Err(format!("an embedded schema is damaged: {fault}")),
            Err(NotXml::Refused(why)) => Err(format!("an embedded schema is not read: {why}")),
        };
        let (spdx, bom) = (parse(spdx)?, parse(bom)?);
        let mut schema = Self {
            target: bom.attribute("targetNamespace").unwrap_or_default().to_owned(),
            elements: HashMap::new(),
            simple: Vec::new(),
            complex: Vec::new(),
            types: HashMap::new(),
            groups: HashMap::new(),
            link: None,
        };
        schema.declare(&spdx, SPDX)?;
        let target = schema.target.clone();
        schema.declare(&bom, &target)?;
        schema.link = schema.named_simple("bom:refLinkType").ok();
        schema.define(&spdx, SPDX)?;
        schema.define(&bom, &target)?;
        Ok(schema)
    }

    /// Gives every named type its place, so that types may name each other in any order.
    fn declare(&mut self, root: &Element, namespace: &str) -> Result<(), String> {
        for child in &root.children {
            let kind = match within(child)? {
                "simpleType" => {
                    self.simple.push(Simple::Union(Vec::new()));
                    Kind::Simple(self.simple.len() - 1)
                }
                "complexType" => {
                    self.complex.push(Complex::default());
                    Kind::Complex(self.complex.len() - 1)
                }
                _ => continue,
            };
            self.types.insert((namespace.to_owned(), required(child, "name")?.to_owned()), kind);
        }
        Ok(())
    }

    fn define(&mut self, root: &Element, namespace: &str) -> Result<(), String> {
        for group in root.named("attributeGroup") {
            let uses = self.attributes(group)?.0;
            self.groups.insert(required(group, "name")?.to_owned(), uses);
        }
        for child in &root.children {
            let name = child.attribute("name").unwrap_or_default().to_owned();
            let named = self.types.get(&(namespace.to_owned(), name.clone())).copied();
            match (within(child)?, named) {
                ("annotation" | "import" | "attributeGroup", _) => {}
                ("simpleType", Some(Kind::Simple(at))) => {
                    let made = self.simple_type(child)?;
                    if let Some(place) = self.simple.get_mut(at) {
                        *place = made;
                    }
                }
                ("complexType", Some(Kind::Complex(at))) => {
                    let made = self.complex_type(child)?;
                    if let Some(place) = self.complex.get_mut(at) {
                        *place = made;
                    }
                }
                ("element", _) => {
                    let declared = self.element(child)?;
                    self.elements.insert(name, declared);
                }
                (other, _) => return Err(unknown(child, other)),
            }
        }
        Ok(())
    }

    fn element(&mut self, element: &Element) -> Result<Declared, String> {
        const KNOWN: [&str; 5] = ["name", "type", "minOccurs", "maxOccurs", "default"];
        only_attributes(element, &KNOWN)?;
        let mut kind = element.attribute("type").map(|name| self.named_type(name)).transpose()?;
        for child in &element.children {
            kind = match within(child)? {
                "annotation" => kind,
                // `check.rs` holds the one rule there is: every `bom-ref` once.
                "unique" if child.attribute("name") == Some("bom-ref") => kind,
                "simpleType" => {
                    let made = self.simple_type(child)?;
                    self.simple.push(made);
                    Some(Kind::Simple(self.simple.len() - 1))
                }
                "complexType" => {
                    let made = self.complex_type(child)?;
                    self.complex.push(made);
                    Some(Kind::Complex(self.complex.len() - 1))
                }
                other => return Err(unknown(child, other)),
            };
        }
        Ok(Declared { kind: kind.unwrap_or(Kind::Anything), has_default: element.attribute("default").is_some() })
    }

    fn simple_type(&mut self, element: &Element) -> Result<Simple, String> {
        only_attributes(element, &["name", "final"])?;
        let mut made = None;
        for child in &element.children {
            match within(child)? {
                "annotation" => {}
                "restriction" => {
                    let base = self.named_simple(required(child, "base")?)?;
                    made = Some(Simple::Restriction { base, facets: facets(child)? });
                }
                "union" => {
                    let members = required(child, "memberTypes")?.split_ascii_whitespace();
                    made = Some(Simple::Union(members.map(|name| self.named_simple(name)).collect::<Result<_, _>>()?));
                }
                other => return Err(unknown(child, other)),
            }
        }
        made.ok_or_else(|| unknown(element, "simpleType without a restriction or a union"))
    }

    fn complex_type(&mut self, element: &Element) -> Result<Complex, String> {
        only_attributes(element, &["name", "mixed"])?;
        let mut made = Complex { mixed: element.attribute("mixed") == Some("true"), ..Complex::default() };
        (made.attributes, made.any_attribute) = self.attributes(element)?;
        for child in &element.children {
            match within(child)? {
                "annotation" | "attribute" | "attributeGroup" | "anyAttribute" => {}
                "sequence" | "choice" => made.content = Content::Elements(Model::of(&self.particle(child)?)),
                "simpleContent" => {
                    for extension in &child.children {
                        match within(extension)? {
                            "annotation" => {}
                            "extension" => {
                                made.content = Content::Value(self.named_simple(required(extension, "base")?)?);
                                (made.attributes, made.any_attribute) = self.attributes(extension)?;
                            }
                            other => return Err(unknown(extension, other)),
                        }
                    }
                }
                other => return Err(unknown(child, other)),
            }
        }
        Ok(made)
    }

    /// The attributes that stand directly within an element of the schema.
    fn attributes(&mut self, element: &Element) -> Result<(Vec<AttributeUse>, Option<Wildcard>), String> {
        let (mut uses, mut any) = (Vec::new(), None);
        for child in &element.children {
            match within(child)? {
                "attribute" => {
                    only_attributes(child, &["name", "type", "use", "default"])?;
                    let kind = match (child.attribute("type"), child.child("simpleType")) {
                        (Some(name), None) => self.named_simple(name)?,
                        (None, Some(inline)) => {
                            let made = self.simple_type(inline)?;
                            self.simple.push(made);
                            self.simple.len() - 1
                        }
                        _ => return Err(unknown(child, "attribute without a type")),
                    };
                    let required_here = match child.attribute("use") {
                        None | Some("optional") => false,
                        Some("required") => true,
                        Some(_) => return Err(unknown(child, "use of an attribute")),
                    };
                    uses.push(AttributeUse { name: required(child, "name")?.to_owned(), kind, required: required_here });
                }
                "attributeGroup" if child.attribute("ref").is_some() => {
                    let (_, name) = required(child, "ref")?.split_once(':').unwrap_or_default();
                    uses.extend(self.groups.get(name).ok_or_else(|| unknown(child, "attributeGroup"))?.iter().cloned());
                }
                "anyAttribute" => any = Some(wildcard(child)?),
                _ => {}
            }
        }
        Ok((uses, any))
    }

    fn particle(&mut self, element: &Element) -> Result<Particle, String> {
        let optional = match element.attribute("minOccurs") {
            None | Some("1") => false,
            Some("0") => true,
            Some(_) => return Err(unknown(element, "minOccurs")),
        };
        let repeated = match element.attribute("maxOccurs") {
            None | Some("1") => false,
            Some("unbounded") => true,
            Some(_) => return Err(unknown(element, "maxOccurs")),
        };
        let term = match within(element)? {
            "element" => Term::Element { name: required(element, "name")?.to_owned(), declared: self.element(element)? },
            "any" => match wildcard(element)? {
                Wildcard::Other => Term::Other,
                Wildcard::Any => return Err(unknown(element, "any of every namespace")),
            },
            kind @ ("sequence" | "choice") => {
                only_attributes(element, &["minOccurs", "maxOccurs"])?;
                let mut parts = Vec::new();
                for child in &element.children {
                    if within(child)? != "annotation" {
                        parts.push(self.particle(child)?);
                    }
                }
                if kind == "sequence" { Term::Sequence(parts) } else { Term::Choice(parts) }
            }
            other => return Err(unknown(element, other)),
        };
        Ok(Particle { optional, repeated, term })
    }

    fn named_type(&mut self, name: &str) -> Result<Kind, String> {
        let (prefix, local) = name.split_once(':').unwrap_or(("bom", name));
        let namespace = match prefix {
            "xs" => {
                let builtin =
                    Builtin::named(local).ok_or_else(|| format!("the schema has the type `{name}`, which is not known"))?;
                self.simple.push(Simple::Builtin(builtin));
                return Ok(Kind::Simple(self.simple.len() - 1));
            }
            "bom" => self.target.as_str(),
            "spdx" => SPDX,
            _ => return Err(format!("the schema has the prefix `{prefix}`, which is not known")),
        };
        let found = self.types.get(&(namespace.to_owned(), local.to_owned())).copied();
        found.ok_or_else(|| format!("the schema names the type `{name}` and does not hold it"))
    }

    fn named_simple(&mut self, name: &str) -> Result<usize, String> {
        match self.named_type(name)? {
            Kind::Simple(at) => Ok(at),
            Kind::Complex(_) | Kind::Anything => Err(format!("`{name}` is not a simple type of the schema")),
        }
    }
}

fn facets(restriction: &Element) -> Result<Facets, String> {
    only_attributes(restriction, &["base"])?;
    let mut facets = Facets::default();
    let mut patterns = Vec::new();
    for child in &restriction.children {
        let kind = within(child)?;
        if kind == "annotation" {
            continue;
        }
        let value = required(child, "value")?;
        let number = || value.parse::<usize>().map_err(|_| unknown(child, "length"));
        match kind {
            "enumeration" => {
                facets.values.insert(value.to_owned());
            }
            "pattern" => patterns.push(value),
            "minLength" => facets.length_min = Some(number()?),
            "maxLength" => facets.length_max = Some(number()?),
            "minInclusive" => facets.least = Some(value.to_owned()),
            "maxInclusive" => facets.most = Some(value.to_owned()),
            other => return Err(unknown(child, other)),
        }
    }
    if !patterns.is_empty() {
        // These patterns mean the same in both languages but for `.`, which is used where a line end cannot stand.
        let pattern = format!(r"\A(?:{})\z", patterns.join("|"));
        facets.pattern =
            Some(Regex::new(&pattern).map_err(|error| format!("the schema has a pattern that is not read: {error}"))?);
    }
    Ok(facets)
}

fn wildcard(element: &Element) -> Result<Wildcard, String> {
    if element.attribute("processContents") != Some("lax") {
        return Err(unknown(element, "wildcard"));
    }
    match element.attribute("namespace") {
        Some("##any") => Ok(Wildcard::Any),
        Some("##other") => Ok(Wildcard::Other),
        _ => Err(unknown(element, "wildcard")),
    }
}

/// The name of an element of the language of schemas.
fn within(element: &Element) -> Result<&str, String> {
    if *element.name.namespace == *XSD { Ok(&element.name.local) } else { Err(unknown(element, &element.name.local)) }
}

fn required<'a>(element: &'a Element, attribute: &str) -> Result<&'a str, String> {
    element.attribute(attribute).ok_or_else(|| unknown(element, &format!("{} without {attribute}", element.name.local)))
}

fn only_attributes(element: &Element, known: &[&str]) -> Result<(), String> {
    let strange = element.attributes.iter().find(|it| it.name.namespace.is_empty() && !known.contains(&&*it.name.local));
    strange.map_or(Ok(()), |attribute| Err(unknown(element, &attribute.name.local)))
}

fn unknown(element: &Element, what: &str) -> String {
    format!("the schema has `{what}` at byte {}, which is not known", element.at)
}
