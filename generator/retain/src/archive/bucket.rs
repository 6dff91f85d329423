//! An archive in a bucket.

use std::{io, path::Path};

use avouch_database::bucket::{BucketError, Objects};
use avouch_model::product::Bucket;

use super::Store;

/// A bucket that was seen to write once.
pub(super) struct InBucket {
    objects: Objects,
    prefix: String,
}

impl InBucket {
    /// Tries, where nothing is archived yet, whether the store keeps what it has.
    pub(super) fn open(bucket: &Bucket, prefix: String, root: &Path) -> Result<Self, BucketError> {
        let objects = Objects::open(bucket, root)?;
        objects.try_to_write_twice(&format!("{prefix}/written-once"))?;
        Ok(Self { objects, prefix })
    }

    fn name(&self, name: &str) -> String {
        format!("{}/{name}", self.prefix)
    }
}

impl Store for InBucket {
    fn create(&mut self, name: &str, bytes: &[u8]) -> io::Result<bool> {
        self.objects.create(&self.name(name), bytes).map_err(io::Error::other)
    }

    fn read(&mut self, name: &str, bytes_max: usize) -> io::Result<Vec<u8>> {
        self.objects.read(&self.name(name), bytes_max).map_err(io::Error::other)
    }
}
