//! What a lockfile says, for holding it against another reader: `cargo run -p avouch-read --example lock -- FILE [--all]`.
//!
//! Prints counts and the time of the processor; with `--all` a line a package: scope, package URL or name, dependencies.
#![allow(clippy::unwrap_used, reason = "an example that cannot go on panics")]
#![allow(clippy::print_stdout, reason = "what it reads is its result")]

use std::fs;

use avouch_read::lock::{self, Manifest, Scope};

fn main() {
    let path = std::env::args().nth(1).unwrap();
    let all = std::env::args().any(|argument| argument == "--all");
    let bytes = fs::read(&path).unwrap();
    let size = bytes.len();
    let start = processor();
    let mut lock = match lock::parse(&path, bytes) {
        Ok(lock) => lock,
        Err(error) => return println!("{error}"),
    };
    let parsed = processor() - start;
    if let Some(sums) = lock::sums_of(&path)
        && let Ok(bytes) = fs::read(&sums)
    {
        lock.tell_sums(&sums, &bytes).unwrap();
    }
    let folder = path.rsplit_once('/').map_or(".", |(folder, _)| folder);
    if let Ok(bytes) = fs::read(format!("{folder}/.yarnrc.yml")) {
        lock.tell_catalogues(".yarnrc.yml", &bytes).unwrap();
    }
    let read = |name: &str| fs::read(format!("{folder}/{name}")).ok().map(|bytes| Manifest::parse(name, &bytes).unwrap());
    if let Some(manifest) = read("package.json").or_else(|| read("pyproject.toml")) {
        lock.tell_manifests(&[(String::new(), manifest)]);
    }
    let count = |scope: Scope| lock.packages.iter().filter(|package| package.scope == scope).count();
    println!("format {:?} {}", lock.format, lock.format_version);
    println!("packages {} roots {} edges {}", lock.packages.len(), lock.roots.len(), lock.edges());
    let (required, optional, excluded) = (count(Scope::Required), count(Scope::Optional), count(Scope::Excluded));
    println!("required {required} optional {optional} excluded {excluded}");
    println!("direct {}", lock.packages.iter().filter(|package| package.direct).count());
    println!("patched {}", lock.packages.iter().filter(|package| package.patched).count());
    println!("hashed {}", lock.packages.iter().filter(|package| !package.hashes.is_empty()).count());
    println!("archived {}", lock.packages.iter().filter(|package| !package.archives.is_empty()).count());
    println!("sealed {}", lock.packages.iter().filter(|package| !package.seals.is_empty()).count());
    println!(
        "surplus {:?} unresolved {} {:?}",
        lock.surplus,
        lock.unresolved.len(),
        lock.unresolved.iter().take(8).collect::<Vec<_>>()
    );
    println!("bytes {size} parse_ms {:.2}", parsed as f64 / 1e6);
    if all {
        for package in &lock.packages {
            let purl =
                package.purl().unwrap_or_else(|| format!("{} {}", package.name, package.version.as_deref().unwrap_or("-")));
            println!("{:?} {purl} {:?}", package.scope, package.dependencies);
        }
    }
}

/// Linux, `Documentation/scheduler/sched-stats.rst`, first field of `schedstat`: nanoseconds of this thread on a processor.
fn processor() -> u64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split_ascii_whitespace().next().unwrap().parse().unwrap()
}
