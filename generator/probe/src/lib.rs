//! HTTP and TLS probing, bounded and polite.
//!
//! Architecture invariants: nothing is ever connected to but the host and port of the configured target (and of its
//! `plain_url`), whose addresses are resolved once, and a listener of ours at the address that it gives away; a request is a
//! path, never a URL; no redirect is followed; every request names its class and is refused where the target does not allow
//! it; an intrusive one leaves this machine only for what is stated and shown to be ours; bytes, time and the number of
//! requests are bounded; no error and no `Debug` shows a credential.
//!
//! The face is blocking: a [`Prober`] owns a small runtime. It must not be used on a thread that already runs one (use
//! `spawn_blocking` there). This room measures durations and waits, so it reads the monotonic clock of the machine; what
//! is *judged* gets its time as an argument.

mod addresses;
mod alone;
mod callbacks;
mod connect;
mod credential;
mod der;
mod error;
mod gate;
mod ownership;
mod prober;
mod rehearsal;
mod request;
mod response;
mod socket;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod tls;
mod together;
mod wire;

pub use addresses::Lease;
pub use alone::Alone;
pub use callbacks::Callbacks;
pub use credential::Credential;
pub use error::ProbeError;
pub use gate::Undisturbed;
pub use ownership::{Ownership, PROOF_PATH, proof_line};
pub use prober::{Conversation, Prober, Source};
pub use rehearsal::Rehearsed;
pub use request::{Body, Request};
pub use response::Response;
pub use socket::{Said, Sent, Socket};
pub use tls::{Certificate, Offered, Version};
pub use together::{Burst, Exchanged, Then};
