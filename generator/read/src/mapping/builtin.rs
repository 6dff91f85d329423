//! The mapping files that come with the program.

use super::ProfileSource;

/// The standards and controls that profiles refer to, and the baseline beside them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Builtins {
    /// Standards: path and TOML.
    pub standards: Vec<(String, String)>,
    /// Shared controls: path and TOML, in the order of the catalogue.
    pub controls: Vec<(String, String)>,
    /// What is looked at whatever is claimed: path and TOML.
    pub baseline: Vec<(String, String)>,
}

const STANDARDS: &[(&str, &str)] =
    &[("mappings/standards/owasp-api-2023.toml", include_str!("../../../../mappings/standards/owasp-api-2023.toml"))];

const CONTROLS: &[(&str, &str)] = &[
    ("mappings/controls/transport.toml", include_str!("../../../../mappings/controls/transport.toml")),
    ("mappings/controls/credentials.toml", include_str!("../../../../mappings/controls/credentials.toml")),
    ("mappings/controls/secrets.toml", include_str!("../../../../mappings/controls/secrets.toml")),
    ("mappings/controls/tenancy.toml", include_str!("../../../../mappings/controls/tenancy.toml")),
    ("mappings/controls/requests.toml", include_str!("../../../../mappings/controls/requests.toml")),
    ("mappings/controls/limits.toml", include_str!("../../../../mappings/controls/limits.toml")),
    ("mappings/controls/data.toml", include_str!("../../../../mappings/controls/data.toml")),
    ("mappings/controls/agents.toml", include_str!("../../../../mappings/controls/agents.toml")),
    ("mappings/controls/change.toml", include_str!("../../../../mappings/controls/change.toml")),
    ("mappings/controls/supply.toml", include_str!("../../../../mappings/controls/supply.toml")),
    ("mappings/controls/openness.toml", include_str!("../../../../mappings/controls/openness.toml")),
];

const BASELINE: &[(&str, &str)] = &[("mappings/baseline.toml", include_str!("../../../../mappings/baseline.toml"))];

const PROFILES: &[(&str, &str)] = &[
    ("auth-api", include_str!("../../../../mappings/profiles/auth-api.toml")),
    ("gateway-worker", include_str!("../../../../mappings/profiles/gateway-worker.toml")),
    ("secret-store", include_str!("../../../../mappings/profiles/secret-store.toml")),
    ("stack", include_str!("../../../../mappings/profiles/stack.toml")),
    ("tenant-ai", include_str!("../../../../mappings/profiles/tenant-ai.toml")),
];

/// The built-in standards, controls and baseline.
pub fn builtins() -> Builtins {
    let owned = |files: &[(&str, &str)]| files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    Builtins { standards: owned(STANDARDS), controls: owned(CONTROLS), baseline: owned(BASELINE) }
}

/// The names of the built-in profiles, in order.
pub fn builtin_names() -> Vec<&'static str> {
    PROFILES.iter().map(|(name, _)| *name).collect()
}

/// The built-in profiles, by name in order.
pub fn builtin_profiles() -> Vec<ProfileSource> {
    PROFILES.iter().map(|(name, text)| ProfileSource { name: (*name).to_owned(), text: (*text).to_owned() }).collect()
}
