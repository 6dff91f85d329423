//! `avouch serve`: the daemon. It wakes, does what is due by the ledger, and serves the site, health and metrics.

mod files;
mod jobs;
mod metrics;
mod slots;

use std::{future::IntoFuture as _, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use axum::{
    Router,
    body::Body,
    extract::State,
    http::{HeaderValue, Method, Response, StatusCode, Uri, header},
    routing::get,
};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout, timeout_at},
};
use tokio_cron_scheduler::{Job, JobScheduler};

use crate::{
    cli::{Global, Serve},
    clock,
    exit::{Exit, Usage},
    output::Output,
    pipeline::record,
    project::Project,
};
use jobs::Daemon;

/// How long running jobs and open connections have after SIGTERM.
const DRAIN: Duration = Duration::from_secs(10);
/// How often the daemon wakes: every second, by the expression of the scheduler.
const WAKE: &str = "* * * * * *";
/// How long the scheduler may be silent. It goes by the wall clock: set back by an hour, it would wake nobody for an hour.
const SILENT: Duration = Duration::from_secs(5);
/// The media type of health answers.
const PLAIN: &str = "text/plain; charset=utf-8";

/// Serves until SIGTERM or SIGINT.
pub(crate) fn serve(global: &Global, output: &Output, arguments: &Serve) -> anyhow::Result<Exit> {
    let project = Project::load(global, output)?;
    let schedule = &project.configuration.schedule;
    if schedule.run.is_none() && schedule.purge.is_none() {
        bail!(Usage("nothing is scheduled: write `run = \"0 0 3 * * *\"` into `[schedule]`".to_owned()));
    }
    // What would fail at the first slot fails now.
    record::signer(&project)?;
    record::open(&project)?;
    let site = project.path(&project.configuration.site.out).into_std_path_buf();
    let owned = arguments.owning.i_own_this;
    let execute = move |job: &str, project: &Project, output: &Output, stopping: &dyn Fn() -> bool| {
        jobs::execute(owned, job, project, output, stopping)
    };
    let daemon = Arc::new(Daemon::new(global.clone(), project, Box::new(execute))?);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the runtime")?;
    let served = runtime.block_on(serve_until_told(arguments, output, daemon, site));
    // A job that outlasted its ten seconds is left to the lease in the ledger: the next daemon takes its slot over.
    runtime.shutdown_background();
    served.map(|()| Exit::Satisfied)
}

async fn serve_until_told(arguments: &Serve, output: &Output, daemon: Arc<Daemon>, site: PathBuf) -> anyhow::Result<()> {
    let listen = arguments.listen;
    let listener = tokio::net::TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    let address = listener.local_addr().context("the listener has no address")?;
    let told = termination().context("cannot wait for signals")?;
    let first = scheduler(&daemon).await?;
    let waking = tokio::spawn(keep_waking(Arc::clone(&daemon), first));
    output.note(&format!("serving http://{address}; jobs: {}", daemon.describe()));

    let router = Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics_text))
        .fallback(page)
        .with_state(Served { daemon: Arc::clone(&daemon), site });
    let stopping = Arc::clone(&daemon);
    let server = axum::serve(listener, router).with_graceful_shutdown(async move { stopping.stop_asked().await });
    let mut server = tokio::spawn(server.into_future());
    let failed = tokio::select! {
        () = told => None,
        ended = &mut server => Some(ended),
    };
    let deadline = Instant::now() + DRAIN;
    daemon.stop();
    // A client that holds its connection open does not hold up the end.
    if failed.is_none() {
        let _ = timeout_at(deadline, &mut server).await;
    }
    // What runs is held until it ends. The scheduler's own shutdown does not wait for anything; the jobs are ours to wait for.
    if !daemon.drain(deadline).await {
        output.warn("a job did not end within ten seconds; the next daemon takes its slot over");
    }
    waking.abort();
    if let Some(ended) = failed {
        ended.context("the server panicked")?.context("the server failed")?;
    }
    output.note("stopped");
    Ok(())
}

/// A scheduler that wakes the daemon every second, and tells of it.
async fn scheduler(daemon: &Arc<Daemon>) -> anyhow::Result<(JobScheduler, mpsc::Receiver<()>)> {
    let scheduler = JobScheduler::new().await.context("cannot start the scheduler")?;
    let (told, woken) = mpsc::channel(1);
    let waker = Arc::clone(daemon);
    let wake = Job::new(WAKE, move |_, _| {
        waker.wake(clock::now());
        // A full channel has told.
        let _ = told.try_send(());
    });
    scheduler.add(wake.context("cannot schedule the waking")?).await.context("cannot schedule the waking")?;
    scheduler.start().await.context("cannot start the scheduler")?;
    Ok((scheduler, woken))
}

/// Puts another scheduler, which begins with the clock as it is now, in the place of one that is silent.
async fn keep_waking(daemon: Arc<Daemon>, (mut wakes, mut woken): (JobScheduler, mpsc::Receiver<()>)) {
    loop {
        while let Ok(Some(())) = timeout(SILENT, woken.recv()).await {}
        // Without another one the daemon is not ready, and says so; this is tried again.
        if let Ok(next) = scheduler(&daemon).await {
            let _ = wakes.shutdown().await;
            (wakes, woken) = next;
        }
    }
}

/// Ends on SIGTERM or SIGINT. Signals count from this call on, also before anybody waits for them.
fn termination() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

#[derive(Clone)]
struct Served {
    daemon: Arc<Daemon>,
    site: PathBuf,
}

/// Alive: the process answers.
async fn healthz() -> Response<Body> {
    text(StatusCode::OK, PLAIN, "alive\n".to_owned())
}

/// Ready: the scheduler woke within the last ten seconds, the ledger opens, and nobody asked to stop.
async fn readyz(State(served): State<Served>) -> Response<Body> {
    let answer = tokio::task::spawn_blocking(move || served.daemon.ready(clock::now())).await;
    match answer {
        Ok(Ok(())) => text(StatusCode::OK, PLAIN, "ready\n".to_owned()),
        Ok(Err(why)) => text(StatusCode::SERVICE_UNAVAILABLE, PLAIN, format!("not ready: {why}\n")),
        Err(_) => text(StatusCode::SERVICE_UNAVAILABLE, PLAIN, "not ready\n".to_owned()),
    }
}

async fn metrics_text(State(served): State<Served>) -> Response<Body> {
    match tokio::task::spawn_blocking(move || served.daemon.metrics(clock::now())).await {
        Ok(metrics) => text(StatusCode::OK, metrics::MEDIA_TYPE, metrics),
        Err(_) => text(StatusCode::INTERNAL_SERVER_ERROR, PLAIN, "the metrics cannot be read\n".to_owned()),
    }
}

async fn page(State(served): State<Served>, method: Method, uri: Uri) -> Response<Body> {
    files::answer(&served.site, &method, &uri).await
}

fn text(status: StatusCode, media_type: &'static str, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    files::protect(&mut response);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
