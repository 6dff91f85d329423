//! Expressions that a team writes into a rule. They are put between parentheses, and must not get out of them.

/// A text that is not one expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotAnExpression(&'static str);

/// Reads an expression: its parentheses and quotes are closed, and it has neither a semicolon, a comment nor a parameter of
/// its own. Whether it means anything the database says.
///
/// # Errors
/// When it is not so.
pub fn expression(text: &str) -> Result<&str, NotAnExpression> {
    let mut depth = 0_usize;
    let mut rest = text.chars().peekable();
    let mut before = ' ';
    while let Some(character) = rest.next() {
        match character {
            '\'' | '"' | '`' => skip_to(&mut rest, character)?,
            '[' if !(before.is_alphanumeric() || before == '_' || before == ']' || before == ')') => skip_to(&mut rest, ']')?,
            '(' => depth += 1,
            ')' => depth = depth.checked_sub(1).ok_or(NotAnExpression("a parenthesis is closed that was not opened"))?,
            ';' => return Err(NotAnExpression("a semicolon ends a statement, and this is a part of one")),
            '-' if rest.peek() == Some(&'-') => return Err(NotAnExpression("comments are not read")),
            '/' if rest.peek() == Some(&'*') => return Err(NotAnExpression("comments are not read")),
            '?' | '$' | '@' | '#' => return Err(NotAnExpression("a parameter has no value here")),
            // Two are a cast in Postgres.
            ':' if rest.peek() == Some(&':') => {
                rest.next();
            }
            ':' => return Err(NotAnExpression("a parameter has no value here")),
            '\0' => return Err(NotAnExpression("a text of SQL has no zero byte")),
            _ => {}
        }
        before = character;
    }
    if depth > 0 {
        return Err(NotAnExpression("a parenthesis is not closed"));
    }
    if text.trim().is_empty() {
        return Err(NotAnExpression("it is empty"));
    }
    Ok(text)
}

/// Goes past the closing quote. A quote within is doubled, and so reads as two texts.
fn skip_to(rest: &mut impl Iterator<Item = char>, end: char) -> Result<(), NotAnExpression> {
    for character in rest.by_ref() {
        if character == end {
            return Ok(());
        }
        if character == '\0' {
            break;
        }
        // Postgres reads backslashes in texts that begin with E, and would see another end than we do.
        if character == '\\' {
            return Err(NotAnExpression("backslashes in texts are read differently by different databases"));
        }
    }
    Err(NotAnExpression("a quote is not closed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_stays_between_its_parentheses() {
        for text in ["kind = 'a;b'", "(a OR b) AND c", "\"odd -- name\" IS NULL", "name = 'it''s'", "at::date", "[odd )name] = 1"]
        {
            assert_eq!(expression(text), Ok(text));
        }
        for text in [
            "1) OR (1",
            "(1",
            "a; DROP TABLE b",
            "1 -- all",
            "1 /* all",
            "a = ?1",
            "a = :cutoff",
            "a = $1",
            "'open",
            "E'\\'' OR ('1'='1",
            "",
            " \n",
            "tags[1) OR (1]",
        ] {
            assert!(expression(text).is_err(), "{text}");
        }
    }
}
