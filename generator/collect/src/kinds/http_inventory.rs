//! `http.inventory`: does the target answer what its OpenAPI document says, and nothing else?

use std::collections::{BTreeMap, BTreeSet};

use avouch_model::{
    observation::{Population, PositiveControl},
    product::ProbeClass,
    state::Outcome,
};
use avouch_probe::{Credential, Request};
use avouch_read::structured::{Document, Node};
use serde::{Deserialize, Serialize};

use super::http_call::{Site, is_success, listed, not_all};
use crate::{
    Example, Judgement, Question, Unasked, Vantage, World,
    parameters::{Globs, one},
    parsed::Form,
    sources::FILE_BYTES_MAX,
};

/// The methods that an operation of OpenAPI can have, and that are asked for where it has not.
const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];
/// Where documents and consoles stand that nobody meant to publish.
const DOCUMENTS: [&str; 12] = [
    "/openapi.json",
    "/openapi.yaml",
    "/swagger.json",
    "/swagger/v1/swagger.json",
    "/swagger-ui/index.html",
    "/v3/api-docs",
    "/api-docs",
    "/docs",
    "/redoc",
    "/graphiql",
    "/.git/HEAD",
    "/.env",
];
/// How many paths are tried of each sort.
const PATHS_MAX: usize = 100;

/// See the module.
pub(super) struct Inventory;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    target: String,
    documents: Globs,
    #[serde(default)]
    principal: Option<String>,
    #[serde(default)]
    published: Vec<String>,
    #[serde(default)]
    absent: Vec<String>,
    #[serde(default)]
    methods: bool,
    #[serde(default = "gone")]
    gone: Vec<u16>,
    #[serde(default = "one")]
    operations_min: u64,
}

fn gone() -> Vec<u16> {
    vec![404, 405, 410, 501]
}

/// What is declared, and what was answered that is not.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    operations: u64,
    /// Routes of the configuration that the document does not have.
    undeclared: Vec<String>,
    /// The answer to a path that nobody can have, and to a declared operation.
    nowhere: u16,
    somewhere: Option<u16>,
    tried: Vec<Told>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    sort: Sort,
    call: String,
    status: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Sort {
    /// A declared path in another version.
    Version,
    /// A document or console.
    Document,
    /// A path that must not be there.
    Absent,
    /// A method that a declared path does not have.
    Method,
}

impl Question for Inventory {
    const ID: &'static str = "http.inventory";
    const QUESTION: &'static str = "Does the target answer what its document declares, and nothing else?";
    const VANTAGE: Vantage = Vantage::Target(ProbeClass::Active);
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/http-inventory.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        let site = Site::of(world, &asked.target)?;
        let declared = declared(world, &asked.documents)?;
        let operations = declared.values().map(BTreeSet::len).sum::<usize>() as u64;
        let routes = site.target.routes.values();
        let missing = routes.filter(|route| !declares(&declared, &route.method, &route.path));
        let mut seen = Seen {
            operations,
            undeclared: missing.map(|route| format!("{} {}", route.method, route.path)).collect(),
            nowhere: 0,
            somewhere: None,
            tried: Vec::new(),
        };
        if operations == 0 {
            return Ok(seen);
        }
        let somebody = asked.principal.clone().map_or(Credential::None, Credential::Principal);
        let request = |method: &str, path: &str, credential: &Credential| {
            let class = if method == "GET" { ProbeClass::Active } else { ProbeClass::Intrusive };
            Request::new(class, method, &filled(path, &site.random())).credential(credential.clone())
        };
        let mut requests = vec![request("GET", &format!("/{}", site.random()), &somebody)];
        let readable = declared.iter().filter(|(_, methods)| methods.contains("GET")).map(|(path, _)| path);
        let somewhere = readable.clone().find(|path| !path.contains('{')).or_else(|| readable.clone().next());
        requests.extend(somewhere.map(|path| request("GET", path, &somebody)));
        let mut tries: BTreeSet<(Sort, &str, String)> = BTreeSet::new();
        let versions = readable.clone().take(PATHS_MAX).flat_map(|path| other_versions(path));
        tries.extend(versions.map(|path| (Sort::Version, "GET", path)));
        tries.extend(DOCUMENTS.iter().map(|path| (Sort::Document, "GET", (*path).to_owned())));
        tries.extend(asked.absent.iter().map(|path| (Sort::Absent, "GET", path.clone())));
        if asked.methods {
            for (path, methods) in declared.iter().take(PATHS_MAX) {
                let others = METHODS.into_iter().filter(|method| !methods.contains(*method));
                tries.extend(others.map(|method| (Sort::Method, method, path.clone())));
            }
        }
        tries.retain(|(_, method, path)| !declares(&declared, method, path) && !asked.published.contains(path));
        // A document is exposed where nobody has to say who he is.
        let who = |sort| if sort == Sort::Document { &Credential::None } else { &somebody };
        requests.extend(tries.iter().map(|(sort, method, path)| request(method, path, who(*sort))));
        let statuses = site.ask_together(requests)?.into_iter().map(|answer| answer.map(|answer| answer.status));
        let mut statuses = statuses.collect::<Result<Vec<_>, _>>()?.into_iter();
        let mut status = || statuses.next().ok_or_else(not_all);
        seen.nowhere = status()?;
        seen.somewhere = somewhere.map(|_| status()).transpose()?;
        for (sort, method, path) in &tries {
            seen.tried.push(Told { sort: *sort, call: format!("{method} {path}"), status: status()? });
        }
        Ok(seen)
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let mut findings: Vec<String> =
            seen.undeclared.iter().map(|call| format!("`{call}` is in use and not in the document")).collect();
        for Told { sort, call, status } in &seen.tried {
            let there = !asked.gone.contains(status);
            findings.extend(match sort {
                Sort::Version if there => Some(format!("another version answers: `{call}` with {status}")),
                Sort::Absent if there => Some(format!("`{call}` is answered with {status}, and must not be there")),
                Sort::Method if there => Some(format!("the undeclared `{call}` is answered with {status}")),
                Sort::Document if is_success(*status) => Some(format!("`{call}` is open to everybody")),
                _ => None,
            });
        }
        // Where everything is answered alike, no answer tells whether something is there.
        let told_apart = asked.gone.contains(&seen.nowhere) && seen.somewhere.is_none_or(|status| !asked.gone.contains(&status));
        if seen.operations > 0 && !told_apart {
            let somewhere = seen.somewhere.map(|status| format!(", a declared one with {status}")).unwrap_or_default();
            findings.push(format!(
                "a path that nobody has is answered with {}{somewhere}: {} would tell that nothing is there",
                seen.nowhere,
                listed(&asked.gone)
            ));
        }
        Judgement::decide(
            Population { examined: seen.operations, required: asked.operations_min },
            if told_apart || seen.operations == 0 { PositiveControl::Held } else { PositiveControl::Broken },
            findings,
            format!("{} operations are declared; {} calls that are not were tried in vain.", seen.operations, seen.tried.len()),
        )
    }
}

/// The paths of the documents with their methods; `{}` stands for each parameter.
fn declared(world: &World<'_>, documents: &Globs) -> Result<BTreeMap<String, BTreeSet<String>>, Unasked> {
    let mut declared: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for path in world.matching(documents, &Globs::default())? {
        let form = if path.ends_with(".json") { Form::Json } else { Form::Yaml };
        let document = world.document(&path, form, FILE_BYTES_MAX)?;
        let base = base(&document)?;
        let paths = document.root.get("paths").and_then(Node::as_table);
        let paths = paths.ok_or_else(|| Unasked(format!("`{path}` is no OpenAPI document: it has no `paths`")))?;
        for entry in paths.entries() {
            let methods = METHODS.iter().filter(|method| entry.value.get(&method.to_ascii_lowercase()).is_some());
            let place = declared.entry(template(&format!("{base}{}", entry.key))).or_default();
            place.extend(methods.map(|method| (*method).to_owned()));
        }
    }
    Ok(declared)
}

/// What stands before every path: the path of the first server (OpenAPI 3), or `basePath` (Swagger 2).
fn base(document: &Document) -> Result<String, Unasked> {
    let root = &document.root;
    if root.get("openapi").is_none() && root.get("swagger").is_none() {
        return Err(Unasked(format!("`{}` is no OpenAPI document: it names no version", document.source.path)));
    }
    let server = root.pointer("/servers/0/url").or_else(|| root.get("basePath")).and_then(Node::as_text).unwrap_or_default();
    let path = server.split_once("://").map_or(server, |(_, rest)| rest.find('/').map_or("", |slash| &rest[slash..]));
    Ok(path.trim_end_matches('/').to_owned())
}

/// A path with every parameter written alike.
fn template(path: &str) -> String {
    let segment = |segment: &str| if segment.contains('{') { "{}".to_owned() } else { segment.to_owned() };
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

/// A path with its parameters filled by something that nobody has.
fn filled(path: &str, random: &str) -> String {
    template(path).replace("{}", random)
}

fn declares(declared: &BTreeMap<String, BTreeSet<String>>, method: &str, path: &str) -> bool {
    let path = template(path.split('?').next().unwrap_or_default());
    let same = |known: &str| {
        let (mut known, mut asked) = (known.split('/'), path.split('/'));
        loop {
            match (known.next(), asked.next()) {
                (None, None) => break true,
                (Some(one), Some(other)) if one == other || one == "{}" => {}
                _ => break false,
            }
        }
    };
    declared.iter().any(|(known, methods)| methods.contains(method) && same(known))
}

/// The same path in the versions around its own, and without one.
fn other_versions(path: &str) -> Vec<String> {
    let version = |segment: &str| segment.strip_prefix('v').and_then(|number| number.parse::<u32>().ok());
    let segments: Vec<&str> = path.split('/').collect();
    let Some((place, own)) = segments.iter().enumerate().find_map(|(place, segment)| Some((place, version(segment)?))) else {
        return Vec::new();
    };
    let others = (own.saturating_sub(3)..=own.saturating_add(2)).filter(|other| *other != own).map(|other| format!("v{other}"));
    let with = |name: String| {
        let mut path = segments.clone();
        path[place] = &name;
        path.join("/")
    };
    others.chain(["beta", "internal"].map(str::to_owned)).map(with).collect()
}

const ASKED: &str = r#"{"target":"api","documents":"openapi.yaml","principal":"a","absent":["/admin"]}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "nothing is there but what is declared",
        asked: ASKED,
        seen: r#"{"operations":7,"undeclared":[],"nowhere":404,"somewhere":200,"tried":[
            {"sort":"version","call":"GET /v0/items","status":404},{"sort":"document","call":"GET /docs","status":401},
            {"sort":"absent","call":"GET /admin","status":404},{"sort":"method","call":"DELETE /v1/items","status":405}]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "an old version still answers",
        asked: ASKED,
        seen: r#"{"operations":7,"undeclared":[],"nowhere":404,"somewhere":200,"tried":[{"sort":"version","call":"GET /v0/items","status":200}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "a route is in use that the document does not have",
        asked: ASKED,
        seen: r#"{"operations":7,"undeclared":["POST /v1/imports"],"nowhere":404,"somewhere":200,"tried":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the documentation is open to everybody",
        asked: ASKED,
        seen: r#"{"operations":7,"undeclared":[],"nowhere":404,"somewhere":200,"tried":[{"sort":"document","call":"GET /docs","status":200}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "everything is refused alike, so nobody can tell what is there",
        asked: ASKED,
        seen: r#"{"operations":7,"undeclared":[],"nowhere":401,"somewhere":401,"tried":[{"sort":"version","call":"GET /v0/items","status":401}]}"#,
        outcome: Outcome::Error,
    },
    Example {
        name: "there is no document",
        asked: ASKED,
        seen: r#"{"operations":0,"undeclared":[],"nowhere":0,"somewhere":null,"tried":[]}"#,
        outcome: Outcome::NotExercised,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        kinds::http_testing::{Caps, ask, json, route, serve, target, try_ask},
        testing::Scene,
    };

    const DOCUMENT: &str = "openapi: 3.1.0\nservers: [{url: 'https://api.example.com/v2'}]\npaths:\n  /items:\n    get: {}\n    \
                            post: {}\n  /items/{id}:\n    get: {}\n    delete: {}\n";

    /// A service that has, beside what is declared, what `more` names.
    fn judged(more: &'static [&'static str], used: &str, methods: bool) -> Judgement {
        let at = serve(Caps::NONE, move |got| {
            let call = format!("{} {}", got.method, got.path);
            let item = got.path.starts_with("/v2/items/") && matches!(got.method.as_str(), "GET" | "DELETE");
            match call.as_str() {
                "GET /v2/items" | "POST /v2/items" => json(200, "{}"),
                _ if item || more.iter().any(|one| call.starts_with(one)) => json(200, "{}"),
                _ => json(404, "{}"),
            }
        });
        let mut target = target(at);
        target.routes = [route("used", used, 200)].into();
        let scene = Scene::of([("openapi.yaml", DOCUMENT)]);
        let asked =
            format!(r#"{{"target":"api","documents":"openapi.yaml","principal":"a","absent":["/admin"],"methods":{methods}}}"#);
        ask::<Inventory>(scene, &target, &asked)
    }

    #[test]
    fn what_is_not_declared_is_found_whatever_it_is() {
        assert_eq!(judged(&[], "GET /v2/items/{id}", true).outcome, Outcome::Pass);
        for (more, used, methods, found) in [
            (&["GET /v1/items"][..], "GET /v2/items", false, "another version answers: `GET /v1/items` with 200"),
            (&["GET /docs"], "GET /v2/items", false, "`GET /docs` is open to everybody"),
            (&["GET /admin"], "GET /v2/items", false, "`GET /admin` is answered with 200, and must not be there"),
            (&["PUT /v2/items/"], "GET /v2/items", true, "the undeclared `PUT /v2/items/{}` is answered with 200"),
            (&["POST /v2/imports"], "POST /v2/imports", false, "`POST /v2/imports` is in use and not in the document"),
        ] {
            let judgement = judged(more, used, methods);
            assert_eq!(judgement.outcome, Outcome::Fail, "{found}");
            assert_eq!(judgement.findings.first().map(String::as_str), Some(found));
        }
    }

    #[test]
    fn a_service_that_answers_everything_tells_nothing() {
        assert_eq!(judged(&["GET /"], "GET /v2/items", false).outcome, Outcome::Error);
    }

    #[test]
    fn what_is_no_document_is_an_error_and_none_is_not_exercised() {
        let at = serve(Caps::NONE, |_| json(404, "{}"));
        let of = |text: &'static str| try_ask::<Inventory>(Scene::of([("openapi.yaml", text)]), &target(at), ASKED);
        assert!(of("paths: {}").is_err() && of("openapi: 3.1.0").is_err());
        assert_eq!(of("openapi: 3.1.0\npaths: {}").unwrap().outcome, Outcome::NotExercised);
    }

    #[test]
    fn paths_are_compared_by_their_segments() {
        let declared = BTreeMap::from([("/v1/items/{}".to_owned(), BTreeSet::from(["GET".to_owned()]))]);
        assert!(declares(&declared, "GET", "/v1/items/{id}") && declares(&declared, "GET", "/v1/items/7?x=1"));
        assert!(!declares(&declared, "PUT", "/v1/items/7") && !declares(&declared, "GET", "/v1/items"));
        assert_eq!(other_versions("/v1/items").first().map(String::as_str), Some("/v0/items"));
        assert!(other_versions("/items").is_empty());
    }
}
