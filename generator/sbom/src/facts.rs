//! What a BOM is told besides the files: the release, and who answers for it.

use avouch_model::{Digest, Timestamp, release::Release};

use crate::{
    Spec,
    format::{Contact, Organisation},
};

/// An organisation, or a person that agreed to be named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Party {
    /// The name.
    pub name: String,
    /// A web page.
    pub url: Option<String>,
    /// An address for mail.
    pub email: Option<String>,
}

/// What is known of the release besides its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseFacts {
    /// The product's name; without one the manifest at the root tells it.
    pub name: Option<String>,
    /// The release; none for a folder without git.
    pub release: Option<Release>,
    /// When its commit was made.
    pub committed: Option<Timestamp>,
    /// Whether the files have changes that are in no commit.
    pub dirty: bool,
    /// The BOM's own time: `SOURCE_DATE_EPOCH`, or else the time of the commit, so that the same commit gives the same
    /// bytes.
    pub timestamp: Timestamp,
    /// Who answers for the BOM.
    pub author: Option<Party>,
    /// Who supplies the product.
    pub supplier: Option<Party>,
    /// The version of avouch.
    pub tool_version: String,
    /// The digest of the program that writes the BOM.
    pub tool_digest: Option<Digest>,
}

/// How a BOM is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The version of CycloneDX.
    pub spec: Spec,
    /// Read lockfiles and the manifest at the root alone, and no cache. Otherwise the manifests of workspace members are
    /// read too: for their names, and for what a `Cargo.lock` does not tell, which crates are needed for development only.
    pub lock_only: bool,
    /// Read manifests alone of what lies in caches: no archive is hashed and no licence text read. Then SHA-512 is
    /// lacking where the lockfile has none, and no licence is concluded.
    pub quick: bool,
}

impl Party {
    pub(crate) fn contact(&self) -> Contact {
        Contact { name: Some(self.name.clone()), email: self.email.clone() }
    }

    pub(crate) fn organisation(&self) -> Organisation {
        let contact = self.email.clone().map(|email| Contact { name: None, email: Some(email) });
        Organisation {
            name: Some(self.name.clone()),
            url: self.url.clone().into_iter().collect(),
            contact: contact.into_iter().collect(),
        }
    }
}
