//! Which commands and actions audit dependencies, at which severity they fail, and what takes their teeth.
//!
//! From the tools' own references: npm and pnpm `audit`, Yarn `npm audit`, `cargo audit`, `cargo deny`, `osv-scanner`,
//! `pip-audit`, `govulncheck`, `trivy`, `grype`, `snyk`, `audit-ci`, and the actions that wrap them.

use avouch_read::workflow::{Text, Variables, shell::Command};
use serde::{Deserialize, Serialize};

/// A severity, the lowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Level {
    Low,
    Moderate,
    High,
    Critical,
}

impl Level {
    pub(super) const fn shown(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Moderate => "moderate",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    fn named(text: &str) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "info" | "low" | "negligible" | "unknown" | "any" | "all" => Some(Self::Low),
            "moderate" | "medium" => Some(Self::Moderate),
            "high" => Some(Self::High),
            "critical" => Some(Self::Critical),
            _ => None,
        }
    }
}

/// An audit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tool {
    pub(super) name: &'static str,
    /// The ecosystems that it looks at; none: all.
    pub(super) covers: &'static [&'static str],
    /// The lowest severity at which it fails.
    pub(super) closes: Level,
    /// Why it does not fail, whatever it finds.
    pub(super) toothless: Option<&'static str>,
    /// It leaves out what is only used to develop.
    pub(super) shipped_only: bool,
    /// It compares a proposed change with what it goes to, and can do nothing elsewhere.
    pub(super) reviews_changes: bool,
}

/// What variables and files set for npm and pnpm around a command; the last one counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings {
    /// For the whole job.
    job: Vec<(String, String)>,
    /// For the step.
    step: Vec<(String, String)>,
    /// Its steps are lines of one shell (GitLab): what one exports holds for the next.
    one_shell: bool,
}

impl Settings {
    /// Those of the tree's `.npmrc`, of the pipeline and of the job.
    pub(super) fn of(npmrc: &str, variables: [&Variables; 2], one_shell: bool) -> Self {
        let mut settings = Self { one_shell, ..Self::default() };
        for line in npmrc.lines() {
            if let Some((name, value)) = line.split_once('=').filter(|(name, _)| !name.trim_start().starts_with(['#', ';'])) {
                settings.job.extend(setting(&key(name.trim()), value.trim()));
            }
        }
        for (name, value) in variables.into_iter().flat_map(|variables| &variables.entries) {
            settings.job.extend(setting(name, &value.text));
        }
        settings
    }

    /// Those of the next step.
    pub(super) fn begin(&mut self, variables: &Variables) {
        self.step = variables.entries.iter().filter_map(|(name, value)| setting(name, &value.text)).collect();
    }

    /// What holds for a command: with what stands before it.
    pub(super) fn before(&self, command: &Command) -> Self {
        let mut own = self.clone();
        own.step.extend(command.sets().filter_map(|(name, value)| setting(name, value)));
        own
    }

    /// What a command sets for those after it: `export`, `npm config set`, and what it writes for the next steps.
    pub(super) fn learn(&mut self, command: &Command) {
        let words: Vec<&str> = command.program().iter().map(String::as_str).collect();
        match &words[..] {
            ["export", ..] => {
                let exported = command.sets().filter_map(|(name, value)| setting(name, value));
                if self.one_shell { self.job.extend(exported) } else { self.step.extend(exported) }
            }
            ["npm" | "pnpm", "config" | "c", "set", rest @ ..] | ["npm" | "pnpm", "set", rest @ ..] => {
                let pair = match rest {
                    [pair, ..] if pair.contains('=') => pair.split_once('='),
                    [name, value, ..] => Some((*name, *value)),
                    _ => None,
                };
                // Into the file of the user, which rules the least.
                if let Some(found) = pair.and_then(|(name, value)| setting(&key(name), value)) {
                    self.job.insert(0, found);
                }
            }
            ["echo", rest @ ..] if command.kept_in().iter().any(|file| file.contains("GITHUB_ENV")) => {
                let written = rest.iter().filter_map(|word| word.split_once('='));
                self.job.extend(written.filter_map(|(name, value)| setting(name, value)));
            }
            _ => {}
        }
    }

    fn get(&self, name: &str) -> Option<&str> {
        let all = self.job.iter().chain(&self.step).rev();
        all.into_iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// The variable that stands for a key of `.npmrc`.
fn key(name: &str) -> String {
    format!("npm_config_{}", name.replace('-', "_"))
}

/// A variable that npm and pnpm look at.
fn setting(name: &str, value: &str) -> Option<(String, String)> {
    let name = name.to_ascii_lowercase();
    (name.starts_with("npm_config_") || name == "node_env").then(|| (name, value.to_owned()))
}

const NPM: &[&str] = &["npm"];
const CARGO: &[&str] = &["cargo"];
const PYPI: &[&str] = &["pypi"];
const GO: &[&str] = &["go"];
const ALL: &[&str] = &[];

const REGISTRY: &str = "it passes when the registry does not answer (`--ignore-registry-errors`)";
const NOTHING: &str = "it fails at no severity";
const NEVER: &str = "it is told never to fail";
const SILENT: &str = "it is told to ask no registry, and then finds nothing";
const DEVELOPMENT: &str = "it looks only at what is used to develop";

/// The audit that a command is, with what is set around it.
pub(super) fn of_command(words: &[String], settings: &Settings) -> Option<Tool> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (program, rest) = words.split_first()?;
    let program = program.rsplit('/').next().unwrap_or(program);
    // `audit-ci@7`
    let program = program.split_once('@').map_or(program, |(name, _)| if name.is_empty() { program } else { name });
    // What only explains itself audits nothing.
    if rest.iter().any(|word| matches!(*word, "--help" | "--version")) || rest.first() == Some(&"help") {
        return None;
    }
    let has =
        |flags: &[&str]| rest.iter().any(|word| flags.iter().any(|flag| word == flag || word.starts_with(&format!("{flag}="))));
    let value = |flags: &[&str]| option(rest, flags);
    let tool = |name, covers, closes: Option<Level>, toothless| {
        Some(Tool { name, covers, closes: closes.unwrap_or(Level::Low), toothless, shipped_only: false, reviews_changes: false })
    };
    let level = |flags: &[&str]| value(flags).map(|text| Level::named(text).ok_or(text));
    let npm_like = |name: &'static str, flags: &[&str]| {
        if has(&["fix", "--fix", "signatures"]) {
            return None;
        }
        let takes_settings = matches!(name, "npm audit" | "pnpm audit");
        let setting = |key: &str| settings.get(key).filter(|_| takes_settings);
        let told = value(flags).or_else(|| setting("npm_config_audit_level"));
        let (closes, unknown) = match told.map(|text| Level::named(text).ok_or(text)) {
            Some(Ok(level)) => (Some(level), None),
            // `none`, or a word that the tool does not know.
            Some(Err(_)) => (None, Some(NOTHING)),
            None => (None, None),
        };
        let silent = has(&["--no-audit"])
            || rest.iter().any(|word| matches!(*word, "--offline" | "--offline=true" | "--audit=false"))
            || setting("npm_config_offline") == Some("true")
            || setting("npm_config_audit") == Some("false");
        let only = ["--only", "--omit", "--include"].map(|flag| option(rest, &[flag]));
        let shipped_only = has(&["--prod", "--production", "-P"])
            || matches!(only, [Some("prod" | "production"), ..] | [_, Some("dev"), None])
            || setting("npm_config_omit") == Some("dev")
            || setting("npm_config_production") == Some("true")
            || (name == "npm audit" && setting("node_env") == Some("production") && only == [None; 3])
            || value(&["--environment"]) == Some("production");
        let develops = has(&["--dev", "-D"])
            || matches!(only, [Some("dev" | "development"), ..])
            || value(&["--environment"]) == Some("development");
        let toothless = if has(&["--ignore-registry-errors"]) {
            Some(REGISTRY)
        } else if silent {
            Some(SILENT)
        } else if develops {
            Some(DEVELOPMENT)
        } else {
            unknown
        };
        Some(Tool { shipped_only, ..tool(name, NPM, closes, toothless)? })
    };
    let plain: Vec<&str> = rest.iter().copied().filter(|word| !word.starts_with('-')).collect();
    match (program, plain.as_slice()) {
        ("pnpm", ["audit", ..]) => npm_like("pnpm audit", &["--audit-level"]),
        ("npm", ["audit", ..]) => npm_like("npm audit", &["--audit-level"]),
        ("bun", ["audit", ..]) => npm_like("bun audit", &["--audit-level"]),
        ("yarn", ["npm", "audit", ..]) => npm_like("yarn npm audit", &["--severity"]),
        // `--level` of Yarn 1 filters what is shown; the exit code tells of every severity.
        ("yarn", ["audit", ..]) => {
            let groups: Vec<&str> = value(&["--groups"]).map(|groups| groups.split([',', ' ']).collect()).unwrap_or_default();
            let develops = !groups.is_empty() && !groups.contains(&"dependencies");
            let shipped_only = !groups.is_empty() && !groups.contains(&"devDependencies");
            Some(Tool { shipped_only, ..tool("yarn audit", NPM, None, develops.then_some(DEVELOPMENT))? })
        }
        ("audit-ci", _) => {
            let flags = [("--low", "-l"), ("--moderate", "-m"), ("--high", "-h"), ("--critical", "-c")];
            let named = flags
                .iter()
                .find(|(long, short)| has(&[long]) || has(&[short]))
                .and_then(|(long, _)| Level::named(long.trim_start_matches('-')));
            let toothless = if has(&["--pass-enoaudit"]) {
                Some(REGISTRY)
            } else {
                // Without a level it fails at nothing, unless its configuration names one.
                (named.is_none() && value(&["--config"]).is_none_or(|file| file == "/dev/null")).then_some(NOTHING)
            };
            tool("audit-ci", NPM, named, toothless)
        }
        ("better-npm-audit", ["audit", ..]) => npm_like("better-npm-audit", &["--level", "-l"]),
        ("cargo", ["audit", sub @ ..]) if !matches!(sub.first(), Some(&"fix" | &"bin")) => tool("cargo audit", CARGO, None, None),
        ("cargo-audit", _) => tool("cargo audit", CARGO, None, None),
        ("cargo", ["deny", checks @ ..]) if checks.contains(&"check") => {
            let named: Vec<_> = checks.iter().filter(|word| **word != "check").collect();
            let advisories = named.is_empty() || named.iter().any(|word| matches!(**word, "advisories" | "all"));
            let toothless = (value(&["-A", "--allow"]).is_some_and(|what| what.contains("vulnerability"))).then_some(NEVER);
            advisories.then(|| tool("cargo deny", CARGO, None, toothless)).flatten()
        }
        ("osv-scanner", ["fix" | "licenses", ..]) => None,
        ("osv-scanner", _) if has(&["--experimental-only-packages"]) => None,
        ("osv-scanner", _) => tool("osv-scanner", ALL, None, None),
        ("pip-audit", _) => tool("pip-audit", PYPI, None, None),
        ("safety", ["check" | "scan", ..]) => tool("safety", PYPI, None, has(&["--continue-on-error"]).then_some(NEVER)),
        ("uv", ["audit", ..]) => tool("uv audit", PYPI, None, None),
        ("python" | "python3", _) if value(&["-m"]) == Some("pip_audit") => tool("pip-audit", PYPI, None, None),
        ("uvx" | "pipx", _) if plain.contains(&"pip-audit") => tool("pip-audit", PYPI, None, None),
        // With a format for machines it always ends with success.
        ("govulncheck", _) => {
            let quiet = has(&["-json", "--json"]) || value(&["-format", "--format"]).is_some_and(|format| format != "text");
            tool("govulncheck", GO, None, quiet.then_some("in this format it ends with success whatever it finds"))
        }
        ("go", _) if plain.iter().any(|word| word.contains("govulncheck")) => tool("govulncheck", GO, None, None),
        ("trivy", _)
            if value(&["--scanners", "--security-checks"])
                .is_some_and(|scanners| !scanners.split(',').any(|one| one.trim() == "vuln")) =>
        {
            None
        }
        ("trivy", ["fs" | "filesystem" | "repo" | "repository" | "sbom" | "image" | "rootfs", ..]) => {
            let code = value(&["--exit-code"]).is_none_or(|code| code == "0");
            tool(
                "trivy",
                ALL,
                lowest(value(&["--severity", "-s"])),
                code.then_some("without `--exit-code 1` it fails at nothing"),
            )
        }
        ("grype", _) => match level(&["--fail-on", "-f"]) {
            Some(Ok(level)) => tool("grype", ALL, Some(level), None),
            _ => tool("grype", ALL, None, Some("without `--fail-on` it fails at nothing")),
        },
        ("snyk", ["test", ..]) => tool("snyk test", ALL, level(&["--severity-threshold"]).and_then(Result::ok), None),
        ("avouch", ["audit", ..]) => match level(&["--fail-on"]) {
            Some(Err(_)) => tool("avouch audit", ALL, None, Some(NOTHING)),
            Some(Ok(level)) => tool("avouch audit", ALL, Some(level), None),
            None => tool("avouch audit", ALL, None, None),
        },
        _ => None,
    }
}

/// The audit that an action is, by its name and its inputs.
pub(super) fn of_action(name: &str, with: &[(String, Text)]) -> Option<Tool> {
    let value = |input: &str| with.iter().find(|(name, _)| name == input).map(|(_, value)| value.text.trim());
    let on = |input: &str| value(input) == Some("true");
    let off = |input: &str| value(input) == Some("false");
    let tool = |name, covers, closes: Option<Level>, toothless| {
        Some(Tool { name, covers, closes: closes.unwrap_or(Level::Low), toothless, shipped_only: false, reviews_changes: false })
    };
    match name {
        "actions/dependency-review-action" => {
            let never = on("warn-only") || off("vulnerability-check");
            let scopes = value("fail-on-scopes").map(|scopes| scopes.split(',').map(str::trim).collect::<Vec<_>>());
            let develops = scopes.as_ref().is_some_and(|scopes| !scopes.contains(&"runtime"));
            let toothless = if never { Some(NEVER) } else { develops.then_some(DEVELOPMENT) };
            let level = value("fail-on-severity").and_then(Level::named);
            // It fails at what is shipped unless it is told of more scopes; refs of its own let it run anywhere.
            let shipped_only = scopes.is_none_or(|scopes| !scopes.contains(&"development"));
            let reviews_changes = value("base-ref").is_none();
            Some(Tool { shipped_only, reviews_changes, ..tool("dependency-review-action", ALL, level, toothless)? })
        }
        "rustsec/audit-check" | "actions-rs/audit-check" | "actions-rust-lang/audit" => tool("cargo audit", CARGO, None, None),
        "embarkstudios/cargo-deny-action" => {
            let command = value("command").unwrap_or("check");
            let advisories = command == "check" || command.contains("advisories") || command.contains("all");
            advisories.then(|| tool("cargo deny", CARGO, None, None)).flatten()
        }
        "pypa/gh-action-pip-audit" => tool("pip-audit", PYPI, None, None),
        "golang/govulncheck-action" => {
            let quiet = value("output-format").is_some_and(|format| format != "text");
            tool("govulncheck", GO, None, quiet.then_some("in this format it ends with success whatever it finds"))
        }
        "aquasecurity/trivy-action" => {
            let scanners = value("scanners").or_else(|| value("security-checks"));
            if value("scan-type") == Some("config")
                || scanners.is_some_and(|scanners| !scanners.split(',').any(|one| one.trim() == "vuln"))
            {
                return None;
            }
            let code = value("exit-code").is_none_or(|code| code == "0");
            tool("trivy", ALL, lowest(value("severity")), code.then_some("without `exit-code` it fails at nothing"))
        }
        "anchore/scan-action" => tool(
            "grype",
            ALL,
            Some(value("severity-cutoff").and_then(Level::named).unwrap_or(Level::Moderate)),
            off("fail-build").then_some(NEVER),
        ),
        _ if name.starts_with("google/osv-scanner-action") => {
            tool("osv-scanner", ALL, None, off("fail-on-vuln").then_some(NEVER))
        }
        _ if name.starts_with("snyk/actions/") => tool("snyk test", ALL, None, None),
        _ => None,
    }
}

/// The value of an option, `--flag value` or `--flag=value`; the last one counts.
fn option<'a>(words: &[&'a str], flags: &[&str]) -> Option<&'a str> {
    let mut found = None;
    for (place, word) in words.iter().enumerate() {
        for flag in flags {
            if word == flag {
                found = words.get(place + 1).copied().or(Some(""));
            } else if let Some(value) = word.strip_prefix(flag).and_then(|rest| rest.strip_prefix('=')) {
                found = Some(value);
            }
        }
    }
    found
}

/// The lowest of the severities in a list, `HIGH,CRITICAL`.
fn lowest(list: Option<&str>) -> Option<Level> {
    list?.split(',').filter_map(Level::named).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<(&'static str, Level, bool)> {
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        of_command(&words, &Settings::default()).map(|tool| (tool.name, tool.closes, tool.toothless.is_some()))
    }

    #[test]
    fn the_level_is_that_at_which_it_fails() {
        assert_eq!(of("pnpm audit --audit-level high"), Some(("pnpm audit", Level::High, false)));
        assert_eq!(of("pnpm --audit-level=critical audit"), Some(("pnpm audit", Level::Critical, false)));
        assert_eq!(of("npm audit"), Some(("npm audit", Level::Low, false)));
        assert_eq!(of("yarn audit --level critical"), Some(("yarn audit", Level::Low, false)));
        assert_eq!(of("audit-ci --high"), Some(("audit-ci", Level::High, false)));
        assert_eq!(of("trivy fs --exit-code 1 --severity CRITICAL,HIGH ."), Some(("trivy", Level::High, false)));
        assert_eq!(of("cargo deny check advisories"), Some(("cargo deny", Level::Low, false)));
    }

    #[test]
    fn what_has_no_teeth_is_told_and_what_is_no_audit_is_none() {
        for toothless in [
            "npm audit --audit-level=none",
            "npm audit --offline",
            "npm audit --no-audit",
            "npm audit --only=dev",
            "pnpm audit --dev",
            "yarn audit --groups devDependencies",
            "audit-ci@7 --pass-enoaudit --high",
            "audit-ci",
            "pnpm audit --ignore-registry-errors",
            "trivy fs .",
            "grype dir:.",
            "govulncheck -json ./...",
        ] {
            assert!(of(toothless).is_some_and(|(_, _, toothless)| toothless), "{toothless}");
        }
        for none in [
            "npm audit fix",
            "npm audit signatures",
            "cargo deny check bans",
            "npm test",
            "osv-scanner fix",
            "npm audit --help",
            "trivy fs --exit-code 1 --scanners secret .",
        ] {
            assert_eq!(of(none), None, "{none}");
        }
    }
}
