//! Buckets of object storage, by the API of S3: objects are written once and read back. None is ever changed or deleted.
//!
//! Only `avouch-retain` names this face. The signatures and the shape of requests are those of `object_store`, the connection is
//! ours (`wire.rs`).

mod error;
mod wire;

use std::{env, io, path::Path, thread, time::Duration};

use avouch_model::product::Bucket;
use object_store::{
    GetOptions, ObjectStore as _, PutMode, PutOptions, PutPayload, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder},
    path::Path as Name,
};
use tokio::runtime::{Builder, Runtime};

pub use error::BucketError;
use error::Doing;
use wire::Wire;

use crate::tls;

/// How often the same is asked while no answer comes or the store says that it failed.
const TRIES: u32 = 3;
/// How long is waited before the second time; three times as long before the third.
const REST: Duration = Duration::from_millis(100);
/// The most that is read of an answer that is no object.
const ANSWER_MAX: usize = 64 * 1024;
/// What tells whether a store keeps what it has.
const MARK: &[u8] = b"avouch tried here whether what is there is written over\n";

/// Since when an object is there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Written {
    Now,
    Before,
    /// One of both: an answer was lost, and then it was there.
    Either,
}

/// A way to one bucket.
pub struct Objects {
    bucket: String,
    store: AmazonS3,
    wire: Wire,
    // Last: connections live in it.
    runtime: Runtime,
}

impl Objects {
    /// Reads the keys. Connects at the first request. Relative files lie beneath `root`.
    ///
    /// # Errors
    /// When a variable is not set, or `ca_file` holds no authority.
    pub fn open(bucket: &Bucket, root: &Path) -> Result<Self, BucketError> {
        let name = || bucket.name.clone();
        let held = |variable: &str| {
            let text = env::var(variable).ok().map(|text| text.trim().to_owned());
            // It becomes a part of a header.
            let key = text.filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()));
            key.ok_or_else(|| BucketError::NoKey { bucket: name(), variable: variable.to_owned() })
        };
        let roots = match &bucket.ca_file {
            None => tls::public(),
            Some(file) => {
                let path = root.join(file);
                tls::of_file(&path).map_err(|cause| BucketError::Authorities { bucket: name(), path, cause })?
            }
        };
        let unready = |cause| BucketError::Unready { bucket: name(), cause };
        let wire = Wire::trusting(tls::trusting(roots).map_err(|cause| unready(io::Error::other(cause)))?);
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&bucket.name)
            .with_endpoint(&bucket.endpoint)
            .with_region(&bucket.region)
            .with_access_key_id(held(&bucket.access_key_env)?)
            .with_secret_access_key(held(&bucket.secret_key_env)?)
            // The wire connects so to loopback addresses alone.
            .with_allow_http(true)
            .with_retry(RetryConfig { max_retries: 0, ..RetryConfig::default() })
            .with_http_connector(wire.clone());
        if let Some(variable) = &bucket.session_token_env {
            builder = builder.with_token(held(variable)?);
        }
        let store = builder.build().map_err(|cause| unready(io::Error::other(cause)))?;
        let runtime = Builder::new_current_thread().enable_all().build().map_err(unready)?;
        Ok(Self { bucket: name(), store, wire, runtime })
    }

    /// Finds out, at an object of this name, whether the store keeps what is there when it is told to (`If-None-Match: *`). The
    /// object stays there.
    ///
    /// # Errors
    /// When it writes over it; when it cannot be asked.
    pub fn try_to_write_twice(&self, name: &str) -> Result<(), BucketError> {
        if self.write(name, MARK)? == Written::Now && self.write(name, MARK)? == Written::Now {
            return Err(BucketError::WritesOver { bucket: self.bucket.clone(), object: name.to_owned() });
        }
        Ok(())
    }

    /// Writes an object unless one of its name is there. Tells whether it did; where an answer was lost in between, whether it may
    /// have.
    ///
    /// # Errors
    /// When the store refuses it, or nobody knows whether it was written.
    pub fn create(&self, name: &str, bytes: &[u8]) -> Result<bool, BucketError> {
        Ok(self.write(name, bytes)? != Written::Before)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<Written, BucketError> {
        let payload = PutPayload::from(bytes.to_vec());
        let mut there = Written::Before;
        for tried in 1.. {
            let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
            let put = async { self.store.put_opts(&Name::from(name), payload.clone(), options).await };
            self.wire.expect(ANSWER_MAX);
            match self.runtime.block_on(put).map_err(|cause| self.failed(Doing::Writing, &cause)) {
                Ok(_) => return Ok(Written::Now),
                Err(error) if error.is_there() => return Ok(there),
                Err(error) if error.may_pass() && tried < TRIES => {
                    if error.leaves_it_open() {
                        there = Written::Either;
                    }
                }
                Err(error) => return Err(error),
            }
            rest(tried);
        }
        Ok(there)
    }

    /// What is there under a name.
    ///
    /// # Errors
    /// When nothing is, when it has more than `bytes_max`, or when the store cannot be asked.
    pub fn read(&self, name: &str, bytes_max: usize) -> Result<Vec<u8>, BucketError> {
        for tried in 1.. {
            let get = async { self.store.get_opts(&Name::from(name), GetOptions::default()).await?.bytes().await };
            self.wire.expect(bytes_max.max(ANSWER_MAX));
            match self.runtime.block_on(get).map_err(|cause| self.failed(Doing::Reading, &cause)) {
                Ok(bytes) => return Ok(bytes.into()),
                Err(error) if error.may_pass() && tried < TRIES => rest(tried),
                Err(error) => return Err(error),
            }
        }
        Ok(Vec::new())
    }

    /// What went wrong, by what was heard: the library's own words hold addresses and what the store says of a key.
    fn failed(&self, doing: Doing, cause: &object_store::Error) -> BucketError {
        BucketError::of(&self.bucket, doing, self.wire.heard(), cause)
    }
}

fn rest(tried: u32) {
    thread::sleep(REST * 3_u32.saturating_pow(tried.saturating_sub(1)));
}
