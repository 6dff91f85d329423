//! `avouch serve`: the daemon. It wakes, does what is due by the ledger, and serves the site, health and metrics.

mod files;
mod jobs;
mod metrics;

use std::{
    path::PathBuf,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use anyhow::{Context as _, bail};
use axum::{
    Router,
    body::Body,
    extract::State,
    http::{Method, Response, StatusCode, Uri, header},
    routing::get,
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

/// How long running jobs have after SIGTERM.
const DRAIN: Duration = Duration::from_secs(10);
/// How often the daemon wakes: every second, by the expression of the scheduler.
const WAKE: &str = "* * * * * *";

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
    let daemon = Arc::new(Daemon::new(global.clone(), &project.configuration.schedule)?);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the runtime")?;
    runtime.block_on(serve_until_told(arguments, output, daemon, site))?;
    // Jobs that outlasted their ten seconds are left to the lease in the ledger: the next start takes their slots over.
    runtime.shutdown_background();
    Ok(Exit::Satisfied)
}

async fn serve_until_told(arguments: &Serve, output: &Output, daemon: Arc<Daemon>, site: PathBuf) -> anyhow::Result<()> {
    let listener = tokio::net::TcpListener::bind(arguments.listen).await.with_context(|| format!("cannot listen on {}", arguments.listen))?;
    let address = listener.local_addr().context("the listener has no address")?;
    let mut scheduler = JobScheduler::new().await.context("cannot start the scheduler")?;
    let waker = Arc::clone(&daemon);
    let wake = Job::new(WAKE, move |_, _| waker.wake(clock::now())).context("cannot schedule the waking")?;
    scheduler.add(wake).await.context("cannot schedule the waking")?;
    scheduler.start().await.context("cannot start the scheduler")?;
    output.note(&format!("serving http://{address}; jobs: {}", daemon.describe()));

    let router = Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics_text))
        .fallback(page)
        .with_state(Served { daemon: Arc::clone(&daemon), site });
    let told = Arc::clone(&daemon);
    let server = axum::serve(listener, router).with_graceful_shutdown(async move {
        termination().await;
        told.stopping.store(true, Ordering::SeqCst);
    });
    // A client that holds its connection open does not hold up the end.
    let stopped = Arc::clone(&daemon);
    tokio::select! {
        served = server => served.context("the server failed")?,
        () = async { stopped.stop_asked().await; tokio::time::sleep(DRAIN).await } => {}
    }
    // The scheduler's own shutdown does not wait for anything; the jobs are ours to wait for.
    let _ = scheduler.shutdown().await;
    if !daemon.drain(DRAIN).await {
        output.warn("a job did not end within ten seconds; the next start takes its slot over");
    }
    output.note("stopped");
    Ok(())
}

async fn termination() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

#[derive(Clone)]
struct Served {
    daemon: Arc<Daemon>,
    site: PathBuf,
}

/// Alive: the process answers.
async fn healthz() -> Response<Body> {
    text(StatusCode::OK, "alive\n".to_owned())
}

/// Ready: the scheduler woke within the last ten seconds, the ledger opens, and nobody asked to stop.
async fn readyz(State(served): State<Served>) -> Response<Body> {
    let daemon = Arc::clone(&served.daemon);
    let answer = tokio::task::spawn_blocking(move || daemon.ready(clock::now())).await;
    match answer {
        Ok(Ok(())) => text(StatusCode::OK, "ready\n".to_owned()),
        Ok(Err(why)) => text(StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {why}\n")),
        Err(_) => text(StatusCode::SERVICE_UNAVAILABLE, "not ready\n".to_owned()),
    }
}

async fn metrics_text(State(served): State<Served>) -> Response<Body> {
    let daemon = Arc::clone(&served.daemon);
    match tokio::task::spawn_blocking(move || daemon.metrics(clock::now())).await {
        Ok(metrics) => text(StatusCode::OK, metrics),
        Err(_) => text(StatusCode::INTERNAL_SERVER_ERROR, "the metrics cannot be read\n".to_owned()),
    }
}

async fn page(State(served): State<Served>, method: Method, uri: Uri) -> Response<Body> {
    files::answer(&served.site, &method, &uri).await
}

fn text(status: StatusCode, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let value = header::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, value);
    response
}
