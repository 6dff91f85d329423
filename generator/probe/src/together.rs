//! Many requests at a time: the same one again and again, or several that do not depend on one another.

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::task::JoinSet;

use crate::{ProbeError, Prober, Request, Response, Source, gate::Gate};

/// The most connections that requests which are sent together go over.
const LANES_MAX: usize = 40;

/// What is sent after an answer, by the answer: the request that removes what was made, for one.
pub type Then = Arc<dyn Fn(&Response) -> Option<Request> + Send + Sync>;

/// What one of several requests brought.
#[derive(Debug)]
pub struct Exchanged {
    /// Its answer.
    pub answer: Result<Response, ProbeError>,
    /// The answer to what was sent after it.
    pub then: Option<Result<Response, ProbeError>>,
    at: Duration,
}

/// What many requests brought.
#[derive(Debug)]
pub struct Burst {
    /// The answers, in the order in which they came.
    pub answers: Vec<Result<Response, ProbeError>>,
    /// From the start to the last answer.
    pub elapsed: Duration,
}

impl Prober {
    /// The same request many times, `concurrency` at a time, over connections that are kept.
    ///
    /// # Errors
    /// When it may not be sent at all, or there are too few source addresses.
    pub fn burst(&self, request: &Request, count: usize, concurrency: usize, source: Source<'_>) -> Result<Burst, ProbeError> {
        self.admit(request)?;
        if let Some(rehearsal) = &self.inner.rehearsal {
            let answer = rehearsal.answer(&self.inner.target, request, count);
            return Ok(Burst { answers: (0..count).map(|_| Ok(answer.clone())).collect(), elapsed: Duration::ZERO });
        }
        let (from, allotted) = self.turns(count, source)?;
        let _pass = Gate::pass(&self.inner.gate, 1);
        let started = Instant::now();
        let request = Arc::new(request.clone());
        let each: Vec<_> = from.into_iter().map(|address| (Arc::clone(&request), address)).collect();
        let mut answers = self.lanes(&each, concurrency.clamp(1, 256), None, started);
        let elapsed = started.elapsed();
        self.inner.addresses.sent_until(allotted, Instant::now());
        answers.sort_by_key(|one| one.at);
        Ok(Burst { answers: answers.into_iter().map(|one| one.answer).collect(), elapsed })
    }

    /// Requests that do not depend on one another, each with what `then` makes of its answer sent after it on the same
    /// connection; some at a time, as far as other checks leave room. The answers are in the order of the requests.
    ///
    /// # Errors
    /// When one of them may not be sent at all, or there are too few source addresses.
    pub fn together(&self, requests: Vec<Request>, then: Option<&Then>) -> Result<Vec<Exchanged>, ProbeError> {
        for request in &requests {
            self.admit(request)?;
        }
        if let Some(rehearsal) = &self.inner.rehearsal {
            let answer = |request: &Request| rehearsal.answer(&self.inner.target, request, 1);
            let exchanged = |request: &Request| {
                let first = answer(request);
                let then = following(then, request, &first).map(|next| next.map(|next| answer(&next)));
                Exchanged { answer: Ok(first), then, at: Duration::ZERO }
            };
            return Ok(requests.iter().map(exchanged).collect());
        }
        let (mut left, mut all) = (requests.into_iter().map(Arc::new).collect::<Vec<_>>(), Vec::new());
        // A turn for each request and one for what follows it; in parts, where the addresses have not so many in a minute.
        let each = if then.is_some() { 2 } else { 1 };
        while !left.is_empty() {
            let capacity = self.inner.addresses.capacity();
            let part: Vec<_> = left.drain(..left.len().min((capacity / each).max(1))).collect();
            let (from, allotted) = self.turns((part.len() * each).min(capacity.max(1)), Source::Common)?;
            let pass = Gate::pass(&self.inner.gate, part.len().min(LANES_MAX));
            let turns = from.chunks(each).map(|turns| turns.first().copied().flatten());
            all.extend(self.lanes(&part.into_iter().zip(turns).collect::<Vec<_>>(), pass.granted, then, Instant::now()));
            self.inner.addresses.sent_until(allotted, Instant::now());
        }
        Ok(all)
    }

    /// Sends so many requests at a time, each lane its part one after another over one connection. In the order of the requests.
    fn lanes(
        &self,
        requests: &[(Arc<Request>, Option<IpAddr>)],
        lanes: usize,
        then: Option<&Then>,
        started: Instant,
    ) -> Vec<Exchanged> {
        let each = requests.len().div_ceil(lanes.max(1)).max(1);
        self.runtime.block_on(async {
            let mut running = JoinSet::new();
            for (place, lane) in requests.chunks(each).enumerate() {
                let (inner, lane, then) = (Arc::clone(&self.inner), lane.to_vec(), then.cloned());
                running.spawn(async move {
                    let mut open = None;
                    let mut exchanged = Vec::with_capacity(lane.len());
                    for (request, address) in lane {
                        let mut answer = inner.answer(&mut open, &request, address, true).await;
                        let at = started.elapsed();
                        let mut next = None;
                        if let Ok(response) = &mut answer {
                            response.at = at;
                            next = match following(then.as_ref(), &request, response) {
                                Some(Ok(following)) => Some(inner.answer(&mut open, &following, address, true).await),
                                Some(Err(error)) => Some(Err(error)),
                                None => None,
                            };
                        }
                        exchanged.push(Exchanged { answer, then: next, at });
                    }
                    (place, exchanged)
                });
            }
            let mut all = Vec::new();
            while let Some(lane) = running.join_next().await {
                all.extend(lane);
            }
            all.sort_by_key(|(place, _)| *place);
            all.into_iter().flat_map(|(_, exchanged)| exchanged).collect()
        })
    }
}

/// What is sent after an answer. Only what is no graver than what it follows: the target was asked for leave for that.
fn following(then: Option<&Then>, request: &Request, answer: &Response) -> Option<Result<Request, ProbeError>> {
    let next = then?(answer)?;
    let graver = next.class > request.class;
    let refused = || ProbeError::Unsendable { reason: "what follows a request may be no graver than it".to_owned() };
    Some(if graver { Err(refused()) } else { next.check().map(|()| next) })
}
