//! Who a request is made as, and the wrong credentials that are made from a right one.

use std::fmt;

use avouch_model::{percent, product::Principal};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD},
};

use crate::{
    ProbeError,
    request::{is_field_value, is_token},
};

/// Who a request is made as. Names a principal; never holds a secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Credential {
    /// Nobody.
    #[default]
    None,
    /// A configured principal.
    Principal(String),
    /// In this principal's header and scheme, something that is no key at all.
    Malformed(String),
    /// A key of the same form as this principal's, with every character after its tag replaced.
    Unknown(String),
    /// This principal's key with its last four characters replaced.
    Altered(String),
}

impl Credential {
    /// The principal that it is made from.
    pub fn principal(&self) -> Option<&str> {
        match self {
            Self::None => None,
            Self::Principal(name) | Self::Malformed(name) | Self::Unknown(name) | Self::Altered(name) => Some(name),
        }
    }
}

/// A principal's header with its value filled in.
#[derive(Clone)]
pub(crate) struct Secret {
    header: String,
    value: Result<String, String>,
    /// Further header fields; the errors are the names of variables that are not set.
    with: Vec<(String, Result<String, String>)>,
}

impl Secret {
    /// Fills in the variables; a variable that is not set is remembered and reported when the principal is used.
    pub(crate) fn of(principal: &Principal, environment: &dyn Fn(&str) -> Option<String>) -> Self {
        let with = principal.with.iter().map(|(name, value)| (name.clone(), fill(value, environment)));
        Self { header: principal.header.clone(), value: fill(&principal.value, environment), with: with.collect() }
    }

    /// The header fields to send for a credential made from this principal, its own first; `seed` chooses the replacements.
    /// What is sent with it stays as it is when the credential is made wrong.
    pub(crate) fn fields(&self, credential: &Credential, seed: u64) -> Result<Vec<(String, String)>, ProbeError> {
        let Some(principal) = credential.principal() else {
            return Ok(vec![]);
        };
        let unfit = |reason| ProbeError::UnfitCredential { principal: principal.to_owned(), reason };
        let missing =
            |variable: &String| ProbeError::NoCredential { principal: principal.to_owned(), variable: variable.clone() };
        let value = self.value.as_ref().map_err(missing)?;
        if !is_field_value(value) {
            return Err(unfit("holds a control character"));
        }
        let scheme = value.rfind(' ').map_or(0, |space| space + 1);
        let key = &value[scheme..];
        let tag = key.rfind('_').map_or(0, |score| score + 1);
        let made = match credential {
            Credential::None | Credential::Principal(_) => value.clone(),
            Credential::Malformed(_) => format!("{}not-a-key", &value[..scheme]),
            Credential::Unknown(_) | Credential::Altered(_) => {
                let body: Vec<char> = key[tag..].chars().collect();
                if body.len() < 8 {
                    return Err(unfit("is too short to make a wrong one from it"));
                }
                let from = if matches!(credential, Credential::Unknown(_)) { 0 } else { body.len() - 4 };
                let replaced = replace(&body, from, seed);
                format!("{}{}{replaced}", &value[..scheme], &key[..tag])
            }
        };
        let mut fields = vec![(self.header.clone(), made)];
        for (name, value) in &self.with {
            let value = value.as_ref().map_err(missing)?;
            if !is_field_value(value) || !is_token(name) {
                return Err(unfit("cannot be sent in a header"));
            }
            fields.push((name.clone(), value.clone()));
        }
        Ok(fields)
    }
}

/// The fewest bytes of a value that are taken for a secret when they stand in a text.
const TOLD_MIN: usize = 8;

impl Secret {
    /// Writes `instead` in place of what this principal sends, wherever it stands in a text, in small letters or large ones, in
    /// base64, hexadecimal or percent-encoded; also of a key whose end was altered.
    pub(crate) fn hide(&self, text: &mut String, instead: &str) {
        for value in std::iter::once(&self.value).chain(self.with.iter().map(|(_, value)| value)).flatten() {
            let key = value.rsplit(' ').next().unwrap_or_default();
            let stem = key.char_indices().rev().nth(3).map_or("", |(end, _)| &key[..end]);
            for told in [key, stem].into_iter().filter(|told| told.len() >= TOLD_MIN) {
                hide_one(text, told, instead);
                encoded(told).iter().for_each(|form| hide_one(text, form, instead));
            }
            // A name and a password are sent in base64, and told as they are.
            let decoded = STANDARD.decode(key).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            if let Some((_, password)) =
                decoded.as_deref().and_then(|pair| pair.split_once(':')).filter(|_| value.starts_with("Basic "))
                && password.len() >= TOLD_MIN
            {
                hide_one(text, password, instead);
            }
        }
    }
}

/// The other forms in which a text travels.
fn encoded(told: &str) -> Vec<String> {
    let hexadecimal = told.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut forms = vec![percent::encoded_as_javascript(told), hexadecimal];
    // Within a longer text the groups of three bytes begin at one of three places, and the last one is shared with what follows.
    for (before, begin) in [(0, 0), (1, 2), (2, 3)] {
        let bytes: Vec<u8> = std::iter::repeat_n(0, before).chain(told.bytes()).collect();
        let base64 = STANDARD_NO_PAD.encode(&bytes);
        if let Some(sure) = base64.get(begin..bytes.len() / 3 * 4) {
            forms.push(sure.replace('+', "-").replace('/', "_"));
            forms.push(sure.to_owned());
        }
    }
    forms
}

fn hide_one(text: &mut String, told: &str, instead: &str) {
    if told.is_empty() {
        return;
    }
    let told = told.to_ascii_lowercase();
    // Letters of ASCII alone change, so that places in the one are places in the other.
    let (mut rest, mut out, small) = (0, String::new(), text.to_ascii_lowercase());
    while let Some(found) = small.get(rest..).and_then(|part| part.find(&told)) {
        out.push_str(text.get(rest..rest + found).unwrap_or_default());
        out.push_str(instead);
        rest += found + told.len();
    }
    if rest > 0 {
        out.push_str(text.get(rest..).unwrap_or_default());
        *text = out;
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Secret").field("header", &self.header).finish_non_exhaustive()
    }
}

/// Replaces every character from `from` on by another one of the same class, so that the form stays.
fn replace(body: &[char], from: usize, seed: u64) -> String {
    // No I, L, O, U and their small forms: the result is also a word of Crockford's base 32, if the original was.
    const DIGITS: &[u8] = b"0123456789";
    const HEX: &[u8] = b"0123456789abcdef";
    const LARGE: &[u8] = b"ABCDEFGHJKMNPQRSTVWXYZ";
    const SMALL: &[u8] = b"abcdefghjkmnpqrstvwxyz";
    let hex = body.iter().all(|character| character.is_ascii_digit() || ('a'..='f').contains(character));
    let mut state = seed;
    body.iter()
        .enumerate()
        .map(|(index, &character)| {
            let class = match character {
                _ if index < from => return character,
                '0'..='9' | 'a'..='f' if hex => HEX,
                '0'..='9' => DIGITS,
                'A'..='Z' => LARGE,
                'a'..='z' => SMALL,
                _ => return character,
            };
            // splitmix64: the choice need not be unguessable, only different.
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            let others: Vec<char> = class.iter().map(|&byte| char::from(byte)).filter(|&other| other != character).collect();
            let count = u64::try_from(others.len()).unwrap_or(1).max(1);
            let pick = usize::try_from((mixed ^ (mixed >> 31)) % count).unwrap_or(0);
            others.get(pick).copied().unwrap_or(character)
        })
        .collect()
}

/// Fills `${NAME}`; the error is the name of a variable that is not set.
fn fill(template: &str, environment: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = template;
    while let Some(start) = rest.find("${") {
        let Some(length) = rest[start..].find('}') else { break };
        out.push_str(&rest[..start]);
        let name = &rest[start + 2..start + length];
        out.push_str(&environment(name).filter(|value| !value.is_empty()).ok_or_else(|| name.to_owned())?);
        rest = &rest[start + length + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn secret(value: &str) -> Secret {
        let principal = Principal {
            name: "a".into(),
            tenant: None,
            header: "Authorization".into(),
            value: "Bearer ${KEY}".into(),
            with: [("Access".to_owned(), "${KEY}".to_owned())].into(),
        };
        Secret::of(&principal, &|name| (name == "KEY").then(|| value.to_owned()))
    }

    fn value(secret: &Secret, credential: Credential) -> String {
        secret.fields(&credential, 7).unwrap()[0].1.clone()
    }

    #[test]
    fn a_wrong_key_keeps_the_form_and_differs_in_every_replaced_character() {
        let right = "ck_live_0123456789ABCDEFGHJKMNPQRS";
        let secret = secret(right);
        assert_eq!(value(&secret, Credential::Principal("a".into())), format!("Bearer {right}"));
        assert_eq!(value(&secret, Credential::Malformed("a".into())), "Bearer not-a-key");
        let altered = value(&secret, Credential::Altered("a".into()));
        assert_eq!(altered[..altered.len() - 4], format!("Bearer {right}")[..altered.len() - 4]);
        let unknown = value(&secret, Credential::Unknown("a".into()));
        assert!(unknown.starts_with("Bearer ck_live_"));
        assert_eq!(unknown.len(), right.len() + 7);
        for (index, (new, old)) in unknown[15..].chars().zip(right[8..].chars()).enumerate() {
            assert_ne!(new, old, "{index}");
            assert_eq!(new.is_ascii_digit(), old.is_ascii_digit());
        }
    }

    #[test]
    fn what_is_sent_with_a_credential_stays_right_when_it_is_made_wrong() {
        let fields = secret("0123456789").fields(&Credential::Altered("a".into()), 7).unwrap();
        assert_ne!(fields[0].1, "Bearer 0123456789");
        assert_eq!(fields[1..], [("Access".to_owned(), "0123456789".to_owned())]);
        assert_eq!(secret("x").fields(&Credential::None, 7).unwrap(), []);
    }

    #[test]
    fn a_hexadecimal_key_stays_hexadecimal() {
        let unknown = value(&secret("00112233445566778899aabbccddeeff"), Credential::Unknown("a".into()));
        assert!(unknown[7..].chars().all(|character| character.is_ascii_hexdigit()));
    }

    #[test]
    fn a_missing_variable_is_named_when_the_principal_is_used() {
        let principal =
            Principal { name: "a".into(), tenant: None, header: "X".into(), value: "${GONE}".into(), with: BTreeMap::new() };
        let error = Secret::of(&principal, &|_| None).fields(&Credential::Principal("a".into()), 0).unwrap_err();
        assert!(matches!(error, ProbeError::NoCredential { variable, .. } if variable == "GONE"));
    }

    #[test]
    fn a_key_is_hidden_in_a_text_also_with_its_end_altered_and_ordinary_words_are_left() {
        let secret = secret("ck_live_0123456789ABCDEF");
        let hidden = |text: &str| {
            let mut text = text.to_owned();
            secret.hide(&mut text, "(a's)");
            text
        };
        assert_eq!(
            hidden("got `Bearer ck_live_0123456789ABCDEF`, twice ck_live_0123456789ABCDEF"),
            "got `Bearer (a's)`, twice (a's)"
        );
        let altered = secret.fields(&Credential::Altered("a".into()), 7).unwrap().remove(0).1;
        assert!(!hidden(&altered).contains("0123456789"), "{}", hidden(&altered));
        assert_eq!(hidden("Bearer ck_live_"), "Bearer ck_live_");
        let mut text = "GET /x".to_owned();
        self::secret("x").hide(&mut text, "(a's)");
        assert_eq!(text, "GET /x");
    }

    #[test]
    fn a_key_is_hidden_in_whatever_form_it_is_told() {
        let key = "ck_live_0123456789+ABC/DEF=";
        let secret = secret(key);
        for prefix in ["", "x", "xy", "Bearer ", "user:"] {
            let whole = format!("{prefix}{key}; and more");
            let hexadecimal: String = whole.bytes().map(|byte| format!("{byte:02X}")).collect();
            let url_safe = STANDARD.encode(&whole).replace('+', "-").replace('/', "_");
            for told in [
                whole.to_uppercase(),
                whole.to_lowercase(),
                percent::encoded_as_javascript(&whole),
                STANDARD.encode(&whole),
                url_safe,
                hexadecimal,
            ] {
                let mut text = format!("got {told}.");
                secret.hide(&mut text, "(a's)");
                assert!(text.starts_with("got ") && text.contains("(a's)"), "{told}: {text}");
                // No more is left than the characters that the key shares with its neighbours.
                let bare = text.replace("(a's)", "");
                assert!(bare.len() + key.len() <= format!("got {told}.").len() + 4, "{told}: {text}");
            }
        }
        let pair = STANDARD.encode("probe:correct horse");
        let principal = Principal {
            name: "a".into(),
            tenant: None,
            header: "Authorization".into(),
            value: format!("Basic {pair}"),
            with: BTreeMap::new(),
        };
        let mut text = format!("probe said `correct horse`, which is {pair}");
        Secret::of(&principal, &|_| None).hide(&mut text, "(a's)");
        assert!(!text.contains("horse") && !text.contains(&pair), "{text}");
    }

    #[test]
    fn no_debug_shows_a_credential() {
        assert!(!format!("{:?}", secret("ck_live_TOPSECRET")).contains("TOPSECRET"));
    }
}
