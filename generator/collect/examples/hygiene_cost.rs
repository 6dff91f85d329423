//! Puts every kind over pipelines, hooks and dependencies to a folder, one after another as a run does, and tells what that took:
//! `cargo run --release -p avouch-collect --example hygiene_cost -- DIR [TIMES]`.
//!
//! With a number, to a tree in memory that holds the pipelines so many times over, and nothing else.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "an example ends by panicking")]

use std::{collections::BTreeMap, env, fs, sync::Arc};

use avouch_collect::{Parsed, World, kinds};
use avouch_model::{Json, catalogue::Catalogue, diagnostic::Source};
use avouch_repository::{Files, Folder, InMemory};

/// How often each is measured; the median is told.
const ROUNDS: usize = 9;

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let folder = Folder::open(arguments.first().map_or(".", String::as_str)).unwrap();
    match arguments.get(1) {
        None => {
            // Whoever measures this process as a whole wants it done once.
            let rounds = if env::var_os("ONCE").is_some() { 1 } else { ROUNDS };
            measure(&folder, &folder, rounds);
        }
        Some(times) => measure(&grown(&folder, times.parse().unwrap()), &folder, ROUNDS),
    }
}

/// The pipelines of a folder, each under so many paths.
fn grown(folder: &Folder, times: usize) -> InMemory {
    let is_action = |path: &str| path.ends_with("/action.yml") || path.ends_with("/action.yaml");
    let listed = folder.list().unwrap().into_iter().map(|entry| entry.path);
    let paths = listed.filter(|path| path.starts_with(".github/workflows/") || is_action(path));
    let mut files = Vec::new();
    for path in paths.filter(|path| path.ends_with(".yml") || path.ends_with(".yaml")) {
        let bytes = folder.read(&path, 1 << 20).unwrap().unwrap();
        files.push((path.clone(), bytes.clone()));
        let (above, name) = path.rsplit_once('/').unwrap();
        for nth in 1..times {
            let copy = if is_action(&path) { format!("copy-{nth}/{path}") } else { format!("{above}/copy-{nth}-{name}") };
            files.push((copy, bytes.clone()));
        }
    }
    InMemory::of(files)
}

fn measure(tree: &(dyn Files + Sync), folder: &Folder, rounds: usize) {
    let text =
        "[product]\nname = \"x\"\nslug = \"x\"\nlanguages = [\"en\"]\nprofiles = []\n[evidence]\norigin = \"example.com/x\"\n";
    let source = Arc::new(Source { path: "avouch.toml".into(), text: text.into() });
    let (configuration, _) = avouch_read::configuration::load(&source).unwrap();
    let now = "2026-11-22T00:00:00Z".parse().unwrap();
    let (databases, probers, retention) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    let hygiene = |id: &str| ["workflow.", "dependency.", "hook."].iter().any(|start| id.starts_with(start));
    let asked: Vec<_> = kinds::ALL.iter().filter(|kind| hygiene(kind.id)).collect();
    let mut took: Vec<f64> = Vec::new();
    let mut each: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for _ in 0..rounds {
        // What is parsed is parsed anew in every run.
        let parsed = Parsed::default();
        let world = World {
            now,
            clock: &|| now,
            configuration: &configuration,
            catalogue: &Catalogue::default(),
            release: None,
            tree,
            parsed: &parsed,
            repository: None,
            keeper: &(),
            folder,
            databases: &databases,
            probers: &probers,
            retention: &retention,
            releases: Some(&[]),
            decisions: &[],
            environment: &|_| None,
            random: &|| 4,
        };
        let began = processor();
        for kind in &asked {
            let parameters: Json = serde_json::from_str(match kind.id {
                "dependency.updates" => r#"{"sensitive":["react","tokio"]}"#,
                "workflow.steps" => r#"{"steps":[{"name":"test","run":"test"},{"name":"checkout","uses":"^actions/checkout@"}]}"#,
                _ => "{}",
            })
            .unwrap();
            let began = processor();
            // A folder of which the question cannot be asked costs what finding that out costs.
            if let Ok(seen) = (kind.gather)(&world, &parameters) {
                (kind.judge)(&seen, &parameters).unwrap();
            }
            each.entry(kind.id).or_default().push(processor() - began);
        }
        took.push(processor() - began);
    }
    let median = |mut all: Vec<f64>| {
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied().unwrap_or_default() * 1e3
    };
    let listed = tree.list().unwrap();
    println!("files {}", listed.len());
    println!("pipelines {}", listed.iter().filter(|entry| entry.path.starts_with(".github/workflows/")).count());
    println!("kinds {}", asked.len());
    println!("all_ms {:.3}", median(took));
    for (id, all) in each {
        println!("{id}_ms {:.3}", median(all));
    }
}

/// The processor time of this thread, in seconds, as Linux tells it: a busy machine does not change it much.
fn processor() -> f64 {
    let told = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    told.split(' ').next().and_then(|nanoseconds| nanoseconds.parse::<f64>().ok()).unwrap_or(0.0) / 1e9
}
