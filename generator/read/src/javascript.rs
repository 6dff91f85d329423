//! The tokens of JavaScript and TypeScript (ECMA-262, chapter 12), with the bracket that belongs to each bracket.
//!
//! A scanner, not a parser: it knows where comments, strings, templates and regular expressions begin and end, so that a name
//! in a comment is no name. What is no program is read all the same, as far as it goes.

use std::ops::Range;

/// How many tokens of a text are read; what comes after them is left out.
const TOKENS_MAX: usize = 2_000_000;

/// How deep templates are followed.
const TEMPLATES_MAX: usize = 32;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// A name or a word of the language.
    Word,
    /// A number.
    Number,
    /// A string, or a piece of a template: the text without its quotes.
    Text,
    /// A regular expression.
    Regex,
    /// A sign: a bracket, an operator.
    Sign,
}

/// A token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub sort: Sort,
    /// Where it stands; of a string without its quotes.
    pub span: Range<usize>,
    /// The place among the tokens of the bracket that belongs to this one.
    pub partner: Option<usize>,
}

/// A text with its tokens.
#[derive(Clone, Debug)]
pub struct Script<'a> {
    text: &'a str,
    /// The tokens, in the order of the text.
    pub tokens: Vec<Token>,
}

/// Signs of more than one character, longest first.
const SIGNS: &[&str] = &[
    ">>>=", "...", "===", "!==", "**=", "<<=", ">>=", ">>>", "&&=", "||=", "??=", "=>", "==", "!=", "<=", ">=", "&&", "||", "??",
    "?.", "++", "--", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<", ">>", "**",
];

/// Words after which a `/` begins a regular expression.
const BEFORE_REGEX: &[&str] =
    &["return", "typeof", "case", "in", "of", "void", "delete", "throw", "new", "else", "do", "await", "yield", "instanceof"];

impl<'a> Script<'a> {
    /// Reads a text.
    pub fn parse(text: &'a str) -> Self {
        let mut scanner = Scanner { text, at: 0, tokens: Vec::new(), templates: Vec::new(), open: Vec::new() };
        scanner.run();
        Self { text, tokens: scanner.tokens }
    }

    /// The text of a token; empty where there is none.
    pub fn text(&self, place: usize) -> &'a str {
        self.tokens.get(place).and_then(|token| self.text.get(token.span.clone())).unwrap_or_default()
    }

    /// Whether a token is this sign.
    pub fn is_sign(&self, place: usize, sign: &str) -> bool {
        self.is(place, Sort::Sign) && self.text(place) == sign
    }

    /// Whether a token is of this sort.
    pub fn is(&self, place: usize, sort: Sort) -> bool {
        self.tokens.get(place).is_some_and(|token| token.sort == sort)
    }

    /// The bracket that belongs to the one at this place.
    pub fn partner(&self, place: usize) -> Option<usize> {
        self.tokens.get(place)?.partner
    }

    /// The tokens of some places as one text, separated by spaces where two words meet; strings without quotes.
    pub fn shown(&self, places: Range<usize>) -> String {
        let mut shown = String::new();
        for place in places {
            let text = self.text(place);
            let meets = |character: Option<char>| character.is_some_and(|one| one.is_alphanumeric() || one == '_' || one == '$');
            if meets(shown.chars().next_back()) && meets(text.chars().next()) {
                shown.push(' ');
            }
            shown.push_str(text);
        }
        shown
    }

    /// The first token of the chain of members and calls that ends with the token at `last`: of `a.b(c).d` that of `a`.
    pub fn chain_start(&self, last: usize) -> usize {
        let mut place = last;
        loop {
            if (self.is_sign(place, ")") || self.is_sign(place, "]"))
                && let Some(open) = self.partner(place)
            {
                place = open;
                // What is called or indexed stands before the bracket; a bracket of its own does not.
                let before = place.checked_sub(1);
                match before {
                    Some(before) if self.is_operand(before) => place = before,
                    _ => return place,
                }
                continue;
            }
            match place.checked_sub(1) {
                Some(dot) if self.is_sign(dot, ".") || self.is_sign(dot, "?.") => match dot.checked_sub(1) {
                    Some(before) if self.is_operand(before) => place = before,
                    _ => return place,
                },
                _ => return place,
            }
        }
    }

    fn is_operand(&self, place: usize) -> bool {
        (self.is(place, Sort::Word) && !BEFORE_REGEX.contains(&self.text(place)) && !is_statement(self.text(place)))
            || self.is(place, Sort::Text)
            || self.is_sign(place, ")")
            || self.is_sign(place, "]")
    }

    /// The last token of the chain of members and calls that begins at `first`.
    pub fn chain_end(&self, first: usize) -> usize {
        let mut place = first;
        if (self.is_sign(place, "(") || self.is_sign(place, "["))
            && let Some(close) = self.partner(place)
        {
            place = close;
        }
        loop {
            let next = place + 1;
            if self.is_sign(next, ".") || self.is_sign(next, "?.") {
                place = if self.is_sign(next + 1, "[") || self.is_sign(next + 1, "(") { next } else { next + 1 };
            } else if (self.is_sign(next, "(") || self.is_sign(next, "["))
                && let Some(close) = self.partner(next)
            {
                place = close;
            } else {
                return place;
            }
        }
    }

    /// Every call: where its callee's chain begins, where the opening bracket stands, where the closing one does.
    pub fn calls(&self) -> impl Iterator<Item = Call> {
        (0..self.tokens.len()).filter_map(|open| self.call_at(open))
    }

    /// The call whose opening bracket stands at this place.
    pub fn call_at(&self, open: usize) -> Option<Call> {
        if !self.is_sign(open, "(") {
            return None;
        }
        let before = open.checked_sub(1)?;
        let callee = if self.is_sign(before, "?.") { before.checked_sub(1)? } else { before };
        if !self.is_operand(callee) || self.is(callee, Sort::Text) {
            return None;
        }
        let first = self.chain_start(callee);
        // `function f(…)` and `if (…)` are no calls; a method's definition looks like one until its `{`.
        let defines = first.checked_sub(1).is_some_and(|before| self.text(before) == "function");
        let close = self.partner(open)?;
        (!defines).then_some(Call { first, callee, open, close })
    }

    /// Whether a token stands on another line than the one before it.
    pub fn begins_line(&self, place: usize) -> bool {
        let end = place.checked_sub(1).and_then(|before| self.tokens.get(before)).map_or(0, |before| before.span.end);
        let start = self.tokens.get(place).map_or(end, |token| token.span.start);
        self.text.get(end..start).is_some_and(|between| between.contains('\n'))
    }

    /// Where the expression ends that begins at `first`: before a `;`, a `,`, a closing bracket, or a line that begins anew.
    pub fn expression_end(&self, first: usize) -> usize {
        let mut place = first;
        while place < self.tokens.len() {
            let text = self.text(place);
            if self.is(place, Sort::Sign) {
                match text {
                    "(" | "[" | "{" | "${" => match self.partner(place) {
                        Some(close) => place = close,
                        None => return self.tokens.len(),
                    },
                    ")" | "]" | "}" | ";" | "," => return place,
                    _ => {}
                }
            }
            // A line goes on after an operator, and not after what may end an expression.
            let goes_on = |last: usize| self.is(last, Sort::Sign) && !matches!(self.text(last), ")" | "]" | "}");
            if place > first && self.begins_line(place) && !goes_on(place - 1) && !self.is(place, Sort::Sign) {
                return place;
            }
            place += 1;
        }
        place
    }

    /// What names stand for: of `const a = …`, `a = …` and `function a(…) { … }` the name and the places of the rest.
    pub fn definitions(&self) -> Vec<(&'a str, Range<usize>)> {
        let mut found = Vec::new();
        for place in 0..self.tokens.len() {
            if self.is_sign(place, "=") {
                let Some(mut name) = place.checked_sub(1) else { continue };
                // `const a: string = …`
                if let Some(colon) = name.checked_sub(1).filter(|colon| self.is_sign(*colon, ":")) {
                    name = colon.saturating_sub(1);
                }
                let member = name.checked_sub(1).is_some_and(|dot| self.is_sign(dot, ".") || self.is_sign(dot, "?."));
                if self.is(name, Sort::Word) && !member {
                    found.push((self.text(name), place + 1..self.expression_end(place + 1)));
                }
            } else if self.is(place, Sort::Word) && self.text(place) == "function" {
                let name = if self.is_sign(place + 1, "*") { place + 2 } else { place + 1 };
                let body = self.partner(name + 1).filter(|_| self.is_sign(name + 1, "("));
                let open = body.and_then(|close| (close + 1..self.tokens.len()).take(40).find(|open| self.is_sign(*open, "{")));
                if let (true, Some(open)) = (self.is(name, Sort::Word), open)
                    && let Some(close) = self.partner(open)
                {
                    found.push((self.text(name), open..close + 1));
                }
            }
        }
        found
    }

    /// The bracket that encloses a place most closely.
    pub fn enclosing(&self, place: usize) -> Option<usize> {
        let mut at = place;
        while let Some(before) = at.checked_sub(1) {
            at = before;
            if self.is(at, Sort::Sign) {
                match self.text(at) {
                    ")" | "]" | "}" => at = self.partner(at).unwrap_or(at),
                    "(" | "[" | "{" | "${" => return Some(at),
                    _ => {}
                }
            }
        }
        None
    }
}

/// A call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// Where the chain of what is called begins.
    pub first: usize,
    /// Its last token.
    pub callee: usize,
    /// The opening bracket.
    pub open: usize,
    /// The closing one.
    pub close: usize,
}

fn is_statement(word: &str) -> bool {
    matches!(
        word,
        "if" | "for" | "while" | "switch" | "catch" | "with" | "function" | "const" | "let" | "var" | "import" | "export"
    )
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    tokens: Vec<Token>,
    /// How many brackets are open in each template's `${ … }`.
    templates: Vec<usize>,
    open: Vec<usize>,
}

impl Scanner<'_> {
    fn run(&mut self) {
        if self.text.starts_with("#!") {
            self.at = self.text.find('\n').unwrap_or(self.text.len());
        }
        while let Some(next) = self.rest().chars().next() {
            if self.tokens.len() >= TOKENS_MAX {
                return;
            }
            let rest = self.rest();
            if next.is_whitespace() {
                self.at += next.len_utf8();
            } else if rest.starts_with("//") {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if rest.starts_with("/*") {
                self.at += rest.get(2..).and_then(|inside| inside.find("*/")).map_or(rest.len(), |end| end + 4);
            } else if next == '"' || next == '\'' {
                self.string(next);
            } else if next == '`' {
                self.at += 1;
                self.template();
            } else if next.is_ascii_digit() {
                let length =
                    rest.find(|each: char| !(each.is_ascii_alphanumeric() || each == '.' || each == '_')).unwrap_or(rest.len());
                self.push(Sort::Number, length);
            } else if is_name(next) {
                let length = rest.find(|each: char| !is_name(each) && !each.is_ascii_digit()).unwrap_or(rest.len());
                self.push(Sort::Word, length);
            } else if next == '/' && self.begins_regex() {
                self.regex();
            } else {
                self.sign(next);
            }
        }
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn push(&mut self, sort: Sort, length: usize) {
        self.tokens.push(Token { sort, span: self.at..self.at + length, partner: None });
        self.at += length;
    }

    fn string(&mut self, quote: char) {
        let rest = self.rest();
        let mut escaped = false;
        for (index, each) in rest.char_indices().skip(1) {
            match each {
                // No string after all: an apostrophe in text between tags.
                '\n' if !escaped => break,
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                _ if each == quote => {
                    self.tokens.push(Token { sort: Sort::Text, span: self.at + 1..self.at + index, partner: None });
                    self.at += index + 1;
                    return;
                }
                _ => {}
            }
        }
        self.at += 1;
    }

    /// From within a template: a piece of text, to its end or to `${`.
    fn template(&mut self) {
        let start = self.at;
        let mut escaped = false;
        let mut end = None;
        for (index, each) in self.rest().char_indices() {
            match each {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '`' => {
                    end = Some((index, false));
                    break;
                }
                '$' if self.text.get(start + index..).is_some_and(|rest| rest.starts_with("${")) => {
                    end = Some((index, true));
                    break;
                }
                _ => {}
            }
        }
        let (length, goes_on) = end.unwrap_or((self.rest().len(), false));
        self.tokens.push(Token { sort: Sort::Text, span: start..start + length, partner: None });
        self.at = start + length;
        if goes_on && self.templates.len() < TEMPLATES_MAX {
            self.open.push(self.tokens.len());
            self.push(Sort::Sign, 2);
            self.templates.push(self.open.len());
        } else if end.is_some() {
            self.at += 1;
        }
    }

    fn begins_regex(&self) -> bool {
        match self.tokens.last() {
            None => true,
            Some(token) => {
                let text = self.text.get(token.span.clone()).unwrap_or_default();
                match token.sort {
                    Sort::Sign => !matches!(text, ")" | "]" | "}" | "++" | "--"),
                    Sort::Word => BEFORE_REGEX.contains(&text),
                    _ => false,
                }
            }
        }
    }

    fn regex(&mut self) {
        let (mut escaped, mut class) = (false, false);
        let mut end = None;
        for (index, each) in self.rest().char_indices().skip(1) {
            match each {
                '\n' => break,
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '[' => class = true,
                ']' => class = false,
                '/' if !class => {
                    end = Some(index + 1);
                    break;
                }
                _ => {}
            }
        }
        match end {
            Some(end) => {
                let flags = self.rest().get(end..).unwrap_or_default();
                let flags = flags.find(|each: char| !each.is_ascii_lowercase()).unwrap_or(flags.len());
                self.push(Sort::Regex, end + flags);
            }
            None => self.push(Sort::Sign, 1),
        }
    }

    fn sign(&mut self, next: char) {
        let place = self.tokens.len();
        let length = SIGNS.iter().find(|sign| self.rest().starts_with(**sign)).map_or(next.len_utf8(), |sign| sign.len());
        // `a?.5:b` is a condition, not a chain.
        let digit = self.rest().chars().nth(2).is_some_and(|each| each.is_ascii_digit());
        let length = if self.rest().starts_with("?.") && digit { 1 } else { length };
        self.push(Sort::Sign, length);
        if matches!(next, '(' | '[' | '{') {
            self.open.push(place);
            return;
        }
        if !matches!(next, ')' | ']' | '}') {
            return;
        }
        let ends_template = next == '}' && self.templates.last() == Some(&self.open.len());
        let wanted = match next {
            ')' => "(",
            ']' => "[",
            _ if ends_template => "${",
            _ => "{",
        };
        let fits = self.open.last().and_then(|open| self.tokens.get(*open)).map(|token| token.span.clone());
        if fits.and_then(|span| self.text.get(span)) == Some(wanted)
            && let Some(open) = self.open.pop()
        {
            for (one, other) in [(open, place), (place, open)] {
                if let Some(token) = self.tokens.get_mut(one) {
                    token.partner = Some(other);
                }
            }
        }
        if ends_template {
            self.templates.pop();
            self.template();
        }
    }
}

fn is_name(character: char) -> bool {
    character.is_alphabetic() || matches!(character, '_' | '$' | '#' | '@')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(text: &str) -> Vec<String> {
        let script = Script::parse(text);
        (0..script.tokens.len()).map(|place| script.text(place).to_owned()).collect()
    }

    #[test]
    fn comments_are_no_tokens_and_strings_are_whole() {
        assert_eq!(words("a // b\n/* c */ 'd \\' e' + \"//\""), ["a", "d \\' e", "+", "//"]);
        assert_eq!(words("x = /[/'\"]+/g; y / 2 / z"), ["x", "=", "/[/'\"]+/g", ";", "y", "/", "2", "/", "z"]);
    }

    #[test]
    fn a_template_is_its_pieces_and_what_stands_between_them() {
        assert_eq!(words("`a ${b + `c ${d}`} e`"), ["a ", "${", "b", "+", "c ", "${", "d", "}", "", "}", " e"]);
        let script = Script::parse("`a ${f({ g: 1 })} b`; h()");
        assert_eq!(script.partner(1), Some(10));
        assert_eq!(script.calls().map(|call| script.shown(call.first..call.close + 1)).collect::<Vec<_>>(), ["f({g:1})", "h()"]);
    }

    #[test]
    fn a_chain_is_followed_both_ways() {
        let script = Script::parse("x = env.KEYS[n](1)?.token === given");
        let last = (0..script.tokens.len()).find(|place| script.text(*place) == "token").unwrap();
        assert_eq!(script.text(script.chain_start(last)), "env");
        assert_eq!(script.text(script.chain_end(2)), "token");
    }

    #[test]
    fn names_are_known_by_what_they_stand_for() {
        let script = Script::parse("const a: string = b.c\nlet d = [e, f], g = h;\nfunction i(j) { return k }\nl.m = n");
        let found: Vec<_> = script.definitions().into_iter().map(|(name, places)| (name, script.shown(places))).collect();
        let expected = [("a", "b.c"), ("d", "[e,f]"), ("g", "h"), ("i", "{return k}")];
        assert_eq!(found, expected.map(|(name, text)| (name, text.to_owned())));
    }

    #[test]
    fn what_is_defined_or_asked_is_not_called() {
        let script = Script::parse("function f(a) { if (b) return g(c); } new H(d); i?.(e)");
        let calls: Vec<_> = script.calls().map(|call| script.shown(call.first..call.open)).collect();
        assert_eq!(calls, ["g", "H", "i?."]);
        let g = script.calls().next().unwrap();
        assert_eq!(script.enclosing(g.first).map(|place| script.text(place)), Some("{"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_and_brackets_belong_together(text in "[a-c.()\\[\\]{}`$'\"/*\\\\ 1?=\n]{0,60}") {
            let script = Script::parse(&text);
            for (place, token) in script.tokens.iter().enumerate() {
                prop_assert!(text.get(token.span.clone()).is_some());
                if let Some(partner) = token.partner {
                    prop_assert_eq!(script.partner(partner), Some(place));
                }
                let _ = (script.chain_start(place), script.chain_end(place), script.enclosing(place));
            }
            prop_assert!(script.tokens.windows(2).all(|pair| pair[0].span.end <= pair[1].span.start));
            let _ = script.calls().count();
        }
    }
}
