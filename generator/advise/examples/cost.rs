//! What loading a folder of advisories and matching a BOM cost: `cost FOLDER [BOM]`. Without a BOM a thousand packages are made
//! up, half of which the folder speaks of.

#![allow(clippy::print_stdout, clippy::expect_used, reason = "a measurement")]

use std::{fs, path::Path, time::Instant};

use avouch_advise::{Bom, Component, Database, Ecosystem, Loader, Role, Scope, matches};

/// How often each is done.
const LOADS: usize = 25;
const MATCHES: usize = 400;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let folder = Path::new(arguments.first().expect("a folder of advisories"));
    let database = load(folder);
    let components = match arguments.get(1) {
        Some(bom) => Bom::read(&fs::read(bom).expect("a BOM")).expect("a BOM").components,
        None => made_up(&database),
    };
    let facts = database.facts();
    println!("advisories {}\nfiles {}\nunreadable {}", facts.advisories, facts.files, facts.unreadable);
    let found = matches(&database, &components);
    let affected: usize = found.iter().map(|one| one.components.len()).sum();
    println!("components {}\nfindings {}\naffected {affected}", components.len(), found.len());
    median("load", LOADS, || drop(load(folder)));
    median("match", MATCHES, || drop(matches(&database, &components)));
}

/// The median of wall time and the mean of processor time, which the system counts in steps too coarse for one run.
fn median(name: &str, times: usize, mut work: impl FnMut()) {
    let before = processor_ms();
    let mut took: Vec<f64> = Vec::new();
    for _ in 0..times {
        let start = Instant::now();
        work();
        took.push(start.elapsed().as_secs_f64() * 1_000.0);
    }
    took.sort_by(f64::total_cmp);
    println!("{name}_ms {:.2}\n{name}_cpu_ms {:.2}", took[times / 2], (processor_ms() - before) / times as f64);
}

/// How long this thread ran on a processor; 0 where the system does not say.
fn processor_ms() -> f64 {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    stat.split(' ').next().and_then(|nanoseconds| nanoseconds.parse::<f64>().ok()).unwrap_or(0.0) / 1e6
}

fn load(folder: &Path) -> Database {
    let mut loader = Loader::default();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).expect("a folder") {
            let entry = entry.expect("an entry");
            let path = entry.path();
            if entry.file_type().expect("a type").is_dir() {
                folders.push(path);
            } else if let Some(name) = path.strip_prefix(folder).ok().and_then(Path::to_str).filter(|name| Loader::wants(name)) {
                loader.file(name, &fs::read(&path).expect("a file"));
            }
        }
    }
    loader.finish()
}

fn made_up(database: &Database) -> Vec<Component> {
    let named = database.advisories().iter().flat_map(|advisory| &advisory.affected);
    let crates = named.filter(|package| package.ecosystem == Ecosystem::CratesIo).map(|package| package.name.to_string());
    let component = |(place, name): (usize, String)| {
        let version = format!("{}.{}.{}", place % 3, place % 11, place % 7);
        let purl = format!("pkg:cargo/{name}@{version}");
        Component {
            reference: purl.clone(),
            name,
            version: Some(version),
            purl: Some(purl),
            scope: Scope::Required,
            role: Role::Package,
        }
    };
    let unknown = (0..).map(|place| format!("nobody-speaks-of-{place}"));
    crates.take(500).chain(unknown).take(1_000).enumerate().map(component).collect()
}
