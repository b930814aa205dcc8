//! Accepts connections: TLS, limits, and HTTP/1.1 with a deadline for the headers.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::Router;
use axum::extract::Extension;
use axum::http::HeaderMap;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use crate::connections::Connections;
use crate::limits::{HEADER_BYTES_MAX, HEADER_READ_TIMEOUT, HEADERS_MAX, TLS_HANDSHAKE_TIMEOUT};
use crate::penalties::Address;
use crate::seats::{Asked, Seat, Seats};
use crate::socket::{Watch, Watched};
use crate::stop::Stop;
use crate::tls::Acceptor;

/// A pause after the system refused a connection, so that a full table of files is no busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where a request came from.
#[derive(Debug, Clone)]
pub(crate) struct From {
    address: SocketAddr,
    pub(crate) watch: Watch,
    asked: Asked,
}

/// Who is at the other end of the listener's connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peers {
    /// Whoever the connection comes from.
    Direct,
    /// A proxy that we were told of; it says for whom it speaks.
    BehindProxy,
}

impl Peers {
    /// The address that pays for a request: none on this machine, where all share one, and none
    /// when the proxy does not say it. Only the last entry is the proxy's own.
    pub(crate) fn address(self, from: &From, headers: &HeaderMap) -> Option<Address> {
        let address = match self {
            Self::Direct => Some(from.address.ip()).filter(|address| !address.is_loopback()),
            Self::BehindProxy => headers
                .get_all("x-forwarded-for")
                .iter()
                .next_back()
                .and_then(|list| list.to_str().ok())
                .and_then(|list| list.rsplit(',').next())
                .and_then(|last| last.trim().parse::<IpAddr>().ok()),
        };
        address.map(Address::of)
    }
}

/// Serves `router` until `stop` turns true. Connections end by themselves: those in a request
/// after its answer, sockets when the engine closes them.
pub(crate) async fn serve(
    listener: TcpListener,
    tls: Option<Acceptor>,
    router: Router,
    connections: Connections,
    peers: Peers,
    mut stop: Stop,
) {
    let seats = Seats::new(connections.counters().clone());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.wait() => return,
        };
        match accepted {
            Ok((stream, from)) => {
                let address = (peers == Peers::Direct).then(|| from.ip());
                let connection = Connection {
                    from,
                    router: router.clone(),
                    stop: stop.clone(),
                    seat: seats.take(address),
                    seats: seats.clone(),
                    watch: Watch::new(connections.unfinished()),
                };
                tokio::spawn(connection.run(stream, tls.clone()));
            }
            Err(error) => {
                warn!(%error, "a connection could not be accepted");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

struct Connection {
    from: SocketAddr,
    router: Router,
    stop: Stop,
    seat: Seat,
    seats: Seats,
    watch: Watch,
}

impl Connection {
    async fn run(self, stream: TcpStream, tls: Option<Acceptor>) {
        // Keystrokes are small and should not wait for each other.
        let _best_effort = stream.set_nodelay(true);
        let Some(acceptor) = tls else {
            return self.serve(stream).await;
        };
        let accepted = tokio::select! {
            accepted = timeout(TLS_HANDSHAKE_TIMEOUT, acceptor.tls.accept(stream)) => accepted,
            () = self.seat.evicted() => return,
        };
        match accepted {
            Ok(Ok(stream)) => self.serve(stream).await,
            Ok(Err(error)) => debug!(%error, "TLS handshake failed"),
            Err(_) => debug!("TLS handshake took too long"),
        }
    }

    async fn serve<S>(self, stream: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Self {
            from,
            router,
            mut stop,
            seat,
            seats,
            watch,
        } = self;
        let from = From {
            address: from,
            watch: watch.clone(),
            asked: seat.asked(),
        };
        let router = router.layer(Extension(from));
        let service = TowerToHyperService::new(router);
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_READ_TIMEOUT)
            .max_buf_size(HEADER_BYTES_MAX)
            .max_headers(HEADERS_MAX)
            .serve_connection(TokioIo::new(Watched::new(stream, watch)), service)
            .with_upgrades();
        tokio::pin!(connection);
        let served = tokio::select! {
            served = connection.as_mut() => served,
            () = seat.evicted() => {
                debug!("a connection had to make room");
                return;
            }
            () = stop.wait() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = served {
            if error.is_parse() || error.is_parse_too_large() {
                seats.counters().request_bad();
            }
            debug!(%error, "a connection ended");
        }
        drop(seat);
    }
}

impl From {
    /// A request came: its head is whole, and the connection asked for something.
    pub(crate) fn asks(&self) {
        self.watch.finished();
        self.asked.asked();
    }
}
