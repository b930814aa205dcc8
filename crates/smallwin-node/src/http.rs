//! What the listener answers: pages, health, and the two WebSocket paths.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::ws::{WebSocket, WebSocketUpgrade, rejection::WebSocketUpgradeRejection};
use axum::extract::{Extension, Request, State};
use axum::http::header::{HOST, LOCATION, ORIGIN, RETRY_AFTER, UPGRADE};
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri};
use axum::middleware::{Next, from_fn_with_state, map_request, map_response};
use axum::response::IntoResponse;
use axum::routing::{any, get};
use futures_util::{SinkExt, StreamExt};
use smallwin_sync::{Side, Space};
use tracing::debug;

use crate::assets::{answer, plain};
use crate::connections::{Connections, Dialled, NoPlace};
use crate::headers::secure;
use crate::limits::{FULL_PAUSE, MESSAGE_BYTES_MAX, OUTGOING_BYTES_MAX, READ_BYTES};
use crate::listener::{From, Peers};
use crate::names::Names;
use crate::penalties::Refused;
use crate::socket::{Fault, Message};

/// What the handlers need.
#[derive(Debug, Clone)]
pub(crate) struct Http {
    pub(crate) names: Arc<Names>,
    pub(crate) connections: Connections,
    pub(crate) interop_open: bool,
    pub(crate) peers: Peers,
}

/// The router of one listener.
pub(crate) fn router(http: Http) -> Router {
    let pages = Router::new()
        .route("/", any(root))
        .route("/sync", any(sync))
        .fallback(page)
        .layer(from_fn_with_state(http.clone(), own_name));
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .merge(pages)
        .layer(map_response(secure))
        .layer(map_request(asks))
        .with_state(http)
}

/// Notes that a connection asked for something.
async fn asks(request: Request) -> Request {
    if let Some(from) = request.extensions().get::<From>() {
        from.asks();
    }
    request
}

/// Refuses requests for names that are not ours, and sends `localhost` to the one origin.
async fn own_name(State(http): State<Http>, request: Request, next: Next) -> Response<Body> {
    let host = request
        .headers()
        .get(HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or("");
    if !http.names.is_own(host) {
        return plain(
            StatusCode::MISDIRECTED_REQUEST,
            "this node does not go by that name; start it with --name to add one",
        );
    }
    let page = request.method() == Method::GET && !request.headers().contains_key(UPGRADE);
    match http.names.redirect(host).filter(|_| page) {
        Some(origin) => redirect(origin, request.uri()),
        None => next.run(request).await,
    }
}

fn redirect(origin: &str, uri: &Uri) -> Response<Body> {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut response = plain(StatusCode::TEMPORARY_REDIRECT, "this page is at 127.0.0.1");
    if let Ok(location) = HeaderValue::from_str(&format!("{origin}{path}")) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

type Upgrade = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

/// The page, or a stock client's socket when the open space is on.
async fn root(
    State(http): State<Http>,
    Extension(from): Extension<From>,
    upgrade: Upgrade,
    request: Request,
) -> Response<Body> {
    match upgrade {
        Ok(upgrade) if http.interop_open => {
            http.accept(upgrade, request.headers(), from, Space::Open)
        }
        Ok(_) => plain(
            StatusCode::NOT_FOUND,
            "this path takes sockets only when the node was started with --interop-open",
        ),
        Err(_) => get_only(&request),
    }
}

/// The socket of browsers, nodes and command lines.
async fn sync(
    State(http): State<Http>,
    Extension(from): Extension<From>,
    headers: HeaderMap,
    upgrade: Upgrade,
) -> Response<Body> {
    match upgrade {
        Ok(upgrade) => http.accept(upgrade, &headers, from, Space::Circles),
        Err(rejection) => rejection.into_response(),
    }
}

async fn page(request: Request) -> Response<Body> {
    get_only(&request)
}

fn get_only(request: &Request) -> Response<Body> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "only GET is answered here");
    }
    answer(
        request.uri().path().trim_start_matches('/'),
        request.headers(),
    )
}

/// Whether the process answers at all.
async fn healthz() -> Response<Body> {
    plain(StatusCode::OK, "ok")
}

/// Whether the node takes writes.
async fn readyz(State(http): State<Http>) -> Response<Body> {
    if http.connections.writable() {
        plain(StatusCode::OK, "ready")
    } else {
        plain(
            StatusCode::SERVICE_UNAVAILABLE,
            "the store takes no writes; see the log",
        )
    }
}

impl Http {
    fn accept(
        &self,
        upgrade: WebSocketUpgrade,
        headers: &HeaderMap,
        from: From,
        space: Space,
    ) -> Response<Body> {
        let origin = headers
            .get(ORIGIN)
            .map(|origin| origin.to_str().unwrap_or("?"));
        if !self.names.may_connect(origin) {
            debug!("a page of another origin was refused");
            return plain(
                StatusCode::FORBIDDEN,
                "pages of this origin may not connect to this node",
            );
        }
        let place = match self.connections.place(self.peers.address(&from, headers)) {
            Ok(place) => place,
            Err(why) => return no_place(why),
        };
        let connections = self.connections.clone();
        limited(upgrade).on_upgrade(async move |socket: WebSocket| {
            let (sink, stream) = socket.split();
            let sink = sink
                .sink_map_err(Fault::from)
                .with(|message: Message| std::future::ready(Ok::<_, Fault>(message.into())));
            let stream = stream.map(|read| read.map(Message::from).map_err(Fault::from));
            let stream = from.watch.messages(stream, handshake_messages(space));
            let conn = connections.name();
            let end = connections
                .run(
                    conn,
                    Side::Listener,
                    space,
                    Dialled::default(),
                    sink,
                    stream,
                )
                .await;
            if let Some((code, reason)) = end {
                place.closed(code, reason);
            }
            drop(place);
        })
    }
}

/// Messages after which a peer got through its handshake, or was closed.
const fn handshake_messages(space: Space) -> u32 {
    match space {
        // `join` and `smallwin/auth`.
        Space::Circles => 2,
        Space::Open => 1,
    }
}

fn no_place(why: NoPlace) -> Response<Body> {
    let (status, text, pause) = match why {
        NoPlace::Full => (
            StatusCode::SERVICE_UNAVAILABLE,
            "too many connections; try again later",
            FULL_PAUSE,
        ),
        NoPlace::Penalised(Refused(pause)) => (
            StatusCode::TOO_MANY_REQUESTS,
            "too many connections or faults from this address; try again later",
            pause,
        ),
    };
    let seconds = pause.as_secs() + u64::from(pause.subsec_nanos() > 0);
    let mut response = plain(status, text);
    response
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from(seconds));
    response
}

/// The limits of a socket, before anything is read from it.
pub(crate) fn limited(upgrade: WebSocketUpgrade) -> WebSocketUpgrade {
    upgrade
        .max_message_size(MESSAGE_BYTES_MAX)
        .max_frame_size(MESSAGE_BYTES_MAX)
        .max_write_buffer_size(OUTGOING_BYTES_MAX)
        .read_buffer_size(READ_BYTES)
}
