//! `pyproject.toml`: what a Python project asks for (PEP 621, PEP 735, and Poetry's own tables).

use super::{
    super::{Asked, Manifest, Need},
    normal, requirement, strongest, table,
};
use crate::structured::Node;

pub(super) fn read(root: &Node) -> Manifest {
    let poetry = root.pointer("/tool/poetry");
    let text = |key: &str| {
        let own = root.pointer("/project").and_then(|project| project.get(key)?.as_text());
        own.or_else(|| poetry?.get(key)?.as_text()).map(str::to_owned)
    };
    let licence = root.pointer("/project/license").and_then(|node| node.as_text().or_else(|| node.get("text")?.as_text()));
    let mut asked = Vec::new();
    list(&mut asked, root.pointer("/project/dependencies"), Need::Required);
    for entry in root.pointer("/project").map(|project| table(project, "optional-dependencies")).unwrap_or_default() {
        list(&mut asked, Some(&entry.value), Need::Optional);
    }
    for entry in table(root, "dependency-groups") {
        list(&mut asked, Some(&entry.value), Need::Development);
    }
    if let Some(poetry) = poetry {
        entries(&mut asked, poetry, "dependencies", Need::Required);
        entries(&mut asked, poetry, "dev-dependencies", Need::Development);
        for group in table(poetry, "group") {
            let need = if group.key == "main" { Need::Required } else { Need::Development };
            entries(&mut asked, &group.value, "dependencies", need);
        }
    }
    let own = licence.or_else(|| poetry?.get("license")?.as_text()).map(str::to_owned);
    Manifest { name: text("name"), version: text("version"), licence: own, asked: strongest(asked), workspaces: Vec::new() }
}

/// Requirements as texts; a group may include another, which is read by itself.
fn list(asked: &mut Vec<Asked>, node: Option<&Node>, need: Need) {
    for text in node.and_then(Node::as_list).unwrap_or_default().iter().filter_map(Node::as_text) {
        if let Some((name, rest)) = requirement(text) {
            asked.push(Asked::new(&normal(name), Some(rest), need));
        }
    }
}

/// Requirements as a table: `name = "^1.0"` or `name = { version = "^1.0", optional = true }`.
fn entries(asked: &mut Vec<Asked>, node: &Node, key: &str, need: Need) {
    for entry in table(node, key).iter().filter(|entry| entry.key != "python") {
        let optional = entry.value.get("optional").and_then(Node::as_bool) == Some(true);
        let version = entry.value.as_text().or_else(|| entry.value.get("version")?.as_text());
        let need = if optional { Need::Optional } else { need };
        asked.push(Asked::new(&normal(&entry.key), Some(version.unwrap_or_default()), need));
    }
}
