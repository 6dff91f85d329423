//! The whole site, from the outside: its links, its languages, its limits, and text that tries to become a page.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
};

use avouch_model::{
    Digest,
    assessment::Reason,
    entry::EntryKind,
    payload::{Payload, SiteManifest},
    state::State,
};
use avouch_render::export::{self, Findings};
use sample::{Log, Sample, at, grow, sample, with_view};

mod sample;

type Pages = BTreeMap<String, Vec<u8>>;

fn render(sample: &Sample) -> Pages {
    let mut pages = Pages::new();
    let mut write = |path: &str, bytes: &[u8]| -> Result<(), Infallible> {
        assert!(pages.insert(path.to_owned(), bytes.to_vec()).is_none(), "{path} was written twice");
        Ok(())
    };
    let files = with_view(sample, |view| avouch_render::site(view, &mut write)).unwrap();
    assert_eq!(files, pages.len() as u64);
    pages
}

fn plain() -> Sample {
    sample(&str::to_owned)
}

fn text<'a>(pages: &'a Pages, path: &str) -> &'a str {
    std::str::from_utf8(pages.get(path).unwrap_or_else(|| panic!("no {path}"))).unwrap()
}

/// The elements of a page with their attributes, values decoded; panics on a `<` that begins nothing.
fn elements(html: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut found = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        if rest.starts_with('/') || rest.starts_with("!DOCTYPE") || rest.starts_with("?xml") {
            continue;
        }
        let name: String = rest.chars().take_while(char::is_ascii_alphanumeric).collect();
        assert!(!name.is_empty(), "a bare `<` before {:?}", rest.get(..40));
        rest = &rest[name.len()..];
        let mut attributes = Vec::new();
        loop {
            rest = rest.trim_start();
            if let Some(after) = rest.strip_prefix("/>").or_else(|| rest.strip_prefix('>')) {
                rest = after;
                break;
            }
            let end = rest.find('=').unwrap();
            let attribute = rest[..end].to_owned();
            assert!(
                attribute.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-:".contains(&byte)),
                "attribute {attribute:?}"
            );
            let value = rest[end + 1..].strip_prefix('"').unwrap();
            let close = value.find('"').unwrap();
            let decoded = value[..close].replace("&lt;", "<").replace("&quot;", "\"").replace("&#39;", "'").replace("&amp;", "&");
            attributes.push((attribute, decoded));
            rest = &value[close + 1..];
        }
        found.push((name, attributes));
    }
    found
}

fn attribute<'a>(attributes: &'a [(String, String)], name: &str) -> Option<&'a str> {
    attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// The path that a relative link leads to, from the folder of a page.
fn resolve(page: &str, link: &str) -> String {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            ".." => {
                assert!(parts.pop().is_some(), "{page} links out of the site: {link}");
            }
            "." => {}
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

fn html(pages: &Pages) -> impl Iterator<Item = (&String, &str)> {
    pages.iter().filter(|(path, _)| path.ends_with(".html")).map(|(path, bytes)| (path, std::str::from_utf8(bytes).unwrap()))
}

/// Every link of every page leads to a file of the site, to the record beside it, or to the web; every anchor exists.
fn check_links(pages: &Pages) -> usize {
    let ids: BTreeMap<&String, BTreeSet<String>> = html(pages)
        .map(|(path, page)| {
            let ids: Vec<String> =
                elements(page).iter().filter_map(|(_, attributes)| attribute(attributes, "id").map(str::to_owned)).collect();
            let unique: BTreeSet<String> = ids.iter().cloned().collect();
            assert_eq!(ids.len(), unique.len(), "{path} has an id twice");
            (path, unique)
        })
        .collect();
    let mut links = 0;
    for (path, page) in html(pages) {
        for (_, attributes) in elements(page) {
            let Some(link) = attribute(&attributes, "href") else { continue };
            links += 1;
            if ["https://", "http://", "mailto:"].iter().any(|scheme| link.starts_with(scheme)) {
                continue;
            }
            assert!(!link.starts_with('/') && !link.contains(':'), "{path} has a link that is not relative: {link}");
            let (file, anchor) = link.split_once('#').map_or((link, None), |(file, anchor)| (file, Some(anchor)));
            let target = if file.is_empty() { path.clone() } else { resolve(path, file) };
            let beside = target == "checkpoint" || target.starts_with("blob/sha256/") || target.starts_with("dsse/sha256/");
            assert!(beside || pages.contains_key(&target), "{path} links to {target}, which is not there");
            if let Some(anchor) = anchor {
                assert!(ids.get(&target).is_some_and(|ids| ids.contains(anchor)), "{path}: no #{anchor} in {target}");
            }
        }
    }
    links
}

#[test]
fn every_link_and_anchor_leads_somewhere() {
    assert!(check_links(&render(&plain())) > 1_000);
}

#[test]
fn both_languages_have_the_same_pages_and_name_each_other() {
    let pages = render(&plain());
    let of = |language: &str| -> BTreeSet<String> {
        let prefix = format!("{language}/");
        pages.keys().filter_map(|path| path.strip_prefix(&prefix).map(str::to_owned)).collect()
    };
    assert_eq!(of("en"), of("fr"));
    assert!(of("en").len() > 60);
    for (path, page) in html(&pages).filter(|(path, _)| path.starts_with("en/") || path.starts_with("fr/")) {
        let language = &path[..2];
        assert!(page.contains(&format!("<html lang=\"{language}\">")), "{path}");
        let twins: BTreeMap<String, String> = elements(page)
            .into_iter()
            .filter(|(name, attributes)| name == "link" && attribute(attributes, "hreflang").is_some())
            .map(|(_, attributes)| {
                (attribute(&attributes, "hreflang").unwrap().to_owned(), resolve(path, attribute(&attributes, "href").unwrap()))
            })
            .collect();
        assert_eq!(twins.len(), 2, "{path}");
        assert_eq!(&twins["en"][2..], &twins["fr"][2..]);
        assert_eq!(&twins[language], path);
        let json = path.replace("index.html", "index.json");
        let twin: serde_json::Value = serde_json::from_slice(&pages[&json]).unwrap();
        assert!(
            !twin.is_null() && page.contains("<link rel=\"alternate\" type=\"application/json\" href=\"index.json\">"),
            "{path}"
        );
    }
}

#[test]
fn the_same_view_gives_the_same_bytes_and_publishing_does_not_change_them() {
    let mut sample = plain();
    let once = render(&sample);
    assert_eq!(once, render(&sample));
    let mut log = Log { entries: std::mem::take(&mut sample.entries) };
    let manifest = SiteManifest { v: 1, entries: 97, files: BTreeMap::new() };
    log.add(at("2026-11-21T06:03:00Z"), EntryKind::Site, "site", Digest::of(b"site"), Payload::Site(manifest));
    sample.entries = log.entries;
    assert_eq!(once, render(&sample));
}

#[test]
fn pages_stay_within_their_budget_and_load_nothing() {
    let pages = render(&plain());
    assert!(pages["site.css"].len() <= 10_000);
    for (path, page) in html(&pages) {
        assert!(page.len() <= 60_000, "{path} has {} bytes", page.len());
        assert!(page.contains("default-src 'none'; style-src 'self'; img-src 'self'"), "{path}");
        for (name, attributes) in elements(page) {
            assert!(!["script", "iframe", "img", "object", "form", "style"].contains(&name.as_str()), "{path} has {name}");
            assert!(attribute(&attributes, "style").is_none(), "{path}");
        }
    }
}

#[test]
fn states_are_said_in_words_with_their_reasons() {
    let pages = render(&plain());
    let overview = text(&pages, "en/index.html");
    assert!(overview.contains("10 of our 14 security claims have been tested: 6 hold, 1 failed, 1 failed under a waiver, 2 could not be decided. 2 are not tested, 1 rests on a provider’s word, 1 is promised for later."));
    assert!(text(&pages, "fr/index.html").contains("6 tiennent, 1 a échoué, 1 a échoué sous dérogation"));
    for (page, words) in [
        ("en/controls/auth-floor/index.html", "Tested with floor ms 60; the claim says 80."),
        ("en/controls/cors/index.html", "Waived until 31\u{a0}Dec\u{a0}2026"),
        ("en/controls/webhooks/index.html", "<code>targets.api.routes.fetch</code>"),
        ("en/controls/rate-limit/index.html", "Details are sealed until released."),
        ("en/controls/rate-limit/index.html", "69 days passed, 4 failed, 2 not run, 15 before the record began"),
        ("en/requirements/API6-2023/index.html", "15\u{a0}January\u{a0}2027"),
        ("fr/controls/at-rest/index.html", "Hérité (parole du fournisseur)"),
        ("fr/controls/signing/index.html", "<span lang=\"en\">Each release is signed.</span>"),
        ("en/decisions/index.html", "In force, used"),
    ] {
        assert!(text(&pages, page).contains(words), "{page} does not say {words:?}");
    }
}

#[test]
fn a_control_tested_in_part_says_so_and_leads_to_no_answer_that_the_run_lacks() {
    let mut sample = plain();
    let failing = sample.assessment.checks.iter_mut().find(|finding| finding.state == State::Fail).unwrap();
    (failing.state, failing.last) = (State::NotConfigured, None);
    let control = sample.assessment.controls.iter_mut().find(|finding| finding.state == State::Fail).unwrap();
    (control.state, control.passed) = (State::NotConfigured, 1);
    assert!(control.last.is_some());
    let page = format!("en/controls/{}/index.html", control.control);
    let pages = render(&sample);
    assert!(text(&pages, &page).contains("Tested in part") && text(&pages, "en/index.html").contains("Tested in part"));
    check_links(&pages);
    sample.assessment.controls.iter_mut().for_each(|finding| finding.passed = 0);
    assert!(!text(&render(&sample), &page).contains("Tested in part"));
}

#[test]
fn what_may_keep_a_row_longer_is_said_beside_the_promise() {
    let pages = render(&plain());
    let page = text(&pages, "en/retention/index.html");
    for said in
        ["Rows are moved to an archive", "Rows under a legal hold stay", "<dd>812</dd>", "none of the values sampled before"]
    {
        assert!(page.contains(said), "{said}");
    }
    for said in ["days, until", "not stated: nobody here knows", "<dd>61</dd>", "<dd>3</dd>"] {
        assert!(page.contains(said), "{said}");
    }
    assert!(!page.contains("Customers may have periods") && !page.contains("Only some of the rows"));
    assert!(text(&pages, "fr/retention/index.html").contains("gel légal"));
}

#[test]
fn absence_is_not_a_pass() {
    let mut sample = plain();
    let assessment = &mut sample.assessment;
    assessment.checks.clear();
    assessment.claims.clear();
    assessment.controls.clear();
    assessment.requirements.clear();
    assessment.retention.clear();
    assessment.attention.clear();
    sample.entries.clear();
    let pages = render(&sample);
    check_links(&pages);
    for (path, page) in html(&pages).filter(|(path, _)| path.contains("controls/") || *path == "en/index.html") {
        assert!(!page.contains("state pass"), "{path}");
    }
}

#[test]
fn sealed_and_withdrawn_payloads_keep_their_page() {
    let pages = render(&plain());
    let withdrawn = text(&pages, &avouch_render::evidence_page(&Digest::of(b"gone"))).to_owned();
    assert!(withdrawn.contains("Withdrawn") && withdrawn.contains("it was recorded by mistake"));
    let sealed = text(&pages, &avouch_render::evidence_page(&Digest::of(b"details 74"))).to_owned();
    assert!(sealed.contains("Details are sealed until released.") && !sealed.contains("blob/"));
    let mut sample = plain();
    sample.entries.retain(|recorded| recorded.entry.kind != EntryKind::Withdrawal);
    let pages = render(&sample);
    let missing = text(&pages, &avouch_render::evidence_page(&Digest::of(b"gone"))).to_owned();
    assert!(missing.contains("no withdrawal accounts for it"));
}

#[test]
fn a_providers_promise_is_not_shown_as_a_pass_on_its_run() {
    let pages = render(&plain());
    let run = text(&pages, &avouch_render::evidence_page(&Digest::of(b"run 74"))).to_owned();
    let row = run.split("<tr").find(|row| row.contains("id=\"provider-at-rest\"")).unwrap();
    assert!(row.contains("Inherited") && !row.contains("state pass"), "{row}");
}

#[test]
fn security_txt_is_as_rfc_9116_asks() {
    let mut sample = plain();
    sample.base_url = Some("https://trust.example.com/ck/".into());
    let pages = render(&sample);
    assert_eq!(
        text(&pages, ".well-known/security.txt"),
        "Contact: mailto:security@example.com\nExpires: 2027-05-20T06:02:00Z\nPreferred-Languages: en, fr\n\
         Canonical: https://trust.example.com/ck/.well-known/security.txt\nPolicy: https://trust.example.com/ck/en/disclosure/index.html\n"
    );
    assert!(text(&pages, "404.html").contains("href=\"/ck/site.css\""));
    assert!(text(&pages, "sitemap.xml").contains("<loc>https://trust.example.com/ck/fr/controls/tls/index.html</loc>"));
    sample.scope.disclosure.contact = None;
    let pages = render(&sample);
    assert!(!pages.contains_key(".well-known/security.txt"));
    assert!(text(&pages, "en/disclosure/index.html").contains("disclosure.contact"));
    assert_eq!(with_view(&sample, avouch_render::security_md), None);
}

#[test]
fn security_md_makes_the_promises_of_the_page() {
    let policy = with_view(&plain(), avouch_render::security_md).unwrap();
    assert!(policy.starts_with("# Vulnerability disclosure policy\n"));
    for promise in [
        "within **48 hours**",
        "critical severity is fixed within **14 days** of receipt",
        "[security@example.com](<mailto:security@example.com>)",
    ] {
        assert!(policy.contains(promise), "{promise}");
    }
    assert!(!policy.contains('{') && !policy.contains('}'));
}

/// Everything that text might try.
const HOSTILE: &str = "../x</title><script>alert(1)</script><img src=x onerror=alert(1)>\" onclick=\"x' style='y ]]> {{7*7}} {x} \u{202e}\u{200f}\0\u{1b}[31m\r\n# h\n<a href=//evil.example>e</a> [l](javascript:alert(1)) &lt;b&gt; %2e%2e/";

#[test]
fn hostile_text_creates_no_element_no_attribute_and_no_path() {
    let benign: BTreeSet<(String, String)> = shapes(&render(&plain()));
    let hostile = sample(&|text: &str| format!("{text}{HOSTILE}"));
    let pages = render(&hostile);
    check_links(&pages);
    for path in pages.keys() {
        let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte);
        assert!(
            path.bytes().all(safe) && !path.split('/').any(|part| part.is_empty() || part == ".." || part == "."),
            "{path:?}"
        );
    }
    let new: Vec<_> = shapes(&pages).difference(&benign).cloned().collect();
    assert_eq!(new, [], "elements and attributes that only hostile text makes");
    for (path, bytes) in &pages {
        let page = std::str::from_utf8(bytes).unwrap();
        assert!(!page.contains("{{7*7}} 49") && !page.contains("<script"), "{path}");
        if path.ends_with(".html") || path.ends_with(".xml") || path.ends_with(".atom") || path.ends_with(".txt") {
            let deceiving = |character: char| matches!(character, '\0' | '\u{1b}' | '\u{202e}' | '\u{200f}' | '\r');
            assert!(!page.contains(deceiving), "{path}");
            for (name, attributes) in if path.ends_with(".txt") { Vec::new() } else { elements(page) } {
                for (attribute, value) in attributes.iter().filter(|(attribute, _)| attribute == "href") {
                    assert!(!value.contains("evil") && !value.contains("javascript"), "{path}: {name} {attribute} {value}");
                }
            }
        }
    }
}

/// Every element with each of its attributes, over all pages, feeds and maps.
fn shapes(pages: &Pages) -> BTreeSet<(String, String)> {
    pages
        .iter()
        .filter(|(path, _)| [".html", ".atom", ".xml"].iter().any(|end| path.ends_with(end)))
        .flat_map(|(_, bytes)| elements(std::str::from_utf8(bytes).unwrap()))
        .flat_map(|(name, attributes)| {
            let bare = (name.clone(), String::new());
            attributes.into_iter().map(move |(attribute, _)| (name.clone(), attribute)).chain([bare])
        })
        .collect()
}

#[test]
fn two_things_of_one_name_are_refused() {
    let mut sample = plain();
    let twin = sample.scope.catalogue.controls[0].clone();
    sample.scope.catalogue.controls.push(twin);
    let mut write = |_: &str, _: &[u8]| -> Result<(), Infallible> { Ok(()) };
    let error = with_view(&sample, |view| avouch_render::site(view, &mut write)).unwrap_err();
    assert!(error.to_string().contains("en/controls/rate-limit/index.html"), "{error}");
}

#[test]
fn a_french_site_has_no_english_pages() {
    let mut sample = plain();
    sample.scope.product.languages = vec!["fr".into()];
    let pages = render(&sample);
    assert!(!pages.keys().any(|path| path.starts_with("en/")));
    check_links(&pages);
}

#[test]
fn the_log_is_paged_and_its_full_pages_never_change() {
    let mut sample = plain();
    grow(&mut sample, 400);
    let before = render(&sample);
    assert!(before.contains_key("en/log/0/index.json") && before.contains_key("en/log/3/index.json"));
    grow(&mut sample, 10);
    let after = render(&sample);
    let entries = |pages: &Pages| {
        let twin: serde_json::Value = serde_json::from_slice(&pages["en/log/1/index.json"]).unwrap();
        twin["entries"].clone()
    };
    assert_eq!(entries(&before), entries(&after));
    for (path, page) in html(&after) {
        assert!(page.len() <= 60_000, "{path} has {} bytes", page.len());
    }
    check_links(&after);
}

/// The work grows with the pages: ten times the payloads give ten times the bytes, not a hundred.
#[test]
fn output_is_linear_in_the_payloads() {
    let bytes = |payloads: usize| -> usize {
        let mut sample = plain();
        grow(&mut sample, payloads);
        render(&sample).values().map(Vec::len).sum()
    };
    let (base, small, large) = (bytes(0), bytes(200), bytes(2_000));
    assert!(large - base <= (small - base) * 11, "{base} {small} {large}");
}

#[test]
fn every_reason_has_a_sentence_in_both_languages() {
    let reasons = [
        Reason::Unfilled { keys: vec!["a.b".into()] },
        Reason::NeverAsked,
        Reason::TooFew,
        Reason::CouldNotAsk,
        Reason::TooOld { since: at("2026-11-01T00:00:00Z") },
        Reason::OtherRelease,
        Reason::ReleaseUnproven,
        Reason::Unreleased,
        Reason::NotApplicable { reason: "No upload.".into() },
        Reason::FromTheFuture,
    ];
    let mut said = BTreeSet::new();
    for reason in reasons {
        let mut sample = plain();
        sample.assessment.checks[0].reason = Some(reason);
        sample.assessment.checks[0].state = State::NoData;
        let pages = render(&sample);
        for language in ["en", "fr"] {
            said.insert(text(&pages, &format!("{language}/controls/rate-limit/index.html")).to_owned());
        }
    }
    assert_eq!(said.len(), 20);
}

/// A product with four hundred checks in this state, each with a long question.
fn many(state: State) -> Sample {
    let mut sample = plain();
    let (check, finding) = (sample.scope.catalogue.checks[0].clone(), sample.assessment.checks[0].clone());
    for number in 0..400 {
        let mut check = check.clone();
        check.id = format!("check-{number}");
        check.question.en = "Is it so? ".repeat(60);
        let mut finding = finding.clone();
        finding.check.clone_from(&check.id);
        finding.state = state;
        sample.scope.catalogue.claims[0].checks.push(check.id.clone());
        sample.scope.catalogue.checks.push(check);
        sample.assessment.checks.push(finding);
    }
    sample
}

#[test]
fn a_comment_is_no_longer_than_a_forge_takes() {
    let markdown =
        |sample: &Sample, before| export::markdown(&sample.assessment, &sample.scope.catalogue, Findings::InTheLog, before);
    let (fails, passed) = (many(State::Fail), many(State::Pass));
    for text in [markdown(&fails, None), markdown(&fails, Some(&passed.assessment)), markdown(&passed, Some(&fails.assessment))] {
        assert!(text.len() < 65_536, "{}", text.len());
        assert!(text.contains(" more; `avouch check` shows all"));
        assert_eq!(text.matches("<details>").count(), text.matches("</details>").count());
    }
}

#[test]
fn a_code_scanning_view_is_given_what_is_open_and_where_to_show_it() {
    let sample = many(State::Pass);
    let text = export::sarif(&sample.assessment, &sample.scope.catalogue, Findings::InTheLog, "avouch 0.1.0", "api/a vouch.toml");
    let sarif: serde_json::Value = serde_json::from_str(&text).unwrap();
    let run = &sarif["runs"][0];
    assert!(run["tool"]["driver"]["rules"].as_array().unwrap().len() > 400, "what was asked is told");
    let results = run["results"].as_array().unwrap();
    assert!(!results.is_empty());
    for result in results {
        assert!(
            ["fail", "waived", "error", "no_data", "stale"].contains(&result["properties"]["state"].as_str().unwrap()),
            "{result}"
        );
        assert_eq!(result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"], "api/a%20vouch.toml");
    }
}
