//! Whether a file is of the schema that it names itself. For `workflow.gates`.

use serde_json::Value;

use crate::{
    Unasked, World,
    ecosystems::folder,
    sources::{FILE_BYTES_MAX, bytes},
};

/// Whether a JSON file that names a schema of the repository (`$schema`) is of it. One that names none is of whatever it likes; one
/// whose schema is not there, or cannot be read, is of nothing.
pub(super) fn is_of_its_schema(world: &World<'_>, path: &str) -> Result<bool, Unasked> {
    let json = |path: &str| -> Result<Option<Value>, Unasked> {
        Ok(bytes(world.tree, path, FILE_BYTES_MAX)?.and_then(|raw| serde_json::from_slice(&raw).ok()))
    };
    if !path.ends_with(".json") {
        return Ok(true);
    }
    let Some(file) = json(path)? else { return Ok(false) };
    let Some(named) = file.get("$schema").and_then(Value::as_str).filter(|named| !named.contains("://")) else { return Ok(true) };
    let Some(schema) = json(&beside(path, named))? else { return Ok(false) };
    // Nothing is fetched: a schema that refers to others elsewhere cannot be asked.
    let validator = jsonschema::options().offline().build(&schema);
    Ok(validator.is_ok_and(|validator| validator.is_valid(&file)))
}

/// A path that is written as seen from a file.
fn beside(path: &str, named: &str) -> String {
    let mut parts: Vec<&str> = folder(path).split('/').filter(|part| !part.is_empty()).collect();
    for part in named.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;

    #[test]
    fn a_policy_is_of_the_type_that_it_names() {
        let schema = r#"{"type":"object","properties":{"resources":{"items":{"pattern":"^kv:[a-z-]+$"}}}}"#;
        let judged = |policy: &str| {
            let scene = Scene::of([("policy/production.json", policy), ("policy/schemas/policy.json", schema)]);
            scene.with(|world| is_of_its_schema(world, "policy/production.json")).unwrap()
        };
        assert!(judged(r#"{"$schema":"./schemas/policy.json","resources":["kv:mail"]}"#));
        assert!(judged(r#"{"$schema":"../policy/schemas/policy.json","resources":["kv:mail"]}"#));
        assert!(!judged(r#"{"$schema":"./schemas/policy.json","resources":["kv:*"]}"#));
        assert!(!judged(r#"{"$schema":"./schemas/gone.json","resources":["kv:mail"]}"#));
        assert!(!judged("{"));
        assert!(judged(r#"{"resources":["anything"]}"#));
        assert!(judged(r#"{"$schema":"https://json-schema.org/draft/2020-12/schema"}"#));
    }
}
