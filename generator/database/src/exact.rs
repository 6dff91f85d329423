//! Values as texts written by SQLite, a file or D1: JSON in between would round large integers, and knows no bytes.

use crate::Value;

/// The SQL of an expression's value as such a text. It holds neither a comma nor the end of a line.
pub(crate) fn exact(expression: &str) -> String {
    format!(
        "typeof({expression}) || ':' || CASE WHEN typeof({expression}) IN ('text', 'blob') THEN hex({expression}) \
         ELSE quote({expression}) END"
    )
}

/// Reads one; none when it is none.
pub(crate) fn value(text: &str) -> Option<Value> {
    let (kind, rest) = text.split_once(':')?;
    match kind {
        "null" => Some(Value::Null),
        "integer" => rest.parse().ok().map(Value::Integer),
        "real" => rest.parse().ok().map(Value::Real),
        "blob" => bytes(rest).map(Value::Blob),
        "text" => bytes(rest).map(Value::text),
        _ => None,
    }
}

/// Bytes that SQLite's `hex` wrote.
pub(crate) fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
    let read = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?));
    rest.is_empty().then(|| read.collect())?
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    #[test]
    fn what_sqlite_writes_is_read_back_as_it_was() {
        let connection = Connection::open_in_memory().unwrap();
        for expected in [
            Value::Null,
            Value::Integer(i64::MIN),
            Value::Integer((1 << 53) + 1),
            Value::Real(0.1),
            Value::Real(-1.5e300),
            Value::Real(2.0),
            Value::Real(f64::INFINITY),
            Value::Text("a,b\nc\0d:é'".into()),
            Value::Text(String::new()),
            Value::BrokenText(vec![1, 255]),
            Value::Blob(vec![0, 255]),
        ] {
            let text: String = connection.query_row(&format!("SELECT {}", exact("?1")), [&expected], |row| row.get(0)).unwrap();
            assert!(!text.contains([',', '\n']), "{text}");
            assert_eq!(value(&text), Some(expected), "{text}");
        }
        for text in ["", "text", "text:0", "text:0g", "integer:x", "other:1"] {
            assert_eq!(value(text), None, "{text}");
        }
    }
}
