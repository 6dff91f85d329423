//! One made-up project written as a lockfile of every format, against an oracle that walks its graph slowly.

use std::fmt::Write;

use super::*;

/// A workspace of two projects, `app` at the top and `lib` in `packages/lib`, and packages `p0`, `p1`, … of the registry.
#[derive(Clone, Debug)]
struct Model {
    /// What `app` and `lib` ask for.
    roots: [BTreeMap<usize, Need>; 2],
    app_needs_lib: Option<Need>,
    packages: Vec<BTreeMap<usize, Need>>,
}

const ROOTS: [(&str, &str); 2] = [("app", ""), ("lib", "packages/lib")];

fn any_model() -> impl Strategy<Value = Model> {
    let need = |all: bool| match all {
        true => prop::sample::select(vec![Need::Required, Need::Optional, Need::Development]),
        false => prop::sample::select(vec![Need::Required, Need::Required, Need::Optional]),
    };
    (1_usize..14).prop_flat_map(move |count| {
        let asked = move || prop::collection::btree_map(0..count, need(true), 0..4);
        let packages = prop::collection::vec(prop::collection::btree_map(0..count, need(false), 0..4), count);
        (asked(), asked(), prop::option::of(need(true)), packages).prop_map(|(app, lib, app_needs_lib, mut packages)| {
            for (at, needs) in packages.iter_mut().enumerate() {
                needs.remove(&at);
            }
            Model { roots: [app, lib], app_needs_lib, packages }
        })
    })
}

/// Packages by name, with their scopes and the names of what they need.
type Graph = BTreeMap<String, (Scope, BTreeSet<String>)>;

impl Model {
    /// Without what a format cannot say.
    fn only(mut self, keep: impl Fn(bool, Need) -> Need) -> Self {
        for (needs, is_root) in self.roots.iter_mut().map(|it| (it, true)).chain(self.packages.iter_mut().map(|it| (it, false))) {
            needs.values_mut().for_each(|need| *need = keep(is_root, *need));
        }
        self.app_needs_lib = self.app_needs_lib.map(|need| keep(true, need));
        self
    }

    fn names(&self) -> Vec<String> {
        ROOTS.iter().map(|(name, _)| (*name).to_owned()).chain((0..self.packages.len()).map(|at| format!("p{at}"))).collect()
    }

    fn edges(&self) -> Vec<(String, String, Need)> {
        let mut edges = Vec::new();
        for ((name, _), asked) in ROOTS.iter().zip(&self.roots) {
            edges.extend(asked.iter().map(|(to, need)| ((*name).to_owned(), format!("p{to}"), *need)));
        }
        edges.extend(self.app_needs_lib.map(|need| ("app".to_owned(), "lib".to_owned(), need)));
        for (at, needs) in self.packages.iter().enumerate() {
            edges.extend(needs.iter().map(|(to, need)| (format!("p{at}"), format!("p{to}"), *need)));
        }
        edges
    }

    /// Everything that is reached from roots over edges that may be taken, found by trying all edges until nothing is new.
    fn reached(&self, roots: &[&str], weakest: Scope) -> BTreeSet<String> {
        let mut reached: BTreeSet<String> = roots.iter().map(|root| (*root).to_owned()).collect();
        loop {
            let before = reached.len();
            for (from, to, need) in self.edges() {
                let counts = need != Need::Development || roots.contains(&from.as_str());
                if counts && need.scope() <= weakest && reached.contains(&from) {
                    reached.insert(to);
                }
            }
            if reached.len() == before {
                return reached;
            }
        }
    }

    fn scope(&self, roots: &[&str], name: &str) -> Option<Scope> {
        let all = [Scope::Required, Scope::Optional, Scope::Excluded];
        all.into_iter().find(|weakest| self.reached(roots, *weakest).contains(name))
    }

    fn oracle(&self) -> Graph {
        let needs = |name: &String| self.edges().into_iter().filter(|(from, ..)| from == name).map(|(_, to, _)| to).collect();
        let roots = ["app", "lib"];
        let entry = |name: String| (name.clone(), (self.scope(&roots, &name).unwrap_or(Scope::Excluded), needs(&name)));
        self.names().into_iter().map(entry).collect()
    }

    /// `{"dependencies": {…}, …}` of JSON, each dependency written by `one`.
    fn json_needs(&self, asked: &BTreeMap<usize, Need>, lib: Option<Need>, one: impl Fn(&str) -> String) -> String {
        let kinds =
            [(Need::Required, "dependencies"), (Need::Optional, "optionalDependencies"), (Need::Development, "devDependencies")];
        let parts = kinds.iter().filter_map(|(need, kind)| {
            let mut entries: Vec<String> = asked
                .iter()
                .filter(|(_, it)| *it == need)
                .map(|(to, _)| format!("\"p{to}\": {}", one(&format!("p{to}"))))
                .collect();
            entries.extend(lib.filter(|it| it == need).map(|_| format!("\"lib\": {}", one("lib"))));
            (!entries.is_empty()).then(|| format!("\"{kind}\": {{{}}}", entries.join(", ")))
        });
        parts.collect::<Vec<_>>().join(", ")
    }

    fn manifests(&self) -> Vec<(String, Manifest)> {
        let manifest = |at: usize| {
            let lib = self.app_needs_lib.filter(|_| at == 0);
            let needs = self.json_needs(&self.roots[at], lib, |_| "\"^1.0.0\"".to_owned());
            let head = format!("\"name\": \"{}\", \"version\": \"1.0.0\"", ROOTS[at].0);
            let text = if needs.is_empty() { format!("{{{head}}}") } else { format!("{{{head}, {needs}}}") };
            (ROOTS[at].1.to_owned(), Manifest::parse("package.json", text.as_bytes()).unwrap())
        };
        vec![manifest(0), manifest(1)]
    }

    fn package_lock(&self) -> String {
        let mut entries = vec!["\"node_modules/lib\": {\"resolved\": \"packages/lib\", \"link\": true}".to_owned()];
        let mut add = |key: &str, name: &str, needs: String| {
            let comma = if needs.is_empty() { "" } else { ", " };
            entries.push(format!("\"{key}\": {{\"name\": \"{name}\", \"version\": \"1.0.0\"{comma}{needs}}}"));
        };
        for (at, (name, folder)) in ROOTS.iter().enumerate() {
            let lib = self.app_needs_lib.filter(|_| at == 0);
            add(folder, name, self.json_needs(&self.roots[at], lib, |_| "\"^1.0.0\"".to_owned()));
        }
        for (at, needs) in self.packages.iter().enumerate() {
            let name = format!("p{at}");
            add(&format!("node_modules/{name}"), &name, self.json_needs(needs, None, |_| "\"*\"".to_owned()));
        }
        format!("{{\"name\": \"app\", \"lockfileVersion\": 3, \"packages\": {{{}}}}}", entries.join(",\n"))
    }

    fn bun(&self) -> String {
        let mut text = "{\"lockfileVersion\": 1, \"workspaces\": {\n".to_owned();
        for (at, (name, folder)) in ROOTS.iter().enumerate() {
            let lib = self.app_needs_lib.filter(|_| at == 0);
            let needs = self.json_needs(&self.roots[at], lib, |_| "\"^1.0.0\"".to_owned());
            let _ = writeln!(text, "\"{folder}\": {{\"name\": \"{name}\", {needs}}},");
        }
        text.push_str("}, \"packages\": {\n\"lib\": [\"lib@workspace:packages/lib\"],\n");
        for (at, needs) in self.packages.iter().enumerate() {
            let needs = self.json_needs(needs, None, |_| "\"*\"".to_owned());
            let _ = writeln!(text, "\"p{at}\": [\"p{at}@1.0.0\", \"\", {{{needs}}}, \"\"],");
        }
        text.push_str("}}");
        text
    }

    fn pnpm(&self, major: u32) -> String {
        let mut text = format!("lockfileVersion: '{major}.0'\nimporters:\n");
        let write =
            |text: &mut String, indent: &str, asked: &BTreeMap<usize, Need>, lib: Option<Need>, link: &str, importer: bool| {
                for (need, kind) in [
                    (Need::Required, "dependencies"),
                    (Need::Optional, "optionalDependencies"),
                    (Need::Development, "devDependencies"),
                ] {
                    let mut entries: Vec<(String, String)> = asked
                        .iter()
                        .filter(|(_, it)| **it == need)
                        .map(|(to, _)| (format!("p{to}"), "1.0.0".to_owned()))
                        .collect();
                    entries.extend(lib.filter(|it| *it == need).map(|_| ("lib".to_owned(), link.to_owned())));
                    if !entries.is_empty() {
                        let _ = writeln!(text, "{indent}{kind}:");
                    }
                    for (name, version) in entries {
                        let _ = match importer && major > 5 {
                            true => writeln!(text, "{indent}  {name}: {{specifier: ^1.0.0, version: '{version}'}}"),
                            false => writeln!(text, "{indent}  {name}: '{version}'"),
                        };
                    }
                }
            };
        for (at, folder) in [".", "packages/lib"].iter().enumerate() {
            let _ = writeln!(text, "  {folder}:\n    publishDirectory: x");
            write(&mut text, "    ", &self.roots[at], self.app_needs_lib.filter(|_| at == 0), "link:packages/lib", true);
        }
        let key = |at: usize| match major {
            5 => format!("/p{at}/1.0.0"),
            6 => format!("/p{at}@1.0.0"),
            _ => format!("p{at}@1.0.0"),
        };
        text.push_str("packages:\n");
        for (at, needs) in self.packages.iter().enumerate() {
            let _ = writeln!(text, "  {}:\n    resolution: {{integrity: sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=}}", key(at));
            if major < 9 {
                write(&mut text, "    ", needs, None, "", false);
            }
        }
        if major == 9 {
            text.push_str("snapshots:\n");
            for (at, needs) in self.packages.iter().enumerate() {
                let _ = writeln!(text, "  {}:\n    id: x", key(at));
                write(&mut text, "    ", needs, None, "", false);
            }
        }
        text
    }

    fn yarn(&self, berry: bool) -> String {
        let range = |name: &str| {
            if name == "lib" {
                "\"workspace:^\""
            } else if berry {
                "\"npm:^1.0.0\""
            } else {
                "\"^1.0.0\""
            }
        };
        let mut text = if berry { "__metadata:\n  version: 8\n\n" } else { "# yarn lockfile v1\n\n" }.to_owned();
        let write = |text: &mut String, needs: Vec<(String, Need)>| {
            let (optional, required): (Vec<_>, Vec<_>) = needs.into_iter().partition(|(_, need)| *need == Need::Optional);
            let merged = if berry { [required, optional.clone()].concat() } else { required };
            if !merged.is_empty() {
                text.push_str("  dependencies:\n");
            }
            for (name, _) in &merged {
                let colon = if berry { ":" } else { "" };
                let _ = writeln!(text, "    {name}{colon} {}", range(name));
            }
            if optional.is_empty() {
                return;
            }
            text.push_str(if berry { "  dependenciesMeta:\n" } else { "  optionalDependencies:\n" });
            for (name, _) in &optional {
                let _ = if berry {
                    writeln!(text, "    {name}:\n      optional: true")
                } else {
                    writeln!(text, "    {name} {}", range(name))
                };
            }
        };
        for (at, (name, folder)) in ROOTS.iter().enumerate().filter(|_| berry) {
            let folder = if folder.is_empty() { "." } else { folder };
            let more = if at == 1 { "lib@workspace:^, " } else { "" };
            let _ = writeln!(
                text,
                "\"{more}{name}@workspace:{folder}\":\n  version: 0.0.0-use.local\n  resolution: \"{name}@workspace:{folder}\""
            );
            let mut needs: Vec<_> = self.roots[at].iter().map(|(to, need)| (format!("p{to}"), *need)).collect();
            needs.extend(self.app_needs_lib.filter(|_| at == 0).map(|need| ("lib".to_owned(), need)));
            write(&mut text, needs);
            text.push('\n');
        }
        for (at, needs) in self.packages.iter().enumerate() {
            let _ = match berry {
                true => writeln!(text, "\"p{at}@npm:^1.0.0\":\n  version: 1.0.0\n  resolution: \"p{at}@npm:1.0.0\""),
                false => writeln!(text, "p{at}@^1.0.0:\n  version \"1.0.0\""),
            };
            write(&mut text, needs.iter().map(|(to, need)| (format!("p{to}"), *need)).collect());
            text.push('\n');
        }
        text
    }

    /// Extras and groups of the projects; packages need one another or do not.
    fn uv(&self) -> String {
        let mut text = "version = 1\n[manifest]\nmembers = [\"app\", \"lib\"]\n".to_owned();
        let list = |asked: &BTreeMap<usize, Need>, lib: Option<Need>, need: Need| {
            let mut entries: Vec<String> =
                asked.iter().filter(|(_, it)| **it == need).map(|(to, _)| format!("{{ name = \"p{to}\" }}")).collect();
            entries.extend(lib.filter(|it| *it == need).map(|_| "{ name = \"lib\" }".to_owned()));
            entries.join(", ")
        };
        for (at, (name, folder)) in ROOTS.iter().enumerate() {
            let folder = if folder.is_empty() { "." } else { folder };
            let lib = self.app_needs_lib.filter(|_| at == 0);
            let of = |need: Need| list(&self.roots[at], lib, need);
            let _ = writeln!(
                text,
                "[[package]]\nname = \"{name}\"\nsource = {{ editable = \"{folder}\" }}\ndependencies = [{}]",
                of(Need::Required)
            );
            let _ = writeln!(text, "[package.optional-dependencies]\nmore = [{}]", of(Need::Optional));
            let _ = writeln!(text, "[package.dev-dependencies]\ndev = [{}]", of(Need::Development));
        }
        for (at, needs) in self.packages.iter().enumerate() {
            let _ = writeln!(
                text,
                "[[package]]\nname = \"p{at}\"\nversion = \"1.0.0\"\nsource = {{ registry = \"https://i.example/simple\" }}\ndependencies = [{}]",
                list(needs, None, Need::Required)
            );
        }
        text
    }
}

/// What was read, by the names of the model.
fn seen(lock: &Lockfile) -> Graph {
    let name = |package: &Package| match package.name.as_str() {
        "root" => "app".to_owned(),
        "packages/lib" => "lib".to_owned(),
        name => name.to_owned(),
    };
    let needs = |package: &Package| package.dependencies.iter().map(|at| name(&lock.packages[*at])).collect();
    lock.packages.iter().map(|package| (name(package), (package.scope, needs(package)))).collect()
}

/// What one root alone needs: the packages that are reached with their scopes, and what each thing that is reached needs.
type Alone = (BTreeMap<String, Scope>, BTreeSet<(String, String)>);

fn alone(lock: &Lockfile, root: &str) -> Alone {
    let plain = |at: usize| match lock.packages[at].name.as_str() {
        "root" => "app".to_owned(),
        "packages/lib" => "lib".to_owned(),
        name => name.to_owned(),
    };
    let at = lock.roots.iter().copied().find(|at| plain(*at) == root).unwrap();
    let part = lock.part(&[at]);
    let named = part.scopes.iter().enumerate().filter_map(|(at, scope)| Some((plain(at), (*scope)?)));
    let edges = part.dependencies.iter().enumerate().flat_map(|(from, needs)| needs.iter().map(move |to| (from, *to)));
    (named.filter(|(name, _)| name.starts_with('p')).collect(), edges.map(|(from, to)| (plain(from), plain(to))).collect())
}

fn alone_by_oracle(model: &Model, root: &str) -> Alone {
    let names = model.names().into_iter().filter(|name| name.starts_with('p'));
    let scopes = names.filter_map(|name| Some((name.clone(), model.scope(&[root], &name)?))).collect();
    let reached = model.reached(&[root], Scope::Excluded);
    let counts =
        |(from, _, need): &(String, String, Need)| reached.contains(from) && (from == root || *need != Need::Development);
    (scopes, model.edges().into_iter().filter(counts).map(|(from, to, _)| (from, to)).collect())
}

proptest! {
    #[test]
    fn every_format_of_javascript_gives_the_graph_that_was_written(model in any_model()) {
        let expected = model.oracle();
        for (path, text) in [
            ("package-lock.json", model.package_lock()),
            ("bun.lock", model.bun()),
            ("pnpm-lock.yaml", model.pnpm(5)),
            ("pnpm-lock.yaml", model.pnpm(6)),
            ("pnpm-lock.yaml", model.pnpm(9)),
        ] {
            let lock = read(path, &text);
            prop_assert_eq!(&seen(&lock), &expected, "{}", text);
            prop_assert!(lock.unresolved.is_empty());
            for root in ["app", "lib"] {
                prop_assert_eq!(alone(&lock, root), alone_by_oracle(&model, root), "{} {}", root, text);
            }
        }
    }

    #[test]
    fn yarn_with_manifests_gives_the_graph_that_was_written(model in any_model()) {
        let expected = model.oracle();
        for berry in [false, true] {
            let text = model.yarn(berry);
            let mut lock = read("yarn.lock", &text);
            lock.tell_manifests(&model.manifests());
            prop_assert_eq!(&seen(&lock), &expected, "{}", text);
            prop_assert!(lock.unresolved.is_empty(), "{:?} {}", lock.unresolved, text);
            for root in ["app", "lib"] {
                prop_assert_eq!(alone(&lock, root), alone_by_oracle(&model, root), "{} {}", root, text);
            }
        }
    }

    #[test]
    fn uv_gives_the_graph_that_was_written(model in any_model()) {
        let model = model.only(|is_root, need| if is_root { need } else { Need::Required });
        let text = model.uv();
        let lock = read("uv.lock", &text);
        prop_assert_eq!(seen(&lock), model.oracle(), "{}", text);
        prop_assert_eq!(alone(&lock, "lib"), alone_by_oracle(&model, "lib"), "{}", text);
        // Who needs a package gets the extras that it asks for, and nobody asks here.
        let mut of_app = model.clone();
        of_app.roots[1].retain(|_, need| *need != Need::Optional);
        prop_assert_eq!(alone(&lock, "app"), alone_by_oracle(&of_app, "app"), "{}", text);
    }

    #[test]
    fn every_edge_tells_how_strongly_it_is_needed(model in any_model()) {
        let lock = read("pnpm-lock.yaml", &model.pnpm(9));
        let mut seen: Vec<(String, String, Need)> = Vec::new();
        for package in &lock.packages {
            prop_assert_eq!(package.dependencies.len(), package.needs.len());
            prop_assert!(package.dependencies.is_sorted_by(|left, right| left < right));
            for (to, need) in package.dependencies.iter().zip(&package.needs) {
                let plain = |name: &str| name.replace("packages/lib", "lib").replace("root", "app");
                seen.push((plain(&package.name), plain(&lock.packages[*to].name), *need));
            }
        }
        let mut expected = model.edges();
        seen.sort();
        expected.sort();
        prop_assert_eq!(seen, expected);
    }
}
