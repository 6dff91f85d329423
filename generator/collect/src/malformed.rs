//! Messages made wrong from a right one, each in one way.

use serde_json::{Value, json};

/// How many are made of the members of one message.
const MEMBERS_MAX: usize = 64;
/// How deep members are followed.
const DEPTH_MAX: usize = 4;

/// A message that must be refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    /// What is wrong with it: `without /model`.
    pub(crate) name: String,
    /// Its bytes.
    pub(crate) bytes: Vec<u8>,
}

/// Of a JSON message: what is no JSON, what is no object, what lacks a member, what has one of another type. Members at the
/// pointers `optional` may be missing.
pub(crate) fn of(valid: &Value, optional: &[String]) -> Vec<Malformed> {
    let text = valid.to_string();
    let cut = text.len().saturating_sub(1);
    let mut made = vec![
        named("that is no JSON", text.get(..cut).unwrap_or("{").as_bytes().to_vec()),
        named("that is null", b"null".to_vec()),
        named("that is a number", b"7".to_vec()),
        named("that is a text", b"\"text\"".to_vec()),
    ];
    if valid.is_object() {
        made.push(named("that is a list", b"[]".to_vec()));
        made.push(named("that is an empty object", b"{}".to_vec()));
    } else {
        made.push(named("that is an object", b"{}".to_vec()));
    }
    let mut pointers = Vec::new();
    members(valid, &mut String::new(), 0, &mut pointers);
    for pointer in pointers.into_iter().take(MEMBERS_MAX) {
        if !optional.contains(&pointer)
            && let Some(without) = without(valid, &pointer)
        {
            made.push(named(&format!("without {pointer}"), without.to_string().into_bytes()));
        }
        let mut changed = valid.clone();
        if let Some(member) = changed.pointer_mut(&pointer)
            && !member.is_null()
        {
            *member = another(member);
            made.push(named(&format!("with another type at {pointer}"), changed.to_string().into_bytes()));
        }
    }
    // An empty object is what an object becomes without its only member.
    made.dedup_by(|one, other| one.bytes == other.bytes);
    made
}

/// A message whose text at a pointer is one that nobody knows.
pub(crate) fn unknown(valid: &Value, pointer: &str) -> Option<Malformed> {
    let mut changed = valid.clone();
    let member = changed.pointer_mut(pointer).filter(|member| member.is_string())?;
    *member = json!("avouch-unknown");
    Some(named(&format!("with an unknown value at {pointer}"), changed.to_string().into_bytes()))
}

fn named(name: &str, bytes: Vec<u8>) -> Malformed {
    Malformed { name: name.to_owned(), bytes }
}

/// The pointers of all members (RFC 6901), and of the first item of each list.
fn members(value: &Value, at: &mut String, depth: usize, found: &mut Vec<String>) {
    if depth >= DEPTH_MAX || found.len() >= MEMBERS_MAX {
        return;
    }
    let mut into = |part: &str, inner: &Value, listed: bool| {
        let length = at.len();
        at.push('/');
        at.push_str(part);
        if !listed {
            found.push(at.clone());
        }
        members(inner, at, depth + 1, found);
        at.truncate(length);
    };
    match value {
        Value::Object(object) => {
            for (name, inner) in object {
                into(&name.replace('~', "~0").replace('/', "~1"), inner, false);
            }
        }
        Value::Array(items) => {
            if let Some(first) = items.first() {
                into("0", first, true);
            }
        }
        _ => {}
    }
}

fn without(valid: &Value, pointer: &str) -> Option<Value> {
    let (parent, name) = pointer.rsplit_once('/')?;
    let mut changed = valid.clone();
    let parent = if parent.is_empty() { Some(&mut changed) } else { changed.pointer_mut(parent) };
    parent?.as_object_mut()?.remove(&name.replace("~1", "/").replace("~0", "~"))?;
    Some(changed)
}

/// A value of another type.
fn another(value: &Value) -> Value {
    match value {
        Value::String(_) => json!({ "avouch": 1 }),
        Value::Number(_) => json!("seven"),
        Value::Bool(_) => json!("perhaps"),
        Value::Array(_) => json!("no list"),
        _ => json!(7),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_member_is_left_out_and_changed_once() {
        let valid = json!({ "type": "chat", "messages": [{ "role": "user" }], "stream": true });
        let names: Vec<String> = of(&valid, &["/stream".to_owned()]).into_iter().map(|one| one.name).collect();
        assert_eq!(
            names[6..],
            [
                "without /messages",
                "with another type at /messages",
                "without /messages/0/role",
                "with another type at /messages/0/role",
                "with another type at /stream",
                "without /type",
                "with another type at /type",
            ]
        );
        assert_eq!(
            unknown(&valid, "/type").unwrap().bytes,
            br#"{"messages":[{"role":"user"}],"stream":true,"type":"avouch-unknown"}"#
        );
        assert_eq!(unknown(&valid, "/stream"), None);
    }

    proptest! {
        #[test]
        fn none_is_the_message_itself(names in proptest::collection::vec("[a-b~/]{1,2}", 0..4), numbers in any::<bool>()) {
            let value = if numbers { json!(1) } else { json!("x") };
            let valid = Value::Object(names.into_iter().map(|name| (name, value.clone())).collect());
            for made in of(&valid, &[]) {
                let same = serde_json::from_slice::<Value>(&made.bytes).is_ok_and(|made| made == valid);
                prop_assert!(!same || valid == json!({}), "{}", made.name);
            }
        }
    }
}
