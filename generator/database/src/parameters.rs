//! `:name` in a statement, and the values that it stands for.

use crate::{DatabaseError, Value};

/// Writes a statement with its named parameters as `place` writes them, which is given the number of a value (from 1) and the value.
/// Gives back the values in the order of their numbers. A name without a value is refused.
pub(crate) fn numbered<'v>(
    database: &str,
    sql: &str,
    binds: &[(&str, &'v Value)],
    place: impl Fn(usize, &Value) -> String,
) -> Result<(String, Vec<&'v Value>), DatabaseError> {
    let disagree = |parameter: &str| DatabaseError::Parameter {
        database: database.to_owned(),
        parameter: parameter.to_owned(),
        sql: sql.to_owned(),
    };
    let mut text = String::with_capacity(sql.len());
    let (mut values, mut names): (Vec<&'v Value>, Vec<&str>) = (Vec::new(), Vec::new());
    let mut rest = sql;
    while let Some(found) = rest.find([':', '\'', '"', '`']) {
        let (before, from) = rest.split_at(found);
        text.push_str(before);
        let end = match from.as_bytes() {
            // A cast of Postgres.
            [b':', b':', ..] => 2,
            [b':', ..] => {
                let name = from[1..].split(|character: char| !character.is_alphanumeric() && character != '_').next();
                let name = name.unwrap_or_default();
                let (known, value) = binds.iter().find(|(known, _)| *known == name).ok_or_else(|| disagree(name))?;
                let number = names.iter().position(|seen| seen == known).unwrap_or_else(|| {
                    names.push(known);
                    values.push(value);
                    names.len() - 1
                });
                text.push_str(&place(number + 1, value));
                rest = &from[1 + name.len()..];
                continue;
            }
            [quote, ..] => from[1..].find(char::from(*quote)).map_or(from.len(), |end| end + 2),
            [] => 0,
        };
        text.push_str(&from[..end]);
        rest = &from[end..];
    }
    text.push_str(rest);
    Ok((text, values))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_numbers_and_what_is_quoted_stays() {
        let (one, two) = (Value::Integer(1), Value::Null);
        let binds = [("a", &one), ("b", &two)];
        let sql = "SELECT ':a', \":b\", `:c`, x::text, :b, :a, :b";
        let (text, values) = numbered("main", sql, &binds, |number, _| format!("?{number}")).unwrap();
        assert_eq!(text, "SELECT ':a', \":b\", `:c`, x::text, ?1, ?2, ?1");
        assert_eq!(values, [&two, &one]);
        assert!(matches!(numbered("main", ":c", &binds, |_, _| String::new()), Err(DatabaseError::Parameter { .. })));
    }
}
