//! `file.content`: do files say what they must, and nothing that they must not?

use avouch_model::{
    diagnostic::Source,
    observation::{Population, PositiveControl},
    state::Outcome,
};
use avouch_read::source_text::{Strip, strip};
use serde::{Deserialize, Serialize};

use crate::{
    Example, Judgement, Question, Unasked, Vantage, World,
    parameters::{Globs, Pattern, one},
    sources::{Place, place, texts},
};

/// How many places of one pattern are kept.
const PLACES_MAX: usize = 20;

/// See the module.
pub(super) struct FileContent;

/// What is asked of which files.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    files: Globs,
    #[serde(default)]
    exclude: Globs,
    #[serde(default = "one")]
    files_min: u64,
    #[serde(default)]
    strip: Strip,
    #[serde(default)]
    must_match: Vec<Pattern>,
    #[serde(default)]
    must_match_each: Vec<Pattern>,
    #[serde(default)]
    must_not_match: Vec<Pattern>,
    #[serde(default)]
    sections: Vec<Section>,
    #[serde(default)]
    each_once: Vec<Pattern>,
    #[serde(default)]
    template_markers: Vec<String>,
    #[serde(default)]
    each_value: Vec<EachValue>,
    #[serde(default)]
    before: Vec<Before>,
}

/// Everything that a pattern finds is of a form.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EachValue {
    /// With a group `value`, or the whole match.
    pattern: Pattern,
    is: Pattern,
    #[serde(default = "one")]
    values_min: u64,
}

/// In each file that holds `then`, `first` comes before it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Before {
    first: Pattern,
    then: Pattern,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    heading: Pattern,
    #[serde(default = "one")]
    words_min: u64,
}

/// Where the patterns were found, in the order of the parameters; never what was found.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    files: u64,
    must_match: Vec<Found>,
    /// For each pattern, the files without a match.
    missing_in: Vec<Vec<String>>,
    must_not_match: Vec<Found>,
    sections: Vec<Vec<SectionSeen>>,
    each_once: Vec<Found>,
    template_markers: Vec<Found>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    each_value: Vec<ValuesSeen>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    before: Vec<Ordered>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ValuesSeen {
    values: u64,
    wrong: Found,
}

/// How many files hold what comes second, and where that stands first.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ordered {
    files: u64,
    early: Vec<Place>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Found {
    count: u64,
    places: Vec<Place>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SectionSeen {
    place: Place,
    words: u64,
}

impl Question for FileContent {
    const ID: &'static str = "file.content";
    const QUESTION: &'static str = "Do files say what they must, and nothing that they must not?";
    const VANTAGE: Vantage = Vantage::Repository;
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/file-content.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        if asked.must_match.is_empty()
            && asked.must_match_each.is_empty()
            && asked.must_not_match.is_empty()
            && asked.sections.is_empty()
            && asked.each_once.is_empty()
            && asked.template_markers.is_empty()
            && asked.each_value.is_empty()
            && asked.before.is_empty()
        {
            return Err(Unasked("nothing is asked of the files: give `must_match` or another demand".to_owned()));
        }
        let demands = asked.must_match.iter().chain(&asked.must_match_each).chain(&asked.each_once);
        if let Some(pattern) = demands.into_iter().find(|pattern| pattern.is_match("")) {
            return Err(Unasked(format!("`{}` matches the empty text, so it demands nothing", pattern.as_str())));
        }
        let mut sources = texts(world, &asked.files, &asked.exclude)?;
        for source in &mut sources {
            source.text = strip(&source.path, &source.text, asked.strip);
        }
        let each = |patterns: &[Pattern]| patterns.iter().map(|pattern| found(&sources, pattern)).collect();
        Ok(Seen {
            // A file of which nothing is left says nothing: it is not one that was looked at.
            files: sources.iter().filter(|source| !source.text.trim().is_empty()).count() as u64,
            must_match: each(&asked.must_match),
            missing_in: asked
                .must_match_each
                .iter()
                .map(|pattern| {
                    let without = sources.iter().filter(|source| !pattern.is_match(&source.text));
                    without.take(PLACES_MAX).map(|source| source.path.clone()).collect()
                })
                .collect(),
            must_not_match: each(&asked.must_not_match),
            sections: asked.sections.iter().map(|section| sections(&sources, &section.heading)).collect(),
            each_once: each(&asked.each_once),
            template_markers: asked.template_markers.iter().map(|marker| marked(&sources, marker)).collect(),
            each_value: asked.each_value.iter().map(|each| values(&sources, each)).collect(),
            before: asked.before.iter().map(|before| ordered(&sources, before)).collect(),
        })
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let mut findings = Vec::new();
        for (pattern, found) in asked.must_not_match.iter().zip(&seen.must_not_match) {
            if found.count > 0 {
                findings.push(format!("`{}` must not be there: {}", pattern.as_str(), places(found)));
            }
        }
        for (marker, found) in asked.template_markers.iter().zip(&seen.template_markers) {
            if found.count > 0 {
                findings.push(format!("the text of a template was left: `{marker}` at {}", places(found)));
            }
        }
        for (pattern, found) in asked.must_match.iter().zip(&seen.must_match) {
            if found.count == 0 {
                findings.push(format!("`{}` is nowhere in {}", pattern.as_str(), asked.files.shown()));
            }
        }
        for (pattern, missing) in asked.must_match_each.iter().zip(&seen.missing_in) {
            if !missing.is_empty() {
                findings.push(format!("`{}` is missing in {}", pattern.as_str(), missing.join(", ")));
            }
        }
        for (section, found) in asked.sections.iter().zip(&seen.sections) {
            let heading = section.heading.as_str();
            match found.iter().max_by_key(|one| one.words) {
                None => findings.push(format!("no heading in {} matches `{heading}`", asked.files.shown())),
                Some(longest) if longest.words < section.words_min => findings.push(format!(
                    "the section at {} has {} words; at least {} are expected",
                    longest.place, longest.words, section.words_min
                )),
                Some(_) => {}
            }
        }
        for (pattern, found) in asked.each_once.iter().zip(&seen.each_once) {
            if found.count != 1 {
                let times = if found.count == 0 { "nowhere".to_owned() } else { places(found) };
                findings.push(format!("`{}` must be there exactly once, and is {times}", pattern.as_str()));
            }
        }
        for (each, found) in asked.each_value.iter().zip(&seen.each_value) {
            if found.wrong.count > 0 {
                findings.push(format!(
                    "what `{}` finds must be `{}`: {}",
                    each.pattern.as_str(),
                    each.is.as_str(),
                    places(&found.wrong)
                ));
            }
        }
        for (before, ordered) in asked.before.iter().zip(&seen.before) {
            if ordered.files == 0 {
                findings.push(format!("`{}` is nowhere in {}", before.then.as_str(), asked.files.shown()));
            }
            for place in &ordered.early {
                findings.push(format!("`{}` stands at {place} before any `{}`", before.then.as_str(), before.first.as_str()));
            }
        }
        // Files that are not there were not looked at: a demand on their text is unmet, a prohibition is untested.
        if seen.files == 0 {
            findings.clear();
        }
        let few = asked.each_value.iter().zip(&seen.each_value).any(|(each, found)| found.values < each.values_min.max(1));
        Judgement::decide(
            Population { examined: if few { 0 } else { seen.files }, required: asked.files_min.max(1) },
            PositiveControl::NotNeeded,
            missing(seen, asked).into_iter().chain(findings).collect(),
            sentence(seen.files),
        )
    }
}

/// A file that must say something and does not exist is a failure, not an absence of evidence.
fn missing(seen: &Seen, asked: &Asked) -> Option<String> {
    let demanded =
        asked.must_match.len() + asked.must_match_each.len() + asked.sections.len() + asked.each_once.len() + asked.before.len();
    (seen.files == 0 && demanded > 0).then(|| format!("no file matches {}", asked.files.shown()))
}

fn sentence(files: u64) -> String {
    match files {
        1 => "One file was read; it says what it must and nothing that it must not.".to_owned(),
        many => format!("{many} files were read; they say what they must and nothing that they must not."),
    }
}

fn places(found: &Found) -> String {
    let shown: Vec<_> = found.places.iter().take(5).map(ToString::to_string).collect();
    let more = found.count.saturating_sub(shown.len() as u64);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{rest}", shown.join(", "))
}

fn found(sources: &[Source], pattern: &Pattern) -> Found {
    let mut found = Found::default();
    for source in sources {
        for one in pattern.find_iter(&source.text) {
            found.add(source, one.start());
        }
    }
    found
}

fn values(sources: &[Source], each: &EachValue) -> ValuesSeen {
    let mut seen = ValuesSeen::default();
    for source in sources {
        for captures in each.pattern.captures_iter(&source.text) {
            let Some(value) = captures.name("value").or_else(|| captures.get(0)) else { continue };
            seen.values += 1;
            if !each.is.is_whole(value.as_str()) {
                seen.wrong.add(source, value.start());
            }
        }
    }
    seen
}

fn ordered(sources: &[Source], before: &Before) -> Ordered {
    let mut ordered = Ordered::default();
    for source in sources {
        let Some(then) = before.then.find(&source.text) else { continue };
        ordered.files += 1;
        let first = before.first.find(&source.text).map(|first| first.start());
        if first.is_none_or(|first| first >= then.start()) && ordered.early.len() < PLACES_MAX {
            ordered.early.push(place(source, then.start()));
        }
    }
    ordered
}

fn marked(sources: &[Source], marker: &str) -> Found {
    let mut found = Found::default();
    if !marker.is_empty() {
        for source in sources {
            for (at, _) in source.text.match_indices(marker) {
                found.add(source, at);
            }
        }
    }
    found
}

impl Found {
    fn add(&mut self, source: &Source, at: usize) {
        self.count += 1;
        if self.places.len() < PLACES_MAX {
            self.places.push(place(source, at));
        }
    }
}

/// In each file, the longest section whose heading matches: words until the next heading of the same or a higher level,
/// those of headings left out. ATX and setext headings (CommonMark 0.31, sections 4.2 and 4.3); fenced code is no heading.
fn sections(sources: &[Source], heading: &Pattern) -> Vec<SectionSeen> {
    let mut seen = Vec::new();
    for source in sources {
        let text = strip("section.md", &source.text, Strip::Comments);
        let headings = headings(&text);
        // The words under each heading until the next one of any level.
        let own: Vec<usize> = headings
            .iter()
            .enumerate()
            .map(|(index, one)| {
                let end = headings.get(index + 1).map_or(text.len(), |next| next.start);
                words(text.get(one.end..end).unwrap_or_default())
            })
            .collect();
        let longest = headings
            .iter()
            .enumerate()
            .filter(|(_, one)| heading.is_match(&one.title))
            .map(|(index, one)| {
                let inner = headings.iter().skip(index + 1).take_while(|next| next.level > one.level).count();
                let words: usize = own.iter().skip(index).take(inner + 1).sum();
                (words, one.start)
            })
            .max_by_key(|(words, start)| (*words, std::cmp::Reverse(*start)));
        seen.extend(longest.map(|(words, start)| SectionSeen { place: place(source, start), words: words as u64 }));
    }
    seen
}

struct Heading {
    level: usize,
    title: String,
    start: usize,
    end: usize,
}

fn headings(text: &str) -> Vec<Heading> {
    let mut headings = Vec::new();
    let mut fence: Option<&str> = None;
    let mut before: Option<(usize, &str)> = None;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let end = start + line.len();
        let trimmed = line.trim();
        let mark = ["```", "~~~"].into_iter().find(|mark| trimmed.starts_with(mark));
        if let Some(open) = fence {
            if mark == Some(open) {
                fence = None;
            }
            before = None;
        } else if mark.is_some() {
            fence = mark;
            before = None;
        } else {
            let level = trimmed.bytes().take_while(|byte| *byte == b'#').count();
            let after = trimmed.get(level..).unwrap_or_default();
            let underline = |mark| !trimmed.is_empty() && trimmed.chars().all(|each| each == mark);
            if (1..=6).contains(&level) && (after.is_empty() || after.starts_with([' ', '\t'])) {
                headings.push(Heading { level, title: after.trim().trim_end_matches('#').trim_end().to_owned(), start, end });
                before = None;
            } else if let Some((title_start, title)) = before
                && (underline('=') || underline('-'))
            {
                headings.push(Heading {
                    level: if underline('=') { 1 } else { 2 },
                    title: title.to_owned(),
                    start: title_start,
                    end,
                });
                before = None;
            } else {
                before = (!trimmed.is_empty()).then_some((start, trimmed));
            }
        }
        start = end;
    }
    headings
}

/// Words with at least one letter or digit.
fn words(text: &str) -> usize {
    text.split_whitespace().filter(|word| word.chars().any(char::is_alphanumeric)).count()
}

const ASKED: &str = r#"{"files":"SECURITY.md","sections":[{"heading":"(?i)safe harbou?r","words_min":25}],"template_markers":["Use this section to tell people"]}"#;
const MAIL: &str = r#"{"files":"fixtures/**","each_value":[{"pattern":"@(?<value>[a-z0-9.-]+)","is":"(.*\\.)?example\\.com"}]}"#;
const SOURCES: &str =
    r#"{"files":"src/routes/*.ts","strip":"comments","must_not_match":["(query|param|header)[^\\n]{0,40}org_?id"]}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "the section is there and says something",
        asked: ASKED,
        seen: r#"{"files":1,"must_match":[],"missing_in":[],"must_not_match":[],"sections":[[{"place":{"file":"SECURITY.md","line":9,"column":1},"words":61}]],"each_once":[],"template_markers":[{"count":0,"places":[]}]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "no handler reads the tenant from the request",
        asked: SOURCES,
        seen: r#"{"files":4,"must_match":[],"missing_in":[],"must_not_match":[{"count":0,"places":[]}],"sections":[],"each_once":[],"template_markers":[]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "every address in the fixtures is reserved",
        asked: MAIL,
        seen: r#"{"files":2,"must_match":[],"missing_in":[],"must_not_match":[],"sections":[],"each_once":[],"template_markers":[],"each_value":[{"values":9,"wrong":{"count":0,"places":[]}}]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "one address belongs to somebody",
        asked: MAIL,
        seen: r#"{"files":2,"must_match":[],"missing_in":[],"must_not_match":[],"sections":[],"each_once":[],"template_markers":[],"each_value":[{"values":9,"wrong":{"count":1,"places":[{"file":"fixtures/a.json","line":3,"column":20}]}}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "there is no address of which it could be said",
        asked: MAIL,
        seen: r#"{"files":2,"must_match":[],"missing_in":[],"must_not_match":[],"sections":[],"each_once":[],"template_markers":[],"each_value":[{"values":0,"wrong":{"count":0,"places":[]}}]}"#,
        outcome: Outcome::NotExercised,
    },
    Example {
        name: "the heading stands alone",
        asked: ASKED,
        seen: r#"{"files":1,"must_match":[],"missing_in":[],"must_not_match":[],"sections":[[{"place":{"file":"SECURITY.md","line":9,"column":1},"words":0}]],"each_once":[],"template_markers":[{"count":0,"places":[]}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the file is the untouched template",
        asked: ASKED,
        seen: r#"{"files":1,"must_match":[],"missing_in":[],"must_not_match":[],"sections":[[{"place":{"file":"SECURITY.md","line":9,"column":1},"words":61}]],"each_once":[],"template_markers":[{"count":1,"places":[{"file":"SECURITY.md","line":3,"column":1}]}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "one handler reads the tenant from the query",
        asked: SOURCES,
        seen: r#"{"files":4,"must_match":[],"missing_in":[],"must_not_match":[{"count":1,"places":[{"file":"src/routes/a.ts","line":3,"column":20}]}],"sections":[],"each_once":[],"template_markers":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "a file that must say something does not exist",
        asked: ASKED,
        seen: r#"{"files":0,"must_match":[],"missing_in":[],"must_not_match":[],"sections":[[]],"each_once":[],"template_markers":[{"count":0,"places":[]}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "no source was found in which nothing forbidden could be",
        asked: SOURCES,
        seen: r#"{"files":0,"must_match":[],"missing_in":[],"must_not_match":[{"count":0,"places":[]}],"sections":[],"each_once":[],"template_markers":[]}"#,
        outcome: Outcome::NotExercised,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;

    fn judge(scene: &Scene, asked: &str) -> Judgement {
        let asked: Asked = serde_json::from_str(asked).unwrap();
        let seen = scene.with(|world| FileContent::gather(world, &asked)).unwrap();
        FileContent::judge(&seen, &asked)
    }

    #[test]
    fn a_section_is_counted_until_the_next_of_its_level() {
        let text = "# Security\n\n## Safe harbour\n\none two <!-- not these words --> three\n\n### Detail\n\nfour\n\n\
                    ```\n# no heading\n```\n\n## Scope\n\nother words here\n";
        let scene = Scene::of([("SECURITY.md", text)]);
        let ask =
            |words| format!(r#"{{"files":"SECURITY.md","sections":[{{"heading":"(?i)safe harbou?r","words_min":{words}}}]}}"#);
        // one two three four, and `no heading` within the code.
        assert_eq!(judge(&scene, &ask(6)).outcome, Outcome::Pass);
        assert_eq!(judge(&scene, &ask(7)).outcome, Outcome::Fail);
    }

    #[test]
    fn an_underlined_heading_is_a_heading() {
        let scene = Scene::of([("S.md", "Safe harbour\n------------\n\nWe will not sue.\n")]);
        let asked = r#"{"files":"S.md","sections":[{"heading":"Safe","words_min":4}]}"#;
        assert_eq!(judge(&scene, asked).outcome, Outcome::Pass);
    }

    #[test]
    fn a_comment_does_not_count_as_code_and_a_place_is_named() {
        let scene = Scene::of([
            ("src/routes/a.ts", "// c.req.query('org_id')\nconst a = 1;\n"),
            ("src/routes/b.ts", "const b = 2;\nx(c.req.query('org_id'));\n"),
        ]);
        let judgement = judge(&scene, SOURCES);
        assert_eq!(judgement.outcome, Outcome::Fail);
        assert!(judgement.findings[0].contains("src/routes/b.ts:2:9"), "{:?}", judgement.findings);
        assert!(!judgement.findings[0].contains("a.ts:"));
    }

    #[test]
    fn each_once_is_neither_none_nor_twice() {
        let scene = Scene::of([("m.md", "## API1:2023\n## API2:2023\n## API2:2023\n")]);
        let ask = |number| format!(r#"{{"files":"m.md","each_once":["(?m)^## API{number}:2023"]}}"#);
        assert_eq!(judge(&scene, &ask(1)).outcome, Outcome::Pass);
        assert_eq!(judge(&scene, &ask(2)).outcome, Outcome::Fail);
        assert_eq!(judge(&scene, &ask(3)).outcome, Outcome::Fail);
    }

    #[test]
    fn everything_that_is_found_is_of_the_form_and_something_is_found() {
        let judged = |text: &str| judge(&Scene::of([("fixtures/a.json", text)]), MAIL).outcome;
        assert_eq!(judged("ann@example.com bob@mail.example.com"), Outcome::Pass);
        assert_eq!(judged("ann@example.com bob@example.com.evil.test"), Outcome::Fail);
        assert_eq!(judged("nobody"), Outcome::NotExercised);
    }

    #[test]
    fn what_comes_first_stands_before_what_comes_second() {
        let asked = r#"{"files":"src/*.js","strip":"comments","before":[{"first":"resolveTenant\\(","then":"env\\.[A-Z]"}]}"#;
        let judge = |text: &str| judge(&Scene::of([("src/a.js", text)]), asked);
        assert_eq!(judge("const t = resolveTenant(request);\nuse(env.CACHE);\n").outcome, Outcome::Pass);
        let early = judge("// resolveTenant(\nuse(env.CACHE);\nresolveTenant(request);\n");
        assert!(early.findings[0].contains("src/a.js:2:5"), "{:?}", early.findings);
        assert_eq!(judge("use(env.CACHE)").outcome, Outcome::Fail);
        assert_eq!(judge("resolveTenant(request)").outcome, Outcome::Fail);
    }

    #[test]
    fn a_demand_of_nothing_is_not_put() {
        let asked: Asked = serde_json::from_str(r#"{"files":"a"}"#).unwrap();
        assert!(Scene::of([("a", "")]).with(|world| FileContent::gather(world, &asked)).is_err());
    }
}
