//! Which ecosystems of packages a tree uses, and where: by its lockfiles and manifests, without examples and fixtures.

use std::collections::{BTreeMap, BTreeSet};

use avouch_read::{
    lock::{Ecosystem, Format, MANIFEST_BYTES_MAX},
    structured::Node,
    workflow::shell::{Command, Script, Shell, Unheard},
};

use crate::{Unasked, World, parameters::Globs, parsed::Form};

/// What is there to be tested, not to be shipped.
const NOT_SHIPPED: &[&str] = &[
    "**/{node_modules,vendor,third_party,fixtures,fixture,__fixtures__,testdata,test-data,test_data,examples,example,snapshots}/**",
];

/// How far a script of a package that starts another one is followed.
const DEPTH_MAX: usize = 4;

/// How many commands of a script are looked at, those of the scripts that it starts too.
const COMMANDS_MAX: usize = 2_000;

/// Globs of what is not shipped, and of what is left out besides.
pub(crate) fn not_shipped(exclude: &Globs) -> Result<impl Fn(&str) -> bool, Unasked> {
    let usual = Globs::new(NOT_SHIPPED.iter().map(|text| (*text).to_owned()).collect()).map_err(Unasked)?;
    Ok(move |path: &str| usual.matches(path) || exclude.matches(path))
}

/// The name of an ecosystem, as parameters and sentences use it.
pub(crate) const fn name(ecosystem: Ecosystem) -> &'static str {
    match ecosystem {
        Ecosystem::Cargo => "cargo",
        Ecosystem::Npm => "npm",
        Ecosystem::PyPi => "pypi",
        Ecosystem::Go => "go",
    }
}

/// The lockfiles of a tree that are shipped, by ecosystem.
pub(crate) fn lockfiles(world: &World<'_>, exclude: &Globs) -> Result<BTreeMap<&'static str, BTreeSet<String>>, Unasked> {
    let names: Vec<String> = Format::ALL
        .iter()
        .flat_map(|format| format.names())
        .map(|name| format!("**/{name}"))
        .chain(["**/bun.lockb".to_owned()])
        .collect();
    let left_out = not_shipped(exclude)?;
    let mut found: BTreeMap<&'static str, BTreeSet<String>> = BTreeMap::new();
    for path in world.matching(&Globs::new(names).map_err(Unasked)?, &Globs::default())? {
        if left_out(&path) {
            continue;
        }
        let ecosystem = Format::of(&path).map_or("npm", |format| name(format.ecosystem()));
        found.entry(ecosystem).or_default().insert(path);
    }
    Ok(found)
}

/// The folder of a path; empty for the outermost one.
pub(crate) fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The scripts of the outermost `package.json`, by name.
#[derive(Debug, Default)]
pub(crate) struct PackageScripts(BTreeMap<String, String>);

impl PackageScripts {
    /// Those of a tree; none if there is no manifest, or one that cannot be read (which other questions tell of).
    pub(crate) fn of(world: &World<'_>) -> Result<Self, Unasked> {
        let Ok(document) = world.document("package.json", Form::Json, MANIFEST_BYTES_MAX) else { return Ok(Self::default()) };
        let scripts = document.root.get("scripts").and_then(Node::as_table).map_or(&[][..], |table| table.entries());
        Ok(Self(scripts.iter().filter_map(|entry| Some((entry.key.clone(), entry.value.as_text()?.to_owned()))).collect()))
    }

    /// What the scripts are named.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The script that a command starts, `pnpm run lint`; none if it starts none of these.
    fn started(&self, program: &[String]) -> Option<&str> {
        let mut words = program.iter().map(String::as_str).filter(|word| !word.starts_with('-'));
        let manager = words.next()?;
        if !matches!(manager, "npm" | "pnpm" | "yarn" | "bun") {
            return None;
        }
        let first = words.next()?;
        let name = if matches!(first, "run" | "run-script") { words.next()? } else { first };
        // What the manager does itself under this name is not the script's.
        let own = first == name
            && (matches!(name, "audit" | "publish" | "install" | "ci" | "exec" | "dlx" | "add")
                || manager == "npm" && name != "test" && name != "start");
        if own { None } else { self.0.get(name).map(String::as_str) }
    }

    /// Every command of a script in the end: what a package's script runs, or what is handed to another shell, stands in place
    /// of what starts it. With each,
    /// the byte of the outermost script where it begins, and why nobody hears when it fails.
    pub(crate) fn commands(&self, script: &str, shell: Shell) -> Vec<(Command, usize, Option<Unheard>)> {
        let mut found = Vec::new();
        self.follow(script, shell, None, None, 0, &mut found);
        found
    }

    fn follow(
        &self,
        script: &str,
        shell: Shell,
        at: Option<usize>,
        outer: Option<Unheard>,
        depth: usize,
        found: &mut Vec<(Command, usize, Option<Unheard>)>,
    ) {
        let parsed = Script::parse(script);
        for (place, command) in parsed.commands.iter().enumerate() {
            if found.len() >= COMMANDS_MAX {
                return;
            }
            let unheard = outer.or_else(|| parsed.unheard(place, shell));
            let at = at.unwrap_or(command.span.start);
            let started = self.started(command.program()).map(|script| (script, Shell::PLAIN));
            match started.or_else(|| command.inner()).filter(|_| depth < DEPTH_MAX) {
                Some((inner, shell)) => self.follow(inner, shell, Some(at), unheard, depth + 1, found),
                None => found.push((command.clone(), at, unheard)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;

    #[test]
    fn what_is_not_shipped_is_left_out() {
        let scene = Scene::of([("Cargo.lock", ""), ("tests/fixtures/a/package-lock.json", ""), ("web/pnpm-lock.yaml", "")]);
        let found = scene.with(|world| lockfiles(world, &Globs::default())).unwrap();
        assert_eq!(found.keys().copied().collect::<Vec<_>>(), ["cargo", "npm"]);
        assert!(found["npm"].contains("web/pnpm-lock.yaml") && found["npm"].len() == 1);
    }

    #[test]
    fn scripts_of_the_package_are_followed() {
        let manifest =
            r#"{"scripts":{"check":"pnpm audit --audit-level high; pnpm run lint","lint":"eslint .","loop":"pnpm run loop"}}"#;
        let scripts = Scene::of([("package.json", manifest)]).with(PackageScripts::of).unwrap();
        let shown = |script: &str| {
            let commands = scripts.commands(script, Shell::ACTIONS);
            commands.into_iter().map(|(command, _, unheard)| (command.words.join(" "), unheard.is_some())).collect::<Vec<_>>()
        };
        // Without `-e` the audit's failure is lost to what comes after it.
        assert_eq!(shown("pnpm check"), [("pnpm audit --audit-level high".into(), true), ("eslint .".into(), false)]);
        assert_eq!(shown("pnpm audit"), [("pnpm audit".into(), false)]);
        assert_eq!(shown("pnpm run loop").len(), 1);
        assert_eq!(shown("bash -c 'npm audit || true'"), [("npm audit".into(), true), ("true".into(), true)]);
        assert_eq!(shown("timeout 9 sh -ec 'npm audit'"), [("npm audit".into(), false)]);
    }
}
