//! TLS to a server: its certificate, its name and its dates are always verified, by the public authorities or by those of
//! `ca_file`; there is no way to do less (libpq's `sslmode=verify-full`).

use std::{
    error::Error,
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use rustls_pki_types::{InvalidDnsNameError, ServerName};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_rustls::{
    TlsConnector, client,
    rustls::{self, CertificateError},
};

use super::session::Way;
use crate::{DatabaseError, tls};

/// Whom to trust.
#[derive(Clone)]
pub(super) struct Trust(TlsConnector);

impl Trust {
    pub(super) fn of(way: Way<'_>) -> Result<Self, DatabaseError> {
        let roots = match way.ca_file {
            None => tls::public(),
            Some(file) => {
                let path = way.root.join(file);
                let wrong = |cause| DatabaseError::Authorities { database: way.database.to_owned(), path: path.clone(), cause };
                tls::of_file(&path).map_err(wrong)?
            }
        };
        let unready = |cause| DatabaseError::Unready { database: way.database.to_owned(), cause: io::Error::other(cause) };
        let mut config = tls::trusting(roots).map_err(unready)?;
        // PostgreSQL 17, "Protocol Flow", SSL Session Encryption: what `sslnegotiation=direct` asks for; before, it is not looked at.
        config.alpn_protocols = vec![b"postgresql".to_vec()];
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> MakeTlsConnect<S> for Trust {
    type Stream = Encrypted<S>;
    type TlsConnect = Named;
    type Error = InvalidDnsNameError;

    fn make_tls_connect(&mut self, host: &str) -> Result<Named, InvalidDnsNameError> {
        Ok(Named { trust: self.clone(), name: ServerName::try_from(host.to_owned())? })
    }
}

/// Whom to trust, and who it must be.
pub(super) struct Named {
    trust: Trust,
    name: ServerName<'static>,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> TlsConnect<S> for Named {
    type Stream = Encrypted<S>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Encrypted<S>>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(async move { self.trust.0.connect(self.name, stream).await.map(|stream| Encrypted(Box::new(stream))) })
    }
}

/// An encrypted connection.
pub(super) struct Encrypted<S>(Box<client::TlsStream<S>>);

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Encrypted<S> {
    // The certificate is verified: a password goes to nobody else.
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Encrypted<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Encrypted<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

/// Why there is no connection.
pub(super) fn refused(database: &str, cause: tokio_postgres::Error) -> DatabaseError {
    let database = database.to_owned();
    let inner = cause.source();
    // The library says so in words alone.
    if inner.is_some_and(|inner| inner.to_string() == "server does not support TLS") {
        return DatabaseError::NoTls { database };
    }
    let io = inner.and_then(|inner| inner.downcast_ref::<io::Error>()).and_then(io::Error::get_ref);
    let why = match io.and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(wrong)) => why(wrong),
        _ => return DatabaseError::Connect { database, cause: cause.into() },
    };
    DatabaseError::NotTrusted { database, why, cause: cause.into() }
}

fn why(wrong: &CertificateError) -> &'static str {
    match wrong {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "is of an authority that is not trusted; name the right one as `ca_file`"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "is for another name; connect by a name that it has"
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "is over its time; renew it",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "begins later; look at the clocks",
        _ => "is refused",
    }
}
