//! A file of rules as it is written.

use serde::Deserialize;
use toml::Spanned;

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    #[serde(rename = "title")]
    _title: Option<String>,
    #[serde(rename = "description")]
    _description: Option<String>,
    /// The program that the file was written for; ours reads what it knows, and refuses what it does not.
    #[serde(rename = "minVersion", alias = "minversion")]
    _min_version: Option<String>,
    pub(super) extend: Option<Extend>,
    /// The older way to write one list.
    pub(super) allowlist: Option<WrittenAllowList>,
    #[serde(default)]
    pub(super) allowlists: Vec<WrittenAllowList>,
    #[serde(default)]
    pub(super) rules: Vec<WrittenRule>,
}

/// What a file builds on.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Extend {
    #[serde(default, rename = "useDefault", alias = "usedefault")]
    pub(super) use_default: bool,
    pub(super) path: Option<Spanned<String>>,
    pub(super) url: Option<Spanned<String>>,
    #[serde(default, rename = "disabledRules", alias = "disabledrules")]
    pub(super) disabled_rules: Vec<Spanned<String>>,
}

/// A rule.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenRule {
    pub(super) id: Spanned<String>,
    pub(super) description: Option<String>,
    pub(super) regex: Option<Spanned<String>>,
    pub(super) path: Option<Spanned<String>>,
    #[serde(rename = "secretGroup", alias = "secretgroup")]
    pub(super) secret_group: Option<Spanned<usize>>,
    pub(super) entropy: Option<f64>,
    #[serde(default)]
    pub(super) keywords: Vec<String>,
    #[serde(default)]
    pub(super) tags: Vec<String>,
    #[serde(rename = "skipReport", alias = "skipreport")]
    pub(super) skip_report: Option<Spanned<bool>>,
    /// The older way to write one list.
    pub(super) allowlist: Option<WrittenAllowList>,
    #[serde(default)]
    pub(super) allowlists: Vec<WrittenAllowList>,
}

/// An allow-list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenAllowList {
    #[serde(rename = "description")]
    _description: Option<String>,
    pub(super) condition: Option<Spanned<String>>,
    #[serde(rename = "regexTarget", alias = "regextarget")]
    pub(super) regex_target: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) regexes: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) paths: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) commits: Vec<String>,
    #[serde(default)]
    pub(super) stopwords: Vec<String>,
    #[serde(default, rename = "targetRules", alias = "targetrules")]
    pub(super) target_rules: Vec<String>,
}
