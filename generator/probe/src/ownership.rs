//! Whose a target is: what lets intrusive requests leave this machine. `docs/decisions/0014-whose-a-target-is.md` says why.

use std::sync::PoisonError;

use avouch_model::{Digest, product::ProbeClass};

use crate::{ProbeError, Prober, Request};

/// Where a target shows the line that makes it ours.
pub const PROOF_PATH: &str = "/.well-known/avouch-probe";
/// The most bytes of the proof that are read: many systems may share one.
const PROOF_MAX: usize = 16 << 10;
/// How much of the digest stands in the line, in hexadecimal digits: 128 bits.
const DIGITS: usize = 32;

/// What is known of whose a target is. By default nothing: intrusive requests stay on this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ownership {
    /// Whether whoever gave the command says so (`--i-own-this`).
    pub stated: bool,
    /// The name of the log that the probes are for (`[evidence] origin`): the target must name it too.
    pub origin: String,
}

/// The line that a target must show at [`PROOF_PATH`]: it binds this log to this address, so neither another log's line nor a
/// copy of the file at another address counts.
pub fn proof_line(origin: &str, url: &str) -> String {
    let digest = Digest::of(format!("avouch-probe\n{origin}\n{url}").as_bytes()).to_string();
    let digits: String = digest.rsplit(':').next().unwrap_or_default().chars().take(DIGITS).collect();
    format!("avouch-probe={digits}")
}

impl Prober {
    /// With what is known of whose the target is.
    #[must_use]
    pub fn owned(mut self, ownership: Ownership) -> Self {
        self.ownership = ownership;
        self
    }

    /// Whether intrusive requests are allowed here and wait for a proof. By the target's name alone: nothing is resolved.
    pub fn wants_proof(&self) -> bool {
        self.inner.permit(ProbeClass::Intrusive).is_ok() && !self.inner.place.is_loopback_by_name()
    }

    /// Whether the target shows that it is ours. Asked once in a run; what is on this machine need not be asked.
    ///
    /// # Errors
    /// When it does not, and when it cannot be asked.
    pub fn proof(&self) -> Result<(), ProbeError> {
        if self.inner.place.is_loopback()? {
            return Ok(());
        }
        let mut known = self.proven.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = known.get_or_insert_with(|| self.ask_for_proof());
        shown.clone().map_err(|reason| ProbeError::NotProven {
            target: self.inner.target.name.clone(),
            reason,
            line: self.line(),
            at: format!("{}{PROOF_PATH}", self.inner.target.url),
        })
    }

    fn line(&self) -> String {
        proof_line(&self.ownership.origin, &self.inner.target.url)
    }

    fn ask_for_proof(&self) -> Result<(), String> {
        let request = Request::new(ProbeClass::Passive, "GET", PROOF_PATH).body_max(PROOF_MAX);
        let answer = self.send(&request).map_err(|error| error.chain())?;
        if answer.status != 200 {
            return Err(format!("{PROOF_PATH} answers {}", answer.status));
        }
        let line = self.line();
        let shown = answer.text().lines().any(|shown| shown.trim() == line);
        shown.then_some(()).ok_or_else(|| format!("{PROOF_PATH} does not hold its line"))
    }

    /// Whether this request may be sent. What is intrusive leaves this machine only for what is stated and shown to be ours.
    pub(crate) fn admit(&self, request: &Request) -> Result<(), ProbeError> {
        self.inner.allowed(request)?;
        if request.class < ProbeClass::Intrusive || self.inner.rehearsal.is_some() || self.inner.place.is_loopback()? {
            return Ok(());
        }
        let target = || self.inner.target.name.clone();
        if request.plain {
            return Err(ProbeError::Unsendable { reason: "what is intrusive goes to `url`, never to `plain_url`".to_owned() });
        }
        if !self.ownership.stated {
            return Err(ProbeError::NotStated { target: target() });
        }
        self.proof()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    };

    use super::*;
    use crate::testing::{Caps, json, serve, target};

    /// A server, and a target at an address that is none of the loopback network though it leads here.
    fn prober(shown: &'static str, status: u16, stated: bool) -> (Prober, Arc<AtomicU32>) {
        let asked = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&asked);
        let at = serve(Caps::NONE, move |got| {
            if got.path != PROOF_PATH {
                return json(201, "{}");
            }
            count.fetch_add(1, Ordering::Relaxed);
            let line = proof_line("trust.example/1", &format!("http://{}", got.header("host")));
            (status, vec![], shown.replace("LINE", &line))
        });
        let mut target = target(at);
        target.url = format!("http://0.0.0.0:{}", at.port());
        target.source_addresses.clear();
        let ownership = Ownership { stated, origin: "trust.example/1".to_owned() };
        (Prober::new(&target, "run", 1, &|_| None, None).unwrap().owned(ownership), asked)
    }

    fn send(prober: &Prober, class: ProbeClass) -> Result<u16, ProbeError> {
        prober.send(&Request::new(class, "POST", "/v1/items")).map(|answer| answer.status)
    }

    #[test]
    fn what_is_stated_and_shown_to_be_ours_may_be_probed_and_is_asked_once() {
        let (prober, asked) = prober("# others\navouch-probe=0\n LINE \n", 200, true);
        assert_eq!(asked.load(Ordering::Relaxed), 0);
        for _ in 0..2 {
            assert_eq!(send(&prober, ProbeClass::Intrusive).unwrap(), 201);
        }
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn without_the_statement_or_the_proof_nothing_intrusive_is_sent_and_milder_requests_are() {
        let (unstated, asked) = prober("LINE", 200, false);
        let error = send(&unstated, ProbeClass::Intrusive).unwrap_err();
        assert!(error.to_string().contains("--i-own-this"), "{error}");
        assert_eq!((asked.load(Ordering::Relaxed), unstated.spent()), (0, 0), "nobody is asked for what would not be used");
        for (shown, status) in [("", 200), ("LINE", 404), ("LINE and more", 200), ("avouch-probe=", 200)] {
            let (unproven, _) = prober(shown, status, true);
            for _ in 0..2 {
                let error = send(&unproven, ProbeClass::Intrusive).unwrap_err();
                let line = unproven.line();
                assert!(matches!(error, ProbeError::NotProven { .. }) && error.to_string().contains(&line), "{error}");
            }
            assert_eq!(unproven.spent(), 1, "the proof alone was asked for, once");
            assert_eq!(send(&unproven, ProbeClass::Active).unwrap(), 201);
        }
    }

    #[test]
    fn every_way_of_sending_is_held_to_it() {
        let (prober, _) = prober("LINE", 200, false);
        let request = Request::new(ProbeClass::Intrusive, "GET", "/");
        assert!(matches!(prober.burst(&request, 2, 1, crate::Source::Common), Err(ProbeError::NotStated { .. })));
        assert!(matches!(prober.socket(&request), Err(ProbeError::NotStated { .. })));
        assert!(matches!(prober.conversation(crate::Source::Common).send(&request), Err(ProbeError::NotStated { .. })));
    }

    #[test]
    fn a_line_is_of_one_log_and_one_address() {
        let line = proof_line("a", "https://h");
        assert_eq!(line.len(), "avouch-probe=".len() + DIGITS);
        assert_ne!(line, proof_line("b", "https://h"));
        assert_ne!(line, proof_line("a", "https://i"));
    }
}
