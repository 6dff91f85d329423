//! The listeners: a bounded number of connections, each with its time limits, and an orderly end.

use std::{convert::Infallible, sync::Arc, time::Duration};

use super::{
    app::{App, Peer},
    tls::Acceptor,
};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
    time::timeout,
};

/// The most connections at once; more wait to be accepted.
const CONNECTIONS_MAX: usize = 512;
/// The longest that a handshake, or the head of a request, may take.
const HEAD_MAX: Duration = Duration::from_secs(10);
/// How long requests under way may take to finish at the end.
const FAREWELL: Duration = Duration::from_secs(5);

/// Serves connections until told to stop; over TLS if there is an acceptor.
pub(super) async fn serve(listener: TcpListener, acceptor: Option<Acceptor>, app: Arc<App>, stopped: watch::Receiver<bool>) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    let mut stop = stopped.clone();
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { break };
        let accepted = tokio::select! {
            () = asked_to_stop(&mut stop) => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, address)) => {
                let peer = Peer { address: address.ip(), encrypted: acceptor.is_some() };
                let (acceptor, app, stopped) = (acceptor.clone(), Arc::clone(&app), stopped.clone());
                connections.spawn(async move {
                    connection(stream, acceptor, app, peer, stopped).await;
                    drop(place);
                });
            }
            // Out of descriptors, most likely: give connections time to end.
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    // Whoever is not done by then is cut off.
    let _ = timeout(FAREWELL, async { while connections.join_next().await.is_some() {} }).await;
}

async fn connection(stream: TcpStream, acceptor: Option<Acceptor>, app: Arc<App>, peer: Peer, stopped: watch::Receiver<bool>) {
    let _ = stream.set_nodelay(true);
    match acceptor {
        // A failed handshake has told the client why, and has nothing to answer.
        Some(acceptor) => {
            if let Ok(Ok(stream)) = timeout(HEAD_MAX, acceptor.accept(stream)).await {
                requests(stream, app, peer, stopped).await;
            }
        }
        None => requests(stream, app, peer, stopped).await,
    }
}

async fn requests<S>(stream: S, app: Arc<App>, peer: Peer, mut stopped: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let app = Arc::clone(&app);
        async move { Ok::<_, Infallible>(app.answer(request, peer).await) }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_MAX).max_buf_size(64 * 1024);
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        // What went wrong on a connection went wrong for its client only.
        _ = connection.as_mut() => {}
        () = asked_to_stop(&mut stopped) => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

/// Returns when the service is told to stop, or nobody is left to tell it.
async fn asked_to_stop(stopped: &mut watch::Receiver<bool>) {
    // The guard that comes back is dropped here: it must not be held while waiting for anything else.
    drop(stopped.wait_for(|stop| *stop).await);
}
