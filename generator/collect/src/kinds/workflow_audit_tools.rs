//! Which commands and actions audit dependencies, at which severity they fail, and what takes their teeth.
//!
//! From the tools' own references: npm and pnpm `audit`, Yarn `npm audit`, `cargo audit`, `cargo deny`, `osv-scanner`,
//! `pip-audit`, `govulncheck`, `trivy`, `grype`, `snyk`, `audit-ci`, and the actions that wrap them.

use avouch_read::workflow::Text;
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
}

const NPM: &[&str] = &["npm"];
const CARGO: &[&str] = &["cargo"];
const PYPI: &[&str] = &["pypi"];
const GO: &[&str] = &["go"];
const ALL: &[&str] = &[];

const REGISTRY: &str = "it passes when the registry does not answer (`--ignore-registry-errors`)";
const NOTHING: &str = "it fails at no severity";
const NEVER: &str = "it is told never to fail";

/// The audit that a command is.
pub(super) fn of_command(words: &[String]) -> Option<Tool> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (program, rest) = words.split_first()?;
    let program = program.rsplit('/').next().unwrap_or(program);
    let has =
        |flags: &[&str]| rest.iter().any(|word| flags.iter().any(|flag| word == flag || word.starts_with(&format!("{flag}="))));
    let value = |flags: &[&str]| option(rest, flags);
    let tool = |name, covers, closes: Option<Level>, toothless| {
        Some(Tool { name, covers, closes: closes.unwrap_or(Level::Low), toothless })
    };
    let level = |flags: &[&str]| value(flags).map(|text| Level::named(text).ok_or(text));
    let npm_like = |name: &'static str, flags: &[&str]| {
        if has(&["fix", "--fix", "signatures"]) {
            return None;
        }
        let (closes, unknown) = match level(flags) {
            Some(Ok(level)) => (Some(level), None),
            // `none`, or a word that the tool does not know.
            Some(Err(_)) => (None, Some(NOTHING)),
            None => (None, None),
        };
        let toothless = if has(&["--ignore-registry-errors"]) { Some(REGISTRY) } else { unknown };
        tool(name, NPM, closes, toothless)
    };
    let plain: Vec<&str> = rest.iter().copied().filter(|word| !word.starts_with('-')).collect();
    match (program, plain.as_slice()) {
        ("pnpm", ["audit", ..]) => npm_like("pnpm audit", &["--audit-level"]),
        ("npm", ["audit", ..]) => npm_like("npm audit", &["--audit-level"]),
        ("bun", ["audit", ..]) => npm_like("bun audit", &["--audit-level"]),
        ("yarn", ["npm", "audit", ..]) => npm_like("yarn npm audit", &["--severity"]),
        // `--level` of Yarn 1 filters what is shown; the exit code tells of every severity.
        ("yarn", ["audit", ..]) => tool("yarn audit", NPM, None, None),
        ("audit-ci", _) => {
            let flags = [("--low", "-l"), ("--moderate", "-m"), ("--high", "-h"), ("--critical", "-c")];
            let named = flags
                .iter()
                .find(|(long, short)| has(&[long]) || has(&[short]))
                .and_then(|(long, _)| Level::named(long.trim_start_matches('-')));
            tool("audit-ci", NPM, named, None)
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
        Some(Tool { name, covers, closes: closes.unwrap_or(Level::Low), toothless })
    };
    match name {
        "actions/dependency-review-action" => {
            let never = on("warn-only") || off("vulnerability-check");
            tool("dependency-review-action", ALL, value("fail-on-severity").and_then(Level::named), never.then_some(NEVER))
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
        of_command(&words).map(|tool| (tool.name, tool.closes, tool.toothless.is_some()))
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
            "pnpm audit --ignore-registry-errors",
            "trivy fs .",
            "grype dir:.",
            "govulncheck -json ./...",
        ] {
            assert!(of(toothless).is_some_and(|(_, _, toothless)| toothless), "{toothless}");
        }
        for none in ["npm audit fix", "npm audit signatures", "cargo deny check bans", "npm test", "osv-scanner fix"] {
            assert_eq!(of(none), None, "{none}");
        }
    }
}
