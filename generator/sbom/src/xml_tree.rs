//! XML as a tree of elements that know where they stand: what is read of a stranger's document.
//!
//! XML 1.0 (fifth edition) and its namespaces, in UTF-8. A document type declaration is refused: it can name files and grow
//! without bound. Depth is bounded here, bytes by the caller.

use std::{borrow::Cow, collections::HashMap, rc::Rc};

use quick_xml::{
    Reader, XmlVersion,
    escape::resolve_xml_entity,
    events::{BytesStart, Event},
};

use crate::validate::Fault;

/// How deep elements may be nested.
const DEPTH_MAX: usize = 128;
/// The namespace of the prefix `xml`, which is always bound.
const XML_NAMESPACE: &str = "http://www.w3.org/XML/1998/namespace";
const XMLNS_NAMESPACE: &str = "http://www.w3.org/2000/xmlns/";

/// Why there is no tree.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NotXml {
    /// The text is not well-formed.
    Malformed(Fault),
    /// The text may be well-formed, and is of a sort that is not read.
    Refused(String),
}

/// A name with its namespace; no namespace is the empty text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Name {
    pub(crate) namespace: Rc<str>,
    pub(crate) local: Rc<str>,
}

/// An attribute, its value normalised (XML 1.0 section 3.3.3). Declarations of namespaces are none.
#[derive(Debug)]
pub(crate) struct Attribute {
    pub(crate) name: Name,
    pub(crate) value: String,
}

/// An element.
#[derive(Debug)]
pub(crate) struct Element {
    pub(crate) name: Name,
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) children: Vec<Element>,
    /// The text directly within it, all of it in one.
    pub(crate) text: String,
    /// The byte where it begins.
    pub(crate) at: usize,
    /// Where it is cut off, because something in it is nested too deep: nothing from that byte on was read.
    pub(crate) cut: Option<usize>,
}

impl Element {
    /// The value of an attribute without a namespace.
    pub(crate) fn attribute(&self, local: &str) -> Option<&str> {
        let mut attributes = self.attributes.iter();
        attributes.find(|it| it.name.namespace.is_empty() && *it.name.local == *local).map(|it| it.value.as_str())
    }

    /// The children of a name in the element's own namespace.
    pub(crate) fn named<'a>(&'a self, local: &'a str) -> impl Iterator<Item = &'a Self> + 'a {
        self.children.iter().filter(move |it| *it.name.local == *local && it.name.namespace == self.name.namespace)
    }

    /// The first child of a name in the element's own namespace.
    pub(crate) fn child<'a>(&'a self, local: &'a str) -> Option<&'a Self> {
        self.named(local).next()
    }

    /// The trimmed text of the first child of a name.
    pub(crate) fn text_of<'a>(&'a self, local: &'a str) -> Option<&'a str> {
        self.child(local).map(|child| child.text.trim())
    }
}

/// The line and column, both from 1, of a byte of a text.
pub(crate) fn place(text: &str, at: usize) -> String {
    let before = text.get(..at).unwrap_or(text);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let column = before.get(start..).unwrap_or_default().chars().count() + 1;
    format!("{line}:{column}")
}

/// Reads a document.
pub(crate) fn parse(text: &str) -> Result<Element, NotXml> {
    let root = parse_as_far(text)?;
    match root.cut {
        Some(at) => Err(NotXml::Refused(too_deep(text, at))),
        None => Ok(root),
    }
}

/// Why a document that is cut off cannot be judged.
pub(crate) fn too_deep(text: &str, at: usize) -> String {
    format!("elements are nested more than {DEPTH_MAX} deep at {}, and deeper ones are not read", place(text, at))
}

/// Reads a document as far as it is not nested too deep: what is open where it is stands there cut off.
pub(crate) fn parse_as_far(text: &str) -> Result<Element, NotXml> {
    if let Some((at, found)) = text.char_indices().find(|(_, character)| !is_allowed(*character)) {
        let message = format!("the character U+{:04X} must not be in XML", u32::from(found));
        return Err(NotXml::Malformed(Fault { place: place(text, at), message }));
    }
    let mut reader = Reader::from_str(text);
    let config = reader.config_mut();
    config.expand_empty_elements = true;
    config.check_comments = true;
    let mut building = Building::default();
    loop {
        let at = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        let malformed = |message: String| NotXml::Malformed(Fault { place: place(text, at), message });
        let event = reader.read_event().map_err(|error| {
            let at = usize::try_from(reader.error_position()).unwrap_or(usize::MAX);
            NotXml::Malformed(Fault { place: place(text, at), message: format!("this is not XML: {error}") })
        })?;
        match event {
            Event::Decl(declaration) => {
                if at != 0 {
                    return Err(malformed("an XML declaration stands at the beginning or nowhere".to_owned()));
                }
                let version = declaration.version().map_err(|error| malformed(error.to_string()))?;
                if version != "1.0" {
                    return Err(NotXml::Refused(format!("it is XML {version}; XML 1.0 is read")));
                }
                if let Some(encoding) = declaration.encoding() {
                    let encoding = encoding.map_err(|error| malformed(error.to_string()))?;
                    if !["utf-8", "us-ascii"].contains(&encoding.to_ascii_lowercase().as_str()) {
                        return Err(NotXml::Refused(format!("its encoding is {encoding}; UTF-8 is read")));
                    }
                }
            }
            Event::DocType(_) => {
                return Err(NotXml::Refused("it has a document type declaration, which is not read; remove it".to_owned()));
            }
            Event::Start(start) => {
                building.start(&start, at).map_err(malformed)?;
                if building.open.len() > DEPTH_MAX {
                    return building.cut(at).ok_or_else(|| malformed("the document has no element".to_owned()));
                }
            }
            Event::End(_) => building.end().map_err(malformed)?,
            Event::Text(found) => {
                if found.contains("]]>") {
                    return Err(malformed("`]]>` must not stand in text".to_owned()));
                }
                building.text(&found.xml10_content()).map_err(malformed)?;
            }
            Event::CData(found) => {
                if building.open.is_empty() {
                    return Err(malformed("text stands outside of the document's element".to_owned()));
                }
                building.text(&found.xml10_content()).map_err(malformed)?;
            }
            Event::GeneralRef(reference) => {
                if building.open.is_empty() {
                    return Err(malformed("text stands outside of the document's element".to_owned()));
                }
                let resolved = match reference.resolve_char_ref().map_err(|error| malformed(error.to_string()))? {
                    Some(character) if is_allowed(character) => character.to_string(),
                    Some(character) => {
                        return Err(malformed(format!("the character U+{:04X} must not be in XML", u32::from(character))));
                    }
                    None => resolve_xml_entity(&reference)
                        .ok_or_else(|| malformed(format!("`&{}` is not declared", &*reference)))?
                        .to_owned(),
                };
                building.text(&resolved).map_err(malformed)?;
            }
            Event::PI(instruction) => {
                let target = instruction.target();
                if !is_name(target) || target.eq_ignore_ascii_case("xml") {
                    return Err(malformed("a processing instruction has no name of its own".to_owned()));
                }
            }
            Event::Comment(_) | Event::Empty(_) => {}
            Event::Eof if !building.open.is_empty() => {
                return Err(malformed("the document is cut off: an element is not closed".to_owned()));
            }
            Event::Eof => return building.root.ok_or_else(|| malformed("the document has no element".to_owned())),
        }
    }
}

/// A tree in the making.
#[derive(Default)]
struct Building {
    open: Vec<Element>,
    /// The prefixes that are bound, and how many were before each open element.
    bound: Vec<(String, Rc<str>)>,
    bound_before: Vec<usize>,
    names: HashMap<String, Rc<str>>,
    root: Option<Element>,
}

impl Building {
    fn start(&mut self, start: &BytesStart<'_>, at: usize) -> Result<(), String> {
        if self.open.is_empty() && self.root.is_some() {
            return Err("a second element begins where the document's element ended".to_owned());
        }
        self.bound_before.push(self.bound.len());
        let raw = start.attributes_raw();
        let mut read: Vec<(String, String)> = Vec::new();
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| format!("the attributes cannot be read: {error}"))?;
            let key = attribute.key.into_inner();
            if !is_name(key) {
                return Err(format!("`{key}` is no name of an attribute"));
            }
            if attribute.value.contains('<') {
                return Err(format!("`<` must not stand in the value of `{key}`"));
            }
            let value = attribute
                .normalized_value(XmlVersion::Explicit1_0)
                .map_err(|error| format!("the value of `{key}` cannot be read: {error}"))?;
            if let Some(character) = value.chars().find(|character| !is_allowed(*character)) {
                return Err(format!("the character U+{:04X} must not be in XML", u32::from(character)));
            }
            read.push((key.to_owned(), value.into_owned()));
        }
        if !spaced(raw) {
            return Err("attributes are not separated by a space".to_owned());
        }
        for (key, value) in &read {
            let prefix = if key == "xmlns" { Some("") } else { key.strip_prefix("xmlns:") };
            if let Some(prefix) = prefix {
                let wrong = prefix == "xmlns"
                    || (prefix == "xml") != (value == XML_NAMESPACE)
                    || value == XMLNS_NAMESPACE
                    || (value.is_empty() && !prefix.is_empty());
                if wrong {
                    return Err(format!("`{key}` cannot be bound to `{value}`"));
                }
                let namespace = self.name(value);
                self.bound.push((prefix.to_owned(), namespace));
            }
        }
        let name = self.resolve(start.name().into_inner(), true)?;
        let mut attributes = Vec::new();
        for (key, value) in read {
            if key == "xmlns" || key.starts_with("xmlns:") {
                continue;
            }
            let name = self.resolve(&key, false)?;
            if attributes.iter().any(|before: &Attribute| before.name == name) {
                return Err(format!("the attribute `{key}` is given twice"));
            }
            attributes.push(Attribute { name, value });
        }
        self.open.push(Element { name, attributes, children: Vec::new(), text: String::new(), at, cut: None });
        Ok(())
    }

    fn end(&mut self) -> Result<(), String> {
        self.bound.truncate(self.bound_before.pop().unwrap_or(0));
        let Some(mut element) = self.open.pop() else { return Err("an element ends that did not begin".to_owned()) };
        if !element.children.is_empty() && element.text.chars().all(is_space) {
            element.text = String::new();
        }
        match self.open.last_mut() {
            Some(parent) => parent.children.push(element),
            None => self.root = Some(element),
        }
        Ok(())
    }

    /// The document up to here, without the element that begins here.
    fn cut(mut self, at: usize) -> Option<Element> {
        self.open.pop();
        let mut within: Option<Element> = None;
        while let Some(mut element) = self.open.pop() {
            element.cut = Some(at);
            element.children.extend(within);
            within = Some(element);
        }
        within
    }

    fn text(&mut self, text: &str) -> Result<(), String> {
        match self.open.last_mut() {
            Some(element) => element.text.push_str(text),
            None if text.chars().all(is_space) => {}
            None => return Err("text stands outside of the document's element".to_owned()),
        }
        Ok(())
    }

    /// The name that a qualified name stands for here.
    fn resolve(&mut self, qualified: &str, is_element: bool) -> Result<Name, String> {
        if !is_name(qualified) {
            return Err(format!("`{qualified}` is no name"));
        }
        let (prefix, local) = match qualified.split_once(':') {
            Some((prefix, local)) if is_name(prefix) && is_name(local) && !local.contains(':') => (Some(prefix), local),
            Some(_) => return Err(format!("`{qualified}` is no name with a prefix")),
            None => (is_element.then_some(""), qualified),
        };
        let namespace: Cow<'_, str> = match prefix {
            None => Cow::Borrowed(""),
            Some("xml") => Cow::Borrowed(XML_NAMESPACE),
            Some(prefix) => match self.bound.iter().rev().find(|(bound, _)| bound == prefix) {
                Some((_, namespace)) => Cow::Owned(namespace.to_string()),
                None if prefix.is_empty() => Cow::Borrowed(""),
                None => return Err(format!("the prefix `{prefix}` is not bound to a namespace")),
            },
        };
        let local = self.name(local);
        Ok(Name { namespace: self.name(&namespace), local })
    }

    /// A name, held once.
    fn name(&mut self, text: &str) -> Rc<str> {
        if let Some(known) = self.names.get(text) {
            return known.clone();
        }
        let name: Rc<str> = Rc::from(text);
        self.names.insert(text.to_owned(), name.clone());
        name
    }
}

/// Whether a space stands before each attribute but the first, whose space ends the element's name.
fn spaced(raw: &str) -> bool {
    let mut quote = None;
    let mut characters = raw.chars().peekable();
    while let Some(character) = characters.next() {
        match quote {
            None if matches!(character, '"' | '\'') => quote = Some(character),
            Some(open) if open == character => {
                quote = None;
                if characters.peek().is_some_and(|next| !is_space(*next) && *next != '/') {
                    return false;
                }
            }
            _ => {}
        }
    }
    true
}

/// A character that XML 1.0 allows (production 2, Char).
fn is_allowed(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// White space (production 3, S).
pub(crate) const fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r')
}

/// A name (productions 4, 4a and 5).
fn is_name(text: &str) -> bool {
    let starts = |character: char| {
        matches!(character, ':' | '_' | 'A'..='Z' | 'a'..='z' | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}'
            | '\u{f8}'..='\u{2ff}' | '\u{370}'..='\u{37d}' | '\u{37f}'..='\u{1fff}' | '\u{200c}'..='\u{200d}'
            | '\u{2070}'..='\u{218f}' | '\u{2c00}'..='\u{2fef}' | '\u{3001}'..='\u{d7ff}' | '\u{f900}'..='\u{fdcf}'
            | '\u{fdf0}'..='\u{fffd}' | '\u{10000}'..='\u{effff}')
    };
    let goes_on = |character: char| {
        starts(character)
            || matches!(character, '-' | '.' | '0'..='9' | '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}'..='\u{2040}')
    };
    let mut characters = text.chars();
    characters.next().is_some_and(starts) && characters.all(goes_on)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_read_with_its_namespaces_text_and_places() {
        let text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- - -->\n<a xmlns='urn:a' xmlns:p=\"urn:p\"\n  b='1&lt;\n2' p:b=\"&#x26;\">x<p:c/>&amp;<![CDATA[<y>]]>\n  <d xmlns=''/></a>\n";
        let root = parse(text).unwrap();
        assert_eq!((&*root.name.namespace, &*root.name.local, root.text.as_str()), ("urn:a", "a", "x&<y>\n  "));
        assert_eq!(root.attribute("b"), Some("1< 2"));
        assert_eq!((&*root.attributes[1].name.namespace, root.attributes[1].value.as_str()), ("urn:p", "&"));
        let names: Vec<(&str, &str)> = root.children.iter().map(|it| (&*it.name.namespace, &*it.name.local)).collect();
        assert_eq!(names, [("urn:p", "c"), ("", "d")]);
        assert_eq!(place(text, root.children[1].at), "6:3");
    }

    #[test]
    fn what_is_not_well_formed_is_told_where_it_is() {
        for (text, at) in [
            ("", "1:1"),
            ("x", "1:1"),
            ("<a>", "1:4"),
            ("<a></b>", "1:4"),
            ("<a/><b/>", "1:5"),
            ("<a/>x", "1:5"),
            ("<a/>&amp;", "1:5"),
            ("<a b='1' b='2'/>", "1:1"),
            ("<a xmlns:p='u' xmlns:q='u' p:b='1' q:b='2'/>", "1:1"),
            ("<a b='1'c='2'/>", "1:1"),
            ("<a b='<'/>", "1:1"),
            ("<a b=1/>", "1:1"),
            ("<a>&nothing;</a>", "1:4"),
            ("<a>&#0;</a>", "1:4"),
            ("<a>\u{1}</a>", "1:4"),
            ("<a>&#1;</a>", "1:4"),
            ("<a>]]></a>", "1:4"),
            ("<p:a/>", "1:1"),
            ("<a p:b=''/>", "1:1"),
            ("<1/>", "1:1"),
            ("<a xmlns:p=''/>", "1:1"),
            ("\n<?xml version='1.0'?><a/>", "2:1"),
            ("<a>\n  é<b></a>", "2:7"),
        ] {
            match parse(text) {
                Err(NotXml::Malformed(fault)) => assert_eq!(fault.place, at, "{text}: {}", fault.message),
                other => panic!("{text}: {other:?}"),
            }
        }
        let deep = format!("{}{}", "<a>".repeat(200), "</a>".repeat(200));
        assert!(matches!(parse(&deep), Err(NotXml::Refused(why)) if why.contains("128 deep at 1:385")));
        let wrong = format!("<a><1/>{deep}</a>");
        assert!(
            matches!(parse(&wrong), Err(NotXml::Malformed(fault)) if fault.place == "1:4"),
            "this is wrong before it is deep"
        );
    }

    #[test]
    fn what_is_nested_too_deep_is_cut_off_where_it_is() {
        let deep = |levels: usize| format!("<r><b/>{}{}<c/></r>", "<a>".repeat(levels), "</a>".repeat(levels));
        let whole = parse_as_far(&deep(DEPTH_MAX - 1)).unwrap();
        assert_eq!((whole.cut, whole.children.len()), (None, 3));
        let cut = parse_as_far(&deep(DEPTH_MAX)).unwrap();
        let at = deep(DEPTH_MAX - 1).find("</a>").unwrap();
        assert_eq!((cut.cut, cut.children.len(), cut.children[0].cut), (Some(at), 2, None));
        let mut depth = 1;
        let mut element = &cut;
        while let Some(child) = element.children.last() {
            assert_eq!(child.cut, Some(at));
            (depth, element) = (depth + 1, child);
        }
        assert_eq!(depth, DEPTH_MAX);
    }

    #[test]
    fn what_is_not_read_is_refused_and_not_called_malformed() {
        for text in [
            "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>",
            "<?xml version='1.1'?><a/>",
            "<?xml version='1.0' encoding='ISO-8859-1'?><a/>",
        ] {
            assert!(matches!(parse(text), Err(NotXml::Refused(_))), "{text}");
        }
    }
}
