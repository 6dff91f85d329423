//! What loading a folder of advisories and matching a BOM cost: `cost FOLDER [BOM]`. Without a BOM a thousand packages are made
//! up, half of which the folder speaks of.

#![allow(clippy::print_stdout, clippy::expect_used, reason = "a measurement")]

use std::{fs, path::Path, time::Instant};

use avouch_advise::{Bom, Component, Database, Ecosystem, Loader, Scope, matches};

/// How often each is done; the median is told.
const TIMES: usize = 15;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let folder = arguments.first().expect("a folder of advisories");
    let database = load(Path::new(folder));
    let components = match arguments.get(1) {
        Some(bom) => Bom::read(&fs::read(bom).expect("a BOM")).expect("a BOM").components,
        None => made_up(&database),
    };
    let median = |mut took: Vec<f64>| {
        took.sort_by(f64::total_cmp);
        took[took.len() / 2]
    };
    let loads = (0..TIMES).map(|_| time(|| drop(load(Path::new(folder)))));
    println!(
        "load: {:.1} ms, {} advisories of {} files",
        median(loads.collect()),
        database.facts().advisories,
        database.facts().files
    );
    let found = matches(&database, &components).len();
    let times = (0..TIMES).map(|_| time(|| drop(matches(&database, &components))));
    println!("match: {:.2} ms, {} components, {found} findings", median(times.collect()), components.len());
    println!("unreadable: {:?}", database.facts().unreadable_names);
}

fn time(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64() * 1_000.0
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
        Component { reference: purl.clone(), name, version: Some(version), purl: Some(purl), scope: Scope::Required }
    };
    let unknown = (0..).map(|place| format!("nobody-speaks-of-{place}"));
    crates.take(500).chain(unknown).take(1_000).enumerate().map(component).collect()
}
