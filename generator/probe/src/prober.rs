//! The prober of one target.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use avouch_model::product::{ProbeClass, Target};
use serde::{Serialize, de::DeserializeOwned};
use tokio::runtime::Runtime;
use tokio_rustls::rustls::version;

use crate::{
    Alone, Callbacks, Certificate, Lease, Offered, Ownership, ProbeError, Request, Response, Version,
    addresses::{Addresses, Next},
    alone::Principals,
    connect::{Place, Trust},
    credential::Secret,
    der,
    gate::{Gate, Pass, Undisturbed},
    rehearsal::{Rehearsal, Rehearsed},
    request::named,
    tls,
    wire::{Connection, HEAD_MAX, Outgoing, WireError, exchange},
};

/// The longest that a request waits for its turn at a source address.
const TURN_MAX: Duration = Duration::from_secs(150);

/// How many answers of 500 and more, one after the other, end a run: what is asked of is broken, or is being broken.
const FAILING_MAX: u32 = 50;

/// Where requests are sent from.
#[derive(Clone, Copy, Debug, Default)]
pub enum Source<'a> {
    /// From the target's common source addresses, paced; from the machine's own choice where none are configured.
    #[default]
    Common,
    /// From an address that was lent for this.
    Lent(&'a Lease),
}

/// Probes one target. Shared between threads; see the crate's own page for what it never does.
pub struct Prober {
    pub(crate) inner: Arc<Inner>,
    pub(crate) runtime: Runtime,
    pub(crate) ownership: Ownership,
    pub(crate) proven: Mutex<Option<Result<(), String>>>,
    release: Mutex<Option<String>>,
    memory: Mutex<BTreeMap<String, Arc<Mutex<Option<serde_json::Value>>>>>,
}

pub(crate) struct Inner {
    pub(crate) target: Target,
    pub(crate) place: Place,
    plain: Option<Place>,
    pub(crate) trust: Trust,
    secrets: BTreeMap<String, Secret>,
    pub(crate) addresses: Arc<Addresses>,
    principals: Arc<Principals>,
    pub(crate) gate: Arc<Gate>,
    run: String,
    spent: AtomicU32,
    seed: AtomicU64,
    failing: AtomicU32,
    pub(crate) rehearsal: Option<Rehearsal>,
}

/// Begins elsewhere in each run: a target may still count what the run before sent from the first addresses.
fn rotated(addresses: &[IpAddr], seed: u64) -> Vec<IpAddr> {
    let mut rotated = addresses.to_vec();
    if let Ok(count @ 1..) = u64::try_from(addresses.len()) {
        rotated.rotate_left(usize::try_from(seed % count).unwrap_or_default());
    }
    rotated
}

impl Prober {
    /// A prober of this target. Nothing is connected to yet.
    ///
    /// `run` names the run in the header `X-Avouch-Run`; `seed` is where wrong credentials come from; `environment`
    /// gives the variables in the values of principals; `ca_pem` is the content of the target's `ca_file`.
    ///
    /// # Errors
    /// When a URL of the target or the certificate authorities cannot be read.
    pub fn new(
        target: &Target,
        run: &str,
        seed: u64,
        environment: &dyn Fn(&str) -> Option<String>,
        ca_pem: Option<&[u8]>,
    ) -> Result<Self, ProbeError> {
        let plain = target.plain_url.as_deref().map(|url| Place::parse(&target.name, url)).transpose()?;
        if let (Some(place), Some(url)) = (&plain, &target.plain_url)
            && place.https
        {
            return Err(ProbeError::Url { target: target.name.clone(), url: url.clone() });
        }
        let inner = Inner {
            place: Place::parse(&target.name, &target.url)?,
            plain,
            trust: Trust::new(&target.name, ca_pem)?,
            secrets: target
                .principals
                .iter()
                .map(|(name, principal)| (name.clone(), Secret::of(principal, environment)))
                .collect(),
            addresses: Arc::new(Addresses::new(&rotated(&target.source_addresses, seed), target.requests_per_address)),
            principals: Arc::default(),
            gate: Arc::default(),
            run: run.chars().filter(char::is_ascii_graphic).collect(),
            spent: AtomicU32::new(0),
            seed: AtomicU64::new(seed),
            failing: AtomicU32::new(0),
            rehearsal: None,
            target: target.clone(),
        };
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|cause| ProbeError::Runtime { cause })?;
        Ok(Self {
            inner: Arc::new(inner),
            runtime,
            ownership: Ownership::default(),
            proven: Mutex::default(),
            release: Mutex::default(),
            memory: Mutex::default(),
        })
    }

    /// A prober of this target that opens no socket, sends nothing and waits for nothing: it notes what it would send.
    ///
    /// # Errors
    /// As [`Prober::new`].
    pub fn rehearsing(target: &Target, seed: u64) -> Result<Self, ProbeError> {
        let mut prober = Self::new(target, "rehearsal", seed, &|_| None, None)?;
        if let Some(inner) = Arc::get_mut(&mut prober.inner) {
            inner.rehearsal = Some(Rehearsal::default());
        }
        Ok(prober)
    }

    /// What was noted, where this is a rehearsal.
    pub fn rehearsed(&self) -> Vec<Rehearsed> {
        self.inner.rehearsal.as_ref().map(Rehearsal::noted).unwrap_or_default()
    }

    /// Sends one request on a connection of its own.
    ///
    /// # Errors
    /// When it may not be sent, or is not answered.
    pub fn send(&self, request: &Request) -> Result<Response, ProbeError> {
        self.conversation(Source::Common).once(request)
    }

    /// Requests one after the other, on one connection while the target keeps it open.
    pub const fn conversation<'a>(&'a self, source: Source<'a>) -> Conversation<'a> {
        Conversation { prober: self, source, open: None }
    }

    /// A source address that nothing was sent from for `rest`, and that nobody else uses while it is lent; it rests as
    /// long afterwards. Waits for one to become free.
    ///
    /// # Errors
    /// When the target has too few source addresses.
    pub fn lend_address(&self, rest: Duration) -> Result<Lease, ProbeError> {
        let started = Instant::now();
        let rest = if self.inner.rehearsal.is_some() { Duration::ZERO } else { rest };
        loop {
            match Addresses::lend(&self.inner.addresses, rest, Instant::now()) {
                Next::Take(lease) => return Ok(lease),
                Next::Wait(wait) if started.elapsed() < TURN_MAX => std::thread::sleep(wait.min(TURN_MAX)),
                Next::Wait(_) => return Err(self.too_few_addresses(1, 0)),
                Next::Never(have) => return Err(self.too_few_addresses(1, have)),
            }
        }
    }

    /// Waits until no other check holds the principal and it was not used for `rest`; holds it until dropped.
    pub fn hold_principal(&self, principal: &str, rest: Duration) -> Alone {
        let rest = if self.inner.rehearsal.is_some() { Duration::ZERO } else { rest };
        Principals::hold(&self.inner.principals, principal, rest)
    }

    /// Waits until nothing is under way at the target, and keeps the requests of other checks back until it is dropped: for
    /// who counts what the target notes of each request. Only the calling thread may send meanwhile.
    pub fn undisturbed(&self) -> Undisturbed {
        // The proof that what is intrusive waits for is fetched once, by whoever is first: not by somebody who must wait for us.
        if self.inner.rehearsal.is_none() && self.ownership.stated && self.wants_proof() {
            drop(self.proof());
        }
        Gate::alone(&self.inner.gate)
    }

    /// The commit that the target itself names (`release_from`); none when it is not configured to. Asked once.
    ///
    /// # Errors
    /// When the target does not answer, or answers without a commit id.
    pub fn release(&self) -> Result<Option<String>, ProbeError> {
        let Some(from) = self.inner.target.release_from.as_ref().filter(|_| self.inner.rehearsal.is_none()) else {
            return Ok(None);
        };
        let mut known = self.release.lock().unwrap_or_else(PoisonError::into_inner);
        if known.is_none() {
            let response = self.send(&Request::new(ProbeClass::Passive, "GET", &from.path))?;
            let missing = |reason: String| ProbeError::NoRelease { target: self.inner.target.name.clone(), reason };
            if response.status != 200 {
                return Err(missing(format!("{} answered {}", from.path, response.status)));
            }
            let json = response.json().ok_or_else(|| missing(format!("{} is not JSON", from.path)))?;
            let commit = json.pointer(&from.pointer).and_then(serde_json::Value::as_str).unwrap_or_default();
            let hexadecimal = commit.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
            if !hexadecimal || !matches!(commit.len(), 40 | 64) {
                return Err(missing(format!("no full commit id lies at `{}` of {}", from.pointer, from.path)));
            }
            *known = Some(commit.to_owned());
        }
        Ok(known.clone())
    }

    /// What the target does when it is offered this version alone; what shows nothing is asked again, once.
    ///
    /// # Errors
    /// When no connection can be made, or the target has no TLS.
    pub fn tls_offer(&self, version: Version) -> Result<Offered, ProbeError> {
        let inner = &self.inner;
        let within = Duration::from_secs(5);
        if let Some(rehearsal) = &inner.rehearsal {
            inner.permit(ProbeClass::Passive)?;
            rehearsal.offer(version);
            return Ok(if version == Version::Tls13 { Offered::Accepted(version) } else { Offered::Refused(70) });
        }
        let mut offered = Offered::Inconclusive("not asked".to_owned());
        for _ in 0..2 {
            let (from, _pass) = self.tls_turn()?;
            let seed = inner.next_seed();
            offered = self.runtime.block_on(async {
                let stream = inner.place.tcp(from, within).await?;
                Ok::<_, ProbeError>(tls::offer(stream, version, inner.place.server_name(), seed, within).await)
            })?;
            if !matches!(offered, Offered::Inconclusive(_)) {
                break;
            }
        }
        Ok(offered)
    }

    /// The certificate of a whole handshake in this version (1.2 or 1.3), trusted and for this host.
    ///
    /// # Errors
    /// When the handshake fails, for an expired or foreign certificate too, or the certificate cannot be read.
    pub fn certificate(&self, version: Version) -> Result<Certificate, ProbeError> {
        let inner = &self.inner;
        if let Some(rehearsal) = &inner.rehearsal {
            rehearsal.note(ProbeClass::Passive, format!("a whole handshake of TLS {version}"), 1);
            return Err(ProbeError::Certificate { target: inner.target.name.clone() });
        }
        let (from, _pass) = self.tls_turn()?;
        let within = Duration::from_secs(10);
        let config = inner.trust.only(if version == Version::Tls13 { &version::TLS13 } else { &version::TLS12 })?;
        self.runtime.block_on(async {
            let tcp = inner.place.tcp(from, within).await?;
            let stream = inner.place.tls(&config, tcp, within).await?;
            // The chain holds until the first of its certificates ends: clients have no other for that authority.
            let ends =
                stream.get_ref().1.peer_certificates().into_iter().flatten().map(|certificate| der::not_after(certificate));
            let ends: Option<Vec<_>> = ends.collect();
            ends.and_then(|ends| ends.into_iter().min())
                .map(|not_after| Certificate { not_after, version })
                .ok_or_else(|| ProbeError::Certificate { target: inner.target.name.clone() })
        })
    }

    /// Measures once in a run: checks that share a measurement can never disagree about it.
    ///
    /// # Errors
    /// What `measure` fails with, or `unfit` when the measurement cannot be kept; a failed one is made anew.
    pub fn remember<T: Serialize + DeserializeOwned, E>(
        &self,
        key: &str,
        unfit: impl Fn(serde_json::Error) -> E,
        measure: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let slot = {
            let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(memory.entry(key.to_owned()).or_default())
        };
        let mut known = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = &*known {
            return serde_json::from_value(value.clone()).map_err(unfit);
        }
        let measured = measure()?;
        *known = Some(serde_json::to_value(&measured).map_err(unfit)?);
        Ok(measured)
    }

    /// Waits.
    pub fn pause(&self, time: Duration) {
        if self.inner.rehearsal.is_none() {
            std::thread::sleep(time);
        }
    }

    /// A listener of ours at this address; in a rehearsal one that nobody can call.
    ///
    /// # Errors
    /// When the address cannot be listened at.
    pub fn listen(&self, address: &str) -> Result<Callbacks, ProbeError> {
        match &self.inner.rehearsal {
            None => Callbacks::listen(address),
            Some(rehearsal) => {
                rehearsal.note(ProbeClass::Intrusive, format!("(listens at {address}, and is called there once)"), 1);
                Ok(Callbacks::silent())
            }
        }
    }

    /// How long it is until the machine's clock is at a multiple of `window` since 1970: where fixed windows begin.
    pub fn until_boundary(&self, window: Duration) -> Duration {
        if self.inner.rehearsal.is_some() {
            return Duration::ZERO;
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let window = window.as_nanos().max(1);
        Duration::from_nanos(u64::try_from(window - now % window).unwrap_or(u64::MAX))
    }

    /// Hides the credentials of the target's principals in a text: a target may answer with what it was sent.
    pub fn redact(&self, text: &mut String) {
        for (principal, secret) in &self.inner.secrets {
            secret.hide(text, &format!("(credential of {principal})"));
        }
    }

    /// How many requests this run has sent.
    pub fn spent(&self) -> u32 {
        self.inner.spent.load(Ordering::Relaxed)
    }

    fn too_few_addresses(&self, needed: usize, have: usize) -> ProbeError {
        ProbeError::NotEnoughAddresses { target: self.inner.target.name.clone(), needed, have }
    }

    /// The source address of each of `count` requests, and when they were allotted; waits for the turn of common ones.
    pub(crate) fn turns(&self, count: usize, source: Source<'_>) -> Result<(Vec<Option<IpAddr>>, Instant), ProbeError> {
        if self.inner.rehearsal.is_some() {
            return Ok((vec![None; count], Instant::now()));
        }
        if let Source::Lent(lease) = source {
            return Ok((vec![Some(lease.address()); count], Instant::now()));
        }
        let needed = || {
            let per_minute = usize::try_from(self.inner.target.requests_per_address).unwrap_or(1).max(1);
            count.div_ceil(per_minute)
        };
        let started = Instant::now();
        loop {
            let now = Instant::now();
            match self.inner.addresses.allot(count, now) {
                Next::Take(turns) => return Ok((turns, now)),
                Next::Wait(wait) if started.elapsed() < TURN_MAX => std::thread::sleep(wait),
                Next::Wait(_) => return Err(self.too_few_addresses(needed(), 0)),
                Next::Never(have) => return Err(self.too_few_addresses(needed(), have)),
            }
        }
    }

    fn tls_turn(&self) -> Result<(Option<IpAddr>, Pass), ProbeError> {
        let inner = &self.inner;
        inner.permit(ProbeClass::Passive)?;
        if !inner.place.https {
            return Err(ProbeError::NoTls { target: inner.target.name.clone() });
        }
        inner.spend()?;
        Ok((self.turns(1, Source::Common)?.0.into_iter().next().flatten(), Gate::pass(&self.inner.gate, 1)))
    }
}

impl std::fmt::Debug for Prober {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Prober")
            .field("target", &self.inner.target.name)
            .field("spent", &self.spent())
            .finish_non_exhaustive()
    }
}

/// Requests one after the other, from one place, on one connection while the target keeps it open.
pub struct Conversation<'a> {
    prober: &'a Prober,
    source: Source<'a>,
    open: Option<(Option<IpAddr>, bool, Connection)>,
}

impl Conversation<'_> {
    /// Sends a request and keeps the connection.
    ///
    /// # Errors
    /// When it may not be sent, or is not answered.
    pub fn send(&mut self, request: &Request) -> Result<Response, ProbeError> {
        self.exchange(request, true)
    }

    fn once(mut self, request: &Request) -> Result<Response, ProbeError> {
        self.exchange(request, false)
    }

    fn exchange(&mut self, request: &Request, keep: bool) -> Result<Response, ProbeError> {
        let prober = self.prober;
        prober.admit(request)?;
        let from = prober.turns(1, self.source)?.0.into_iter().next().flatten();
        let _pass = Gate::pass(&prober.inner.gate, 1);
        let answer = prober.inner.answer(&mut self.open, request, from, keep);
        prober.runtime.block_on(answer)
    }
}

impl std::fmt::Debug for Conversation<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Conversation")
            .field("prober", self.prober)
            .field("open", &self.open.is_some())
            .finish_non_exhaustive()
    }
}

impl Inner {
    /// Classes are ordered: a target that allows one allows the milder ones.
    pub(crate) fn permit(&self, class: ProbeClass) -> Result<(), ProbeError> {
        if self.target.allow.iter().any(|allowed| *allowed >= class) {
            return Ok(());
        }
        Err(ProbeError::NotAllowed { target: self.target.name.clone(), class: named(class) })
    }

    pub(crate) fn allowed(&self, request: &Request) -> Result<(), ProbeError> {
        request.check()?;
        self.permit(request.class)
    }

    pub(crate) fn spend(&self) -> Result<(), ProbeError> {
        let max = self.target.requests_max;
        self.spent
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |spent| (spent < max).then_some(spent + 1))
            .map(drop)
            .map_err(|_| ProbeError::RequestsSpent { target: self.target.name.clone(), max })
    }

    /// Whether the target may still be asked.
    pub(crate) fn unbroken(&self) -> Result<(), ProbeError> {
        if self.failing.load(Ordering::Relaxed) >= FAILING_MAX {
            return Err(ProbeError::Failing { target: self.target.name.clone(), count: FAILING_MAX });
        }
        Ok(())
    }

    /// Counts answers of a broken target, one after the other. 501 and 503 are answers of one that knows what it does.
    pub(crate) fn heed(&self, status: u16) {
        if matches!(status, 500 | 502 | 504..=599) {
            self.failing.fetch_add(1, Ordering::Relaxed);
        } else if self.failing.load(Ordering::Relaxed) < FAILING_MAX {
            self.failing.store(0, Ordering::Relaxed);
        }
    }

    pub(crate) fn next_seed(&self) -> u64 {
        self.seed.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed)
    }

    /// The header fields with the credential and our own names.
    pub(crate) fn headers(&self, request: &Request) -> Result<Vec<(String, String)>, ProbeError> {
        let mut headers = vec![
            ("User-Agent".to_owned(), concat!("avouch/", env!("CARGO_PKG_VERSION")).to_owned()),
            ("X-Avouch-Run".to_owned(), self.run.clone()),
        ];
        if let Some(principal) = request.credential.principal() {
            let secret = self.secrets.get(principal).ok_or_else(|| ProbeError::NoSuchPrincipal {
                target: self.target.name.clone(),
                principal: principal.to_owned(),
            })?;
            headers.extend(secret.fields(&request.credential, request.seed.unwrap_or_else(|| self.next_seed()))?);
            self.principals.note(principal);
        }
        headers.extend(request.headers.iter().cloned());
        Ok(headers)
    }

    pub(crate) async fn answer(
        &self,
        open: &mut Option<(Option<IpAddr>, bool, Connection)>,
        request: &Request,
        from: Option<IpAddr>,
        keep: bool,
    ) -> Result<Response, ProbeError> {
        let target = || self.target.name.clone();
        if let Some(rehearsal) = &self.rehearsal {
            return Ok(rehearsal.answer(&self.target, request, 1));
        }
        self.unbroken()?;
        let place = if request.plain {
            self.plain.as_ref().ok_or_else(|| ProbeError::NoPlainUrl { target: target() })?
        } else {
            &self.place
        };
        let headers = self.headers(request)?;
        let host = request.host.clone().unwrap_or_else(|| place.authority());
        let out = Outgoing {
            method: &request.method,
            path: &request.path,
            host: &host,
            headers: &headers,
            body: &request.body,
            body_max: request.body_max,
            keep,
            held: request.held,
        };
        loop {
            self.spend()?;
            let kept = open.take().filter(|(address, plain, _)| *address == from && *plain == request.plain);
            let mut connection = match kept {
                Some((_, _, connection)) => connection,
                None => place.connect(&self.trust, from, request.timeout).await?,
            };
            let reused = connection.used;
            let exchanged = tokio::time::timeout(request.timeout, exchange(&mut connection, &out)).await;
            return Err(match exchanged {
                Err(_) => ProbeError::TimedOut { target: target(), after: request.timeout },
                Ok(Ok((response, reusable))) => {
                    self.heed(response.status);
                    if reusable {
                        *open = Some((from, request.plain, connection));
                    }
                    return Ok(response);
                }
                // A kept connection may have been closed meanwhile: what may be repeated is, once, on a new one
                // (RFC 9110 section 9.2.2).
                Ok(Err(WireError::Closed(true))) if reused && matches!(out.method, "GET" | "HEAD" | "OPTIONS") => continue,
                Ok(Err(WireError::Closed(_))) => ProbeError::Reset { target: target() },
                Ok(Err(WireError::NotHttp(reason))) => ProbeError::NotHttp { target: target(), reason },
                Ok(Err(WireError::HeadTooLarge)) => ProbeError::TooLarge { target: target(), max: HEAD_MAX },
            });
        }
    }
}
