//! Why a request was not made or not answered.

use std::{io, net::IpAddr, time::Duration};

/// Why a request was not made or not answered. Never holds a credential or a body.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The target does not allow requests of this class.
    #[error("requests of class `{class}` are not allowed: add \"{class}\" to `allow` in `[targets.{target}]`")]
    NotAllowed {
        /// The target's name.
        target: String,
        /// `passive`, `active` or `intrusive`.
        class: &'static str,
    },
    /// Nobody says that the target is theirs, and it is not on this machine.
    #[error(
        "intrusive requests leave this machine only for what is yours: give the command `--i-own-this` if `[targets.{target}]` is"
    )]
    NotStated {
        /// The target's name.
        target: String,
    },
    /// The target does not show that it is ours.
    #[error("nothing shows that `[targets.{target}]` is yours ({reason}): let {at} answer with the line `{line}`")]
    NotProven {
        /// The target's name.
        target: String,
        /// What its answer lacks.
        reason: String,
        /// The line that it must show.
        line: String,
        /// Where.
        at: String,
    },
    /// The run has sent as many requests as it may.
    #[error("all {max} requests of this run are spent: raise `requests_max` in `[targets.{target}]`")]
    RequestsSpent {
        /// The target's name.
        target: String,
        /// How many it may send.
        max: u32,
    },
    /// There are too few source addresses.
    #[error("{needed} fresh source addresses are needed and {have} are free: add to `source_addresses` in `[targets.{target}]`")]
    NotEnoughAddresses {
        /// The target's name.
        target: String,
        /// How many are needed.
        needed: usize,
        /// How many are free.
        have: usize,
    },
    /// No principal has this name.
    #[error("no principal is named `{principal}`: add `[targets.{target}.principals.{principal}]`")]
    NoSuchPrincipal {
        /// The target's name.
        target: String,
        /// The name asked for.
        principal: String,
    },
    /// The environment lacks the variable with a principal's credential.
    #[error("the environment variable `{variable}`, which holds the credential of principal `{principal}`, is not set")]
    NoCredential {
        /// The principal's name.
        principal: String,
        /// The variable's name.
        variable: String,
    },
    /// A principal's value cannot be sent in a header, or no wrong credential can be made from it.
    #[error("the credential of principal `{principal}` {reason}")]
    UnfitCredential {
        /// The principal's name.
        principal: String,
        /// What is wrong with it, without showing it.
        reason: &'static str,
    },
    /// The target fails whatever it is asked.
    #[error("nothing more is sent to `{target}` in this run: the last {count} answers were 500 or more; mend it first")]
    Failing {
        /// The target's name.
        target: String,
        /// How many answers.
        count: u32,
    },
    /// Nobody can listen at this address.
    #[error("cannot listen at `{address}`")]
    Listen {
        /// The address.
        address: String,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The target has no address in plain HTTP.
    #[error("the target has no plain HTTP address: set `plain_url` in `[targets.{target}]`")]
    NoPlainUrl {
        /// The target's name.
        target: String,
    },
    /// The target has no TLS.
    #[error("`url` in `[targets.{target}]` is not https: there is no TLS to look at")]
    NoTls {
        /// The target's name.
        target: String,
    },
    /// A configured URL is not of the form that is probed.
    #[error("`{url}` in `[targets.{target}]` is no `http` or `https` URL of a host and port alone")]
    Url {
        /// The target's name.
        target: String,
        /// What is written there.
        url: String,
    },
    /// The certificate authorities cannot be read.
    #[error("`ca_file` of `[targets.{target}]` holds no readable PEM certificate")]
    CertificateAuthorities {
        /// The target's name.
        target: String,
    },
    /// The request cannot be sent as it is.
    #[error("the request cannot be sent: {reason}")]
    Unsendable {
        /// Why.
        reason: String,
    },
    /// The host's name cannot be resolved.
    #[error("the host of target `{target}` cannot be resolved")]
    Resolve {
        /// The target's name.
        target: String,
        /// The cause.
        #[source]
        cause: io::Error,
    },
    /// A source address cannot be sent from.
    #[error("requests cannot be sent from the source address {address} of target `{target}`")]
    Bind {
        /// The target's name.
        target: String,
        /// The address.
        address: IpAddr,
        /// The cause.
        #[source]
        cause: io::Error,
    },
    /// Nothing listens there.
    #[error("target `{target}` refused the connection")]
    Refused {
        /// The target's name.
        target: String,
    },
    /// The time for the request is over.
    #[error("target `{target}` did not answer within {} ms", after.as_millis())]
    TimedOut {
        /// The target's name.
        target: String,
        /// How long was waited.
        after: Duration,
    },
    /// The connection could not be made for another reason.
    #[error("no connection could be made to target `{target}`")]
    Connect {
        /// The target's name.
        target: String,
        /// The cause.
        #[source]
        cause: io::Error,
    },
    /// The TLS handshake failed.
    #[error("the TLS handshake with target `{target}` failed")]
    Tls {
        /// The target's name.
        target: String,
        /// The cause.
        #[source]
        cause: io::Error,
    },
    /// The connection ended before the answer did.
    #[error("target `{target}` closed the connection before it had answered")]
    Reset {
        /// The target's name.
        target: String,
    },
    /// The answer is not HTTP/1.1.
    #[error("target `{target}` did not answer in HTTP/1.1: {reason}")]
    NotHttp {
        /// The target's name.
        target: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The head of the answer is larger than is read.
    #[error("the head of the answer of target `{target}` is larger than {max} bytes")]
    TooLarge {
        /// The target's name.
        target: String,
        /// The most that is read.
        max: usize,
    },
    /// The target does not name its release.
    #[error("target `{target}` does not name its commit: {reason}")]
    NoRelease {
        /// The target's name.
        target: String,
        /// What its answer lacks.
        reason: String,
    },
    /// The certificate cannot be read.
    #[error("the certificate of target `{target}` cannot be read")]
    Certificate {
        /// The target's name.
        target: String,
    },
    /// The machine cannot run probes.
    #[error("the machine cannot run probes")]
    Runtime {
        /// The cause.
        #[source]
        cause: io::Error,
    },
}

impl ProbeError {
    /// Whether the target itself ended or refused the conversation, rather than our own rules.
    pub const fn is_of_the_target(&self) -> bool {
        matches!(
            self,
            Self::Refused { .. }
                | Self::TimedOut { .. }
                | Self::Connect { .. }
                | Self::Tls { .. }
                | Self::Reset { .. }
                | Self::NotHttp { .. }
                | Self::TooLarge { .. }
        )
    }

    /// The error and its causes in one line.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(inner) = cause {
            text.push_str(": ");
            text.push_str(&inner.to_string());
            cause = inner.source();
        }
        text
    }
}
