//! Relations between whole numbers, `bits == entropy(alphabet, length)`: parsed at the door, computed exactly.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Deserializer, de::Error as _};

/// Two sides and what must hold between them.
#[derive(Clone, Debug)]
pub(crate) struct Relation {
    text: String,
    left: Expression,
    operator: &'static str,
    right: Expression,
}

#[derive(Clone, Debug)]
enum Expression {
    Number(i128),
    Name(String),
    Sum(Box<Self>, Box<Self>),
    Difference(Box<Self>, Box<Self>),
    Product(Box<Self>, Box<Self>),
    /// Whole bits of a choice of `length` symbols of an alphabet of so many.
    Entropy(Box<Self>, Box<Self>),
}

/// The longest operators first, so that `<=` is not read as `<`.
const OPERATORS: [&str; 6] = ["==", "!=", "<=", ">=", "<", ">"];

/// The largest alphabet and the longest text that entropy is computed of.
const ENTROPY_MAX: i128 = 4_096;

impl Relation {
    /// Reads a relation.
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        let wrong = |what: String| format!("`{text}` is not a relation: {what}");
        let (place, operator) = (0..text.len())
            .filter(|place| text.is_char_boundary(*place))
            .find_map(|place| {
                let found = OPERATORS.into_iter().find(|operator| text[place..].starts_with(operator));
                found.map(|operator| (place, operator))
            })
            .ok_or_else(|| wrong(format!("it needs one of {}", OPERATORS.join(" "))))?;
        let side = |text| Parser::whole(text).map_err(wrong);
        Ok(Self { text: text.to_owned(), left: side(&text[..place])?, operator, right: side(&text[place + operator.len()..])? })
    }

    /// As it was written.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// The names in it.
    pub(crate) fn names(&self) -> BTreeSet<&str> {
        let mut names = BTreeSet::new();
        self.left.names(&mut names);
        self.right.names(&mut names);
        names
    }

    /// Whether it holds, with both sides; the error says why it cannot be computed.
    pub(crate) fn holds(&self, values: &BTreeMap<&str, i64>) -> Result<(bool, i128, i128), String> {
        let (left, right) = (self.left.value(values)?, self.right.value(values)?);
        let holds = match self.operator {
            "==" => left == right,
            "!=" => left != right,
            "<=" => left <= right,
            ">=" => left >= right,
            "<" => left < right,
            _ => left > right,
        };
        Ok((holds, left, right))
    }
}

impl<'de> Deserialize<'de> for Relation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl Expression {
    fn names<'a>(&'a self, names: &mut BTreeSet<&'a str>) {
        match self {
            Self::Number(_) => {}
            Self::Name(name) => {
                names.insert(name);
            }
            Self::Sum(left, right) | Self::Difference(left, right) | Self::Product(left, right) | Self::Entropy(left, right) => {
                left.names(names);
                right.names(names);
            }
        }
    }

    fn value(&self, values: &BTreeMap<&str, i64>) -> Result<i128, String> {
        let too_large = || "a number is too large".to_owned();
        match self {
            Self::Number(number) => Ok(*number),
            Self::Name(name) => {
                values.get(name.as_str()).map(|value| i128::from(*value)).ok_or_else(|| format!("nothing says what `{name}` is"))
            }
            Self::Sum(left, right) => left.value(values)?.checked_add(right.value(values)?).ok_or_else(too_large),
            Self::Difference(left, right) => left.value(values)?.checked_sub(right.value(values)?).ok_or_else(too_large),
            Self::Product(left, right) => left.value(values)?.checked_mul(right.value(values)?).ok_or_else(too_large),
            Self::Entropy(alphabet, length) => entropy(alphabet.value(values)?, length.value(values)?),
        }
    }
}

/// Whole bits of entropy of `length` uniform, independent symbols: ⌊log2(alphabet ^ length)⌋, computed exactly.
fn entropy(alphabet: i128, length: i128) -> Result<i128, String> {
    if !(1..=ENTROPY_MAX).contains(&alphabet) || !(0..=ENTROPY_MAX).contains(&length) {
        return Err(format!("entropy({alphabet}, {length}) is beyond what is computed (1 to {ENTROPY_MAX})"));
    }
    let factor = u64::try_from(alphabet).map_err(|error| error.to_string())?;
    // The power in base 2^32, least part first.
    let mut power = vec![1_u32];
    for _ in 0..length {
        let mut carry = 0_u64;
        for part in &mut power {
            let product = u64::from(*part) * factor + carry;
            *part = (product & 0xffff_ffff) as u32;
            carry = product >> 32;
        }
        if carry > 0 {
            power.push(carry as u32);
        }
    }
    let top = power.last().copied().unwrap_or(1);
    Ok((power.len() as i128 - 1) * 32 + i128::from(31 - top.leading_zeros()))
}

struct Parser<'a> {
    rest: &'a str,
    depth: u32,
}

impl<'a> Parser<'a> {
    fn whole(text: &'a str) -> Result<Expression, String> {
        let mut parser = Self { rest: text, depth: 0 };
        let expression = parser.sum()?;
        match parser.rest.trim() {
            "" => Ok(expression),
            rest => Err(format!("`{rest}` is left over")),
        }
    }

    fn takes(&mut self, mark: char) -> bool {
        let rest = self.rest.trim_start();
        let taken = rest.strip_prefix(mark);
        self.rest = taken.unwrap_or(rest);
        taken.is_some()
    }

    fn expects(&mut self, mark: char) -> Result<(), String> {
        if self.takes(mark) { Ok(()) } else { Err(format!("a `{mark}` is missing")) }
    }

    fn sum(&mut self) -> Result<Expression, String> {
        let mut left = self.product()?;
        loop {
            left = if self.takes('+') {
                Expression::Sum(Box::new(left), Box::new(self.product()?))
            } else if self.takes('-') {
                Expression::Difference(Box::new(left), Box::new(self.product()?))
            } else {
                return Ok(left);
            };
        }
    }

    fn product(&mut self) -> Result<Expression, String> {
        let mut left = self.factor()?;
        while self.takes('*') {
            left = Expression::Product(Box::new(left), Box::new(self.factor()?));
        }
        Ok(left)
    }

    fn factor(&mut self) -> Result<Expression, String> {
        self.depth += 1;
        if self.depth > 200 {
            return Err("it is too long".to_owned());
        }
        if self.takes('(') {
            let inner = self.sum()?;
            self.expects(')')?;
            return Ok(inner);
        }
        let rest = self.rest.trim_start();
        let end = rest.find(|each: char| !each.is_ascii_alphanumeric() && each != '_').unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        self.rest = after;
        if word.is_empty() {
            return Err("a number or a name is missing".to_owned());
        }
        if word.starts_with(|each: char| each.is_ascii_digit()) {
            return word.parse().map(Expression::Number).map_err(|_| format!("`{word}` is no number"));
        }
        if word == "entropy" {
            self.expects('(')?;
            let alphabet = self.sum()?;
            self.expects(',')?;
            let length = self.sum()?;
            self.expects(')')?;
            return Ok(Expression::Entropy(Box::new(alphabet), Box::new(length)));
        }
        Ok(Expression::Name(word.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_is_a_relation_or_a_reason(text in "[a-z0-9 ()+*,=<>!é-]{0,40}") {
            if let Ok(relation) = Relation::new(&text) {
                let _ = relation.holds(&relation.names().into_iter().map(|name| (name, i64::MAX)).collect());
            }
        }

        #[test]
        fn entropy_of_small_powers_agrees_with_the_machine(alphabet in 1_u32..=64, length in 0_u32..=20) {
            let power = u128::from(alphabet).pow(length);
            prop_assert_eq!(entropy(alphabet.into(), length.into()), Ok(i128::from(power.ilog2())));
        }
    }

    fn holds(text: &str) -> bool {
        let values = BTreeMap::from([("bits", 130), ("alphabet", 32), ("length", 26), ("bytes", 17)]);
        Relation::new(text).unwrap().holds(&values).unwrap().0
    }

    #[test]
    fn relations_hold_or_do_not() {
        assert!(holds("bits == entropy(alphabet, length)"));
        assert!(holds("bytes * 8 >= bits"));
        assert!(!holds("(bytes - 1) * 8 >= bits"));
        assert!(holds("bits - entropy(alphabet, 6) >= 100"));
        assert!(holds("2 + 3 * 4 == 14") && holds("10 - 2 - 3 == 5") && holds("1 != 2") && holds("1 < 2") && holds("2 > 1"));
    }

    #[test]
    fn entropy_is_exact_where_the_alphabet_is_no_power_of_two() {
        for (alphabet, length, bits) in
            [(32, 26, 130), (62, 22, 130), (10, 3, 9), (2, 0, 0), (1, 9, 0), (36, 25, 129), (64, 4096, 24_576)]
        {
            assert_eq!(entropy(alphabet, length), Ok(bits), "{alphabet}^{length}");
        }
        assert!(entropy(0, 1).is_err() && entropy(2, 5_000).is_err());
    }

    #[test]
    fn what_is_no_relation_is_refused() {
        for text in ["bits", "a ==", "== b", "a = b", "a == b == c", "a == entropy(2)", "a == (b", "a == 1x", "a == b c", ""] {
            assert!(Relation::new(text).is_err(), "{text}");
        }
        assert!(Relation::new(&format!("a == {}1", "(".repeat(100_000))).is_err());
        let unknown = Relation::new("a == 1").unwrap();
        assert!(unknown.holds(&BTreeMap::new()).unwrap_err().contains("`a`"));
        assert_eq!(unknown.names(), BTreeSet::from(["a"]));
    }
}
