//! The configuration of a Worker (`wrangler.toml`, `wrangler.json`, `wrangler.jsonc`) as its environments.
//!
//! The top level is an environment of its own: what is deployed without `--env`. A named environment inherits some keys from it
//! and others not ("Configuration", developers.cloudflare.com/workers/wrangler/configuration, "Inheritable keys" and
//! "Non-inheritable keys"): names, routes and limits are inherited; variables and every binding are not, so that a binding that
//! is written at the top level alone is missing in every named environment.

use std::ops::Range;

use crate::structured::{Document, Node, Value};

/// A Worker's environments: the top level first, then the named ones in the order of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worker {
    /// See the type.
    pub environments: Vec<Environment>,
}

/// What one environment is bound to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// Its name; none for the top level.
    pub name: Option<String>,
    /// The Worker that is deployed: an environment's is the top level's with its own name behind it, unless it says another.
    pub worker: Option<String>,
    /// Where it stands.
    pub span: Range<usize>,
    /// What it stores in or talks to, by the id that the account knows it by.
    pub resources: Vec<Resource>,
    /// The names under which the program finds its bindings, variables and declared secrets.
    pub bindings: Vec<Binding>,
}

/// Something of the account that an environment is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// The key that it stands under: `d1_databases`, `r2_buckets`, `route`.
    pub sort: String,
    /// What the account knows it by.
    pub id: String,
    /// Where the id stands.
    pub span: Range<usize>,
    /// Only a session of `wrangler dev` uses it.
    pub preview: bool,
    /// It is written at the top level and inherited from there.
    pub inherited: bool,
}

/// A name under which the program finds something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The key that it stands under: `vars`, `r2_buckets`, `secrets`.
    pub sort: String,
    /// The name.
    pub name: String,
    /// Where it stands.
    pub span: Range<usize>,
    /// Texts within a variable that is an object: the names that lead there with dots between them, and where they stand.
    pub inner: Vec<(String, Range<usize>)>,
}

/// Where ids stand: the key, the members that hold the id together, those of the id of a preview session.
const IDS: &[(&str, &[&str], &[&str])] = &[
    ("kv_namespaces", &["id"], &["preview_id"]),
    ("d1_databases", &["database_id"], &["preview_database_id"]),
    ("r2_buckets", &["bucket_name"], &["preview_bucket_name"]),
    ("vectorize", &["index_name"], &[]),
    ("hyperdrive", &["id"], &[]),
    ("queues.producers", &["queue"], &[]),
    ("queues.consumers", &["queue"], &[]),
    ("durable_objects.bindings", &["script_name", "class_name"], &[]),
    ("services", &["service"], &[]),
    ("dispatch_namespaces", &["namespace"], &[]),
    ("analytics_engine_datasets", &["dataset"], &[]),
    ("pipelines", &["pipeline"], &[]),
    ("secrets_store_secrets", &["store_id", "secret_name"], &[]),
    ("mtls_certificates", &["certificate_id"], &[]),
    ("workflows", &["name"], &[]),
];

/// Keys below which a binding is called `name`.
const NAMED: &[&str] = &["durable_objects.bindings", "send_email", "ratelimits", "unsafe.bindings"];

/// Keys whose own keys are the names.
const MAPS: &[&str] = &["vars", "text_blobs", "data_blobs", "wasm_modules"];

impl Worker {
    /// Reads a configuration.
    pub fn of(document: &Document) -> Self {
        let root = &document.root;
        let top_name = root.get("name").and_then(Node::as_text);
        let mut environments = vec![environment(None, root, root, top_name.map(str::to_owned))];
        for entry in root.get("env").and_then(Node::as_table).map_or(&[][..], |table| table.entries()) {
            let own = entry.value.get("name").and_then(Node::as_text).map(str::to_owned);
            let worker = own.or_else(|| top_name.map(|top| format!("{top}-{}", entry.key)));
            let mut read = environment(Some(entry.key.clone()), &entry.value, root, worker);
            read.span = entry.key_span.clone();
            environments.push(read);
        }
        Self { environments }
    }
}

fn environment(name: Option<String>, own: &Node, root: &Node, worker: Option<String>) -> Environment {
    let mut found = Environment { name, worker, span: own.span.clone(), resources: ids(own), bindings: names(own) };
    let routes_of = |node: &Node| {
        let listed = node.get("routes").and_then(Node::as_list).unwrap_or_default();
        listed.iter().chain(node.get("route")).cloned().collect::<Vec<Node>>()
    };
    let own_routes = routes_of(own);
    let inherited = own_routes.is_empty() && found.name.is_some();
    for route in if inherited { routes_of(root) } else { own_routes } {
        let pattern = route.as_text().or_else(|| route.get("pattern").and_then(Node::as_text));
        if let Some(pattern) = pattern {
            found.resources.push(Resource {
                sort: "route".to_owned(),
                id: pattern.to_owned(),
                span: route.span.clone(),
                preview: false,
                inherited,
            });
        }
    }
    found
}

/// The value under a key with dots; a table stands for a list of one.
fn items<'a>(own: &'a Node, key: &str) -> Vec<&'a Node> {
    match key.split('.').try_fold(own, |node, part| node.get(part)) {
        None => vec![],
        Some(node) => match &node.value {
            Value::List(items) => items.iter().collect(),
            Value::Table(_) => vec![node],
            _ => vec![],
        },
    }
}

fn ids(own: &Node) -> Vec<Resource> {
    let mut found = Vec::new();
    for (sort, members, preview) in IDS {
        for item in items(own, sort) {
            for (members, preview) in [(*members, false), (*preview, true)] {
                let parts: Vec<&Node> = members.iter().filter_map(|member| item.get(member)).collect();
                let texts: Vec<&str> = parts.iter().filter_map(|part| part.as_text()).filter(|text| !text.is_empty()).collect();
                // All of them, or it is not the id of something that others can share.
                if let (Some(last), true) = (parts.last(), texts.len() == members.len() && !members.is_empty()) {
                    found.push(Resource {
                        sort: (*sort).to_owned(),
                        id: texts.join(" "),
                        span: last.span.clone(),
                        preview,
                        inherited: false,
                    });
                }
            }
        }
    }
    found
}

fn names(own: &Node) -> Vec<Binding> {
    let mut found = Vec::new();
    let entries = own.as_table().map_or(&[][..], |table| table.entries());
    for entry in entries.iter().filter(|entry| entry.key != "env") {
        let mut bound = |sort: &str, nodes: Vec<&Node>, member: &str| {
            for node in nodes.into_iter().filter_map(|node| node.get(member)) {
                if let Some(name) = node.as_text() {
                    found.push(Binding { sort: sort.to_owned(), name: name.to_owned(), span: node.span.clone(), inner: vec![] });
                }
            }
        };
        bound(&entry.key, items(own, &entry.key), "binding");
        if entry.key == "queues" {
            bound("queues", items(own, "queues.producers"), "binding");
        }
        for key in NAMED.iter().filter(|key| key.split('.').next() == Some(entry.key.as_str())) {
            bound(&entry.key, items(own, key), "name");
        }
        if MAPS.contains(&entry.key.as_str()) {
            let inner = entry.value.as_table().map_or(&[][..], |table| table.entries());
            found.extend(inner.iter().map(|one| Binding {
                sort: entry.key.clone(),
                name: one.key.clone(),
                span: one.key_span.clone(),
                inner: texts_within(&one.key, &one.value),
            }));
        }
        if entry.key == "secrets" {
            let required = entry.value.get("required").and_then(Node::as_list).unwrap_or_default();
            found.extend(required.iter().filter_map(|node| {
                let name = node.as_text()?.to_owned();
                Some(Binding { sort: "secrets".to_owned(), name, span: node.span.clone(), inner: vec![] })
            }));
        }
    }
    found
}

/// The texts within an object or a list; the depth is bounded by the reader of the file.
fn texts_within(path: &str, value: &Node) -> Vec<(String, Range<usize>)> {
    let inner = |path: String, value: &Node, span: &Range<usize>| match value.as_text() {
        Some(_) => vec![(path, span.clone())],
        None => texts_within(&path, value),
    };
    match &value.value {
        Value::Table(table) => {
            let entries = table.entries().iter();
            entries.flat_map(|one| inner(format!("{path}.{}", one.key), &one.value, &one.key_span)).collect()
        }
        Value::List(items) => items.iter().flat_map(|one| texts_within(path, one)).collect(),
        _ => vec![],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::structured::{parse_jsonc, parse_toml};

    const TEXT: &str = r#"{
        // The top level is what is deployed without --env.
        "name": "gate", "routes": [{ "pattern": "gate.example/*" }],
        "vars": { "MODE": "local" }, "ai": { "binding": "AI" },
        "r2_buckets": [{ "binding": "FILES", "bucket_name": "gate-local" }],
        "env": {
            "preview": { "r2_buckets": [{ "binding": "FILES", "bucket_name": "gate-preview" }] },
            "production": {
                "name": "gate", "route": "live.example/*",
                "queues": { "producers": [{ "binding": "JOBS", "queue": "jobs" }], "consumers": [{ "queue": "jobs" }] },
                "durable_objects": { "bindings": [{ "name": "ROOM", "class_name": "Room" }, { "name": "OTHER", "class_name": "Room", "script_name": "rooms" }] },
                "kv_namespaces": [{ "binding": "CACHE", "id": "k1", "preview_id": "k2" }],
            },
        },
    }"#;

    fn shown(environment: &Environment) -> (Vec<String>, Vec<String>) {
        let resources = environment.resources.iter().map(|one| format!("{}={}", one.sort, one.id)).collect();
        (resources, environment.bindings.iter().map(|one| one.name.clone()).collect())
    }

    #[test]
    fn bindings_are_not_inherited_and_routes_are() {
        let worker = Worker::of(&parse_jsonc("wrangler.jsonc", TEXT.as_bytes(), 10_000).unwrap());
        let [top, preview, production] = &worker.environments[..] else { panic!("{worker:?}") };
        assert_eq!(top.name, None);
        assert_eq!(
            shown(top),
            (vec!["r2_buckets=gate-local".into(), "route=gate.example/*".into()], ["MODE", "AI", "FILES"].map(Into::into).into())
        );
        assert_eq!(preview.worker.as_deref(), Some("gate-preview"));
        assert_eq!(shown(preview), (vec!["r2_buckets=gate-preview".into(), "route=gate.example/*".into()], vec!["FILES".into()]));
        assert!(preview.resources.iter().any(|one| one.inherited));
        assert_eq!(production.worker.as_deref(), Some("gate"));
        let (resources, bindings) = shown(production);
        assert_eq!(
            resources,
            [
                "kv_namespaces=k1",
                "kv_namespaces=k2",
                "queues.producers=jobs",
                "queues.consumers=jobs",
                "durable_objects.bindings=rooms Room",
                "route=live.example/*"
            ]
        );
        assert_eq!(bindings, ["JOBS", "ROOM", "OTHER", "CACHE"]);
    }

    #[test]
    fn toml_is_read_alike() {
        let text =
            "name = \"a\"\n[[env.p.d1_databases]]\nbinding = \"DB\"\ndatabase_id = \"x\"\n[env.p.secrets]\nrequired = [\"K\"]\n";
        let worker = Worker::of(&parse_toml("wrangler.toml", text.as_bytes(), 10_000).unwrap());
        assert_eq!(shown(&worker.environments[1]), (vec!["d1_databases=x".into()], vec!["DB".into(), "K".into()]));
    }
}
