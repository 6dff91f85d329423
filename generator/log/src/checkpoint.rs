//! Checkpoints: the head of a log as the text of a signed note (C2SP tlog-checkpoint).

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::merkle::Hash;

/// The head of a log: its origin, how many entries it has, and the root over them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's origin.
    pub origin: String,
    /// How many entries the log has.
    pub size: u64,
    /// The root of the Merkle tree over its entries.
    pub root: Hash,
}

/// The text is not a checkpoint as avouch writes it.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NotACheckpoint {
    /// Other than three lines.
    #[error("a checkpoint is three lines: origin, size, root")]
    Lines,
    /// The origin is empty.
    #[error("the origin of the checkpoint is empty")]
    Origin,
    /// The size is not a plain decimal number.
    #[error("`{0}` is not the size of a log: decimal digits without leading zeros")]
    Size(String),
    /// The root is not 32 bytes in base64.
    #[error("`{0}` is not the root of a log: 32 bytes in base64")]
    Root(String),
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root))
    }
}

impl FromStr for Checkpoint {
    type Err = NotACheckpoint;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Extension lines are allowed by the specification and advised against; avouch writes none, so it reads none.
        let lines: Vec<&str> = text.strip_suffix('\n').ok_or(NotACheckpoint::Lines)?.split('\n').collect();
        let [origin, size, root] = lines.as_slice() else { return Err(NotACheckpoint::Lines) };
        if origin.is_empty() {
            return Err(NotACheckpoint::Origin);
        }
        let number: Option<u64> = size.parse().ok().filter(|number: &u64| number.to_string() == *size);
        let bytes = STANDARD.decode(root).ok().and_then(|bytes| Hash::try_from(bytes).ok());
        Ok(Self {
            origin: (*origin).to_owned(),
            size: number.ok_or_else(|| NotACheckpoint::Size((*size).to_owned()))?,
            root: bytes.ok_or_else(|| NotACheckpoint::Root((*root).to_owned()))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ROOT: &str = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";

    #[test]
    fn a_checkpoint_has_one_spelling() {
        let good = format!("trust.example.com/7f3a\n20852163\n{ROOT}\n");
        assert_eq!(good.parse::<Checkpoint>().unwrap().to_string(), good);
        for size in ["", "-1", "+1", "01", "00", "1.0", "1e3", " 1", "18446744073709551616", "0x1", "１"] {
            assert!(format!("o\n{size}\n{ROOT}\n").parse::<Checkpoint>().is_err(), "{size}");
        }
        let roots = [String::new(), "AA==".into(), ROOT.replace("2I=", "2J="), ROOT.replace('=', ""), format!("{ROOT}=")];
        for root in roots {
            assert!(format!("o\n1\n{root}\n").parse::<Checkpoint>().is_err(), "{root}");
        }
        for text in [format!("o\n1\n{ROOT}"), format!("\n1\n{ROOT}\n"), format!("o\n1\n{ROOT}\nmore\n"), "\n".into()] {
            assert!(text.parse::<Checkpoint>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(origin in "[a-z./]{1,30}", size: u64, root: [u8; 32], noise in "(\\PC|\n){0,80}") {
            let checkpoint = Checkpoint { origin, size, root };
            prop_assert_eq!(checkpoint.to_string().parse::<Checkpoint>().unwrap(), checkpoint);
            if let Ok(read) = noise.parse::<Checkpoint>() {
                prop_assert_eq!(read.to_string(), noise);
            }
        }
    }
}
