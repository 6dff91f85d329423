//! Which versions of TLS a target speaks: asked with our own bytes, because a library refuses old versions by itself.

use std::{fmt, str::FromStr, time::Duration};

use avouch_model::Timestamp;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// TLS 1.0 (RFC 2246).
    Tls10,
    /// TLS 1.1 (RFC 4346).
    Tls11,
    /// TLS 1.2 (RFC 5246).
    Tls12,
    /// TLS 1.3 (RFC 8446).
    Tls13,
}

impl Version {
    const ALL: [Self; 4] = [Self::Tls10, Self::Tls11, Self::Tls12, Self::Tls13];

    /// The number on the wire.
    const fn number(self) -> u16 {
        match self {
            Self::Tls10 => 0x0301,
            Self::Tls11 => 0x0302,
            Self::Tls12 => 0x0303,
            Self::Tls13 => 0x0304,
        }
    }

    /// `1.3`
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tls10 => "1.0",
            Self::Tls11 => "1.1",
            Self::Tls12 => "1.2",
            Self::Tls13 => "1.3",
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Version {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|version| version.name() == text)
            .ok_or_else(|| format!("`{text}` is no version of TLS: write 1.0, 1.1, 1.2 or 1.3"))
    }
}

/// What a target did when it was offered one version alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Offered {
    /// It chose this version.
    Accepted(Version),
    /// It refused with this alert (RFC 8446 section 6): `protocol_version` (70), `handshake_failure` (40) or
    /// `insufficient_security` (71).
    Refused(u8),
    /// It did something that shows neither: silence, a closed connection, another alert.
    Inconclusive(String),
}

/// What a target's certificate says, read in a whole and trusted handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The last moment of its validity.
    pub not_after: Timestamp,
    /// The version that the handshake was made in.
    pub version: Version,
}

/// Offers one version on a fresh connection and reads the first answer.
pub(crate) async fn offer(stream: TcpStream, version: Version, name: Option<&str>, seed: u64, within: Duration) -> Offered {
    match tokio::time::timeout(within, ask(stream, version, name, seed)).await {
        Ok(offered) => offered,
        Err(_) => Offered::Inconclusive("no answer in time".to_owned()),
    }
}

async fn ask(mut stream: TcpStream, version: Version, name: Option<&str>, seed: u64) -> Offered {
    if stream.write_all(&client_hello(version, name, seed)).await.is_err() {
        return Offered::Inconclusive("the connection was closed".to_owned());
    }
    let mut answer = Vec::new();
    loop {
        if let Some(offered) = read(&answer) {
            return offered;
        }
        match stream.read_buf(&mut answer).await {
            Ok(count) if count > 0 && answer.len() < 20_000 => {}
            Ok(_) => return Offered::Inconclusive("the connection was closed without an alert".to_owned()),
            Err(_) => return Offered::Inconclusive("the connection was reset".to_owned()),
        }
    }
}

/// Reads the first record: an alert, or a ServerHello. None while it is not whole.
fn read(answer: &[u8]) -> Option<Offered> {
    const ALERT: u8 = 21;
    const HANDSHAKE: u8 = 22;
    let (head, rest) = answer.split_at_checked(5)?;
    let length = usize::from(u16::from_be_bytes([head[3], head[4]]));
    let foreign = || Some(Offered::Inconclusive("the answer is not TLS".to_owned()));
    if head[1] != 3 {
        return foreign();
    }
    match head[0] {
        ALERT => {
            let description = *rest.get(..length.max(2))?.get(1)?;
            Some(match description {
                40 | 70 | 71 => Offered::Refused(description),
                other => Offered::Inconclusive(format!("alert {other}")),
            })
        }
        HANDSHAKE => server_hello(rest.get(..length)?).map_or_else(foreign, |number| {
            Some(
                Version::ALL
                    .into_iter()
                    .find(|version| version.number() == number)
                    .map_or_else(|| Offered::Inconclusive(format!("version {number:#06x} was chosen")), Offered::Accepted),
            )
        }),
        _ => foreign(),
    }
}

/// The version that a ServerHello chooses: in its `supported_versions` extension, or else in its version field.
fn server_hello(message: &[u8]) -> Option<u16> {
    const SERVER_HELLO: u8 = 2;
    let (&kind, rest) = message.split_first()?;
    let (_, body) = rest.split_at_checked(3)?;
    if kind != SERVER_HELLO {
        return None;
    }
    let legacy = number(body)?;
    let (_, rest) = body.split_at_checked(34)?;
    let (&session, rest) = rest.split_first()?;
    let (_, rest) = rest.split_at_checked(usize::from(session) + 3)?;
    let mut extensions = rest.get(2..).unwrap_or_default();
    while let Some((head, rest)) = extensions.split_at_checked(4) {
        let (content, after) = rest.split_at_checked(usize::from(number(&head[2..])?))?;
        if number(head)? == 43 {
            return number(content);
        }
        extensions = after;
    }
    Some(legacy)
}

fn number(bytes: &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes([*bytes.first()?, *bytes.get(1)?]))
}

/// A ClientHello that offers this version alone (RFC 5246 section 7.4.1.2, RFC 8446 section 4.1.2).
fn client_hello(version: Version, name: Option<&str>, seed: u64) -> Vec<u8> {
    // Broad, so that a refusal is about the version and not about a cipher.
    const OLD: [u16; 15] =
        [0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc009, 0xc013, 0xc00a, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035, 0x000a];
    const NEW: [u16; 3] = [0x1301, 0x1302, 0x1303];
    const SIGNATURES: [u16; 11] = [0x0403, 0x0503, 0x0603, 0x0807, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0201];
    let newest = version == Version::Tls13;
    // No handshake is ever finished with these, so they need only be various.
    let filler = |salt: u64| -> Vec<u8> {
        (0..4_u64)
            .flat_map(|part| {
                let mixed = (seed ^ salt ^ part).wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                (mixed ^ (mixed >> 29)).to_be_bytes()
            })
            .collect()
    };
    let mut extensions = Vec::new();
    if let Some(name) = name {
        let host = [&[0][..], &sized(name.as_bytes())].concat();
        extensions.extend(extension(0, &sized(&host)));
    }
    extensions.extend(extension(10, &sized(&numbers(&[29, 23, 24]))));
    extensions.extend(extension(11, &[1, 0]));
    if version >= Version::Tls12 {
        extensions.extend(extension(13, &sized(&numbers(&SIGNATURES))));
    }
    if newest {
        extensions.extend(extension(43, &[2, 3, 4]));
        let share = [&[0, 29][..], &sized(&filler(1))].concat();
        extensions.extend(extension(51, &sized(&share)));
    } else {
        extensions.extend(extension(23, &[]));
        extensions.extend(extension(0xff01, &[0]));
    }
    let legacy = version.number().min(Version::Tls12.number());
    let mut body = legacy.to_be_bytes().to_vec();
    body.extend(filler(2));
    if newest {
        body.push(32);
        body.extend(filler(3));
    } else {
        body.push(0);
    }
    body.extend(sized(&numbers(if newest { &NEW } else { &OLD })));
    body.extend([1, 0]);
    body.extend(sized(&extensions));
    let mut message = vec![1, 0];
    message.extend(sized(&body));
    let record = if version == Version::Tls10 { [22, 3, 1] } else { [22, 3, legacy.to_be_bytes()[1].min(3)] };
    [&record[..], &sized(&message)].concat()
}

fn extension(kind: u16, content: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &sized(content)].concat()
}

/// With its length in two bytes before it.
fn sized(content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap_or(u16::MAX);
    [&length.to_be_bytes()[..], content].concat()
}

fn numbers(list: &[u16]) -> Vec<u8> {
    list.iter().flat_map(|each| each.to_be_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_alert_about_the_version_is_a_refusal_and_any_other_end_is_inconclusive() {
        assert_eq!(read(&[21, 3, 1, 0, 2, 2, 70]), Some(Offered::Refused(70)));
        assert!(matches!(read(&[21, 3, 1, 0, 2, 2, 80]), Some(Offered::Inconclusive(_))));
        assert!(matches!(read(b"HTTP/1.1 400"), Some(Offered::Inconclusive(_))));
        assert_eq!(read(&[21, 3, 1, 0, 2, 2]), None);
    }

    #[test]
    fn an_old_server_hello_names_its_version_in_its_own_field() {
        let mut body = vec![2, 0, 0, 38, 3, 2];
        body.extend([7; 32]);
        body.extend([0, 0xc0, 0x13, 0]);
        let record = [&[22, 3, 2][..], &sized(&body)].concat();
        assert_eq!(read(&record), Some(Offered::Accepted(Version::Tls11)));
    }

    proptest! {
        #[test]
        fn any_answer_is_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..120), kind in 20u8..24) {
            let mut record = vec![kind, 3, 3, 0, 100];
            record.extend(bytes);
            let _ = read(&record);
        }
    }
}
