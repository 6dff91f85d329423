//! HTTP and TLS probing, bounded and polite.

/// A prober of one target.
#[derive(Debug)]
pub struct Prober {}
