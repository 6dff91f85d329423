//! Licences as CycloneDX writes them: an SPDX id, an SPDX expression, or a name where the text is neither.

use std::{collections::HashSet, sync::OnceLock};

use crate::{
    Spec,
    format::{Licence, LicenceChoice},
    validate::SPDX_SCHEMA,
};

/// The licence that a manifest or a lockfile declares.
pub(crate) fn declared(text: &str, spec: Spec) -> Vec<LicenceChoice> {
    let text = text.trim();
    let acknowledgement = (spec >= Spec::V1_6).then_some("declared");
    if text.is_empty() {
        return Vec::new();
    }
    if ids().contains(text) {
        let license = Licence { id: Some(text.to_owned()), name: None, acknowledgement };
        return vec![LicenceChoice::Licence { license }];
    }
    if is_expression(text) {
        return vec![LicenceChoice::Expression { expression: text.to_owned(), acknowledgement }];
    }
    let license = Licence { id: None, name: Some(text.to_owned()), acknowledgement };
    vec![LicenceChoice::Licence { license }]
}

/// The ids that the schema knows (the SPDX licence list, exceptions among them).
fn ids() -> &'static HashSet<String> {
    static IDS: OnceLock<HashSet<String>> = OnceLock::new();
    IDS.get_or_init(|| {
        let schema: serde_json::Value = serde_json::from_str(SPDX_SCHEMA).unwrap_or_default();
        let listed = schema.get("enum").and_then(|list| list.as_array()).into_iter().flatten();
        listed.filter_map(|id| id.as_str()).map(str::to_owned).collect()
    })
}

/// Whether a text is an SPDX licence expression (SPDX 2.3, annex D) over known ids: `A OR (B AND C WITH exception)`.
fn is_expression(text: &str) -> bool {
    let spaced = text.replace('(', " ( ").replace(')', " ) ");
    let mut depth = 0_u32;
    let mut wants_operand = true;
    for token in spaced.split_ascii_whitespace() {
        match (token, wants_operand) {
            ("(", true) => depth += 1,
            (")", false) if depth > 0 => depth -= 1,
            ("AND" | "OR" | "WITH", false) => wants_operand = true,
            (id, true) if is_simple(id) => wants_operand = false,
            _ => return false,
        }
    }
    depth == 0 && !wants_operand
}

fn is_simple(id: &str) -> bool {
    let plain =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'));
    let id = id.strip_suffix('+').unwrap_or(id);
    ids().contains(id) || id.strip_prefix("LicenseRef-").is_some_and(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_licence_is_an_id_an_expression_or_a_name() {
        let shown = |text| serde_json::to_string(&declared(text, Spec::V1_5)).unwrap();
        assert_eq!(shown("MIT"), r#"[{"license":{"id":"MIT"}}]"#);
        assert_eq!(shown("(MIT OR Apache-2.0)"), r#"[{"expression":"(MIT OR Apache-2.0)"}]"#);
        assert_eq!(shown("SEE LICENSE IN x"), r#"[{"license":{"name":"SEE LICENSE IN x"}}]"#);
        assert_eq!(shown("MIT OR"), r#"[{"license":{"name":"MIT OR"}}]"#);
        assert_eq!(shown(" "), "[]");
        assert!(is_expression("Apache-2.0 WITH LLVM-exception AND LicenseRef-own"));
        assert!(!is_expression("MIT/Apache-2.0"));
        assert_eq!(declared("MIT", Spec::V1_6).len(), 1);
    }
}
