//! One dial: name look-up, TCP, TLS where asked, WebSocket.

use std::pin::Pin as Pinned;

use futures_util::{Sink, SinkExt, Stream, StreamExt};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::client_async_with_config;
use tokio_tungstenite::tungstenite::Error as SocketError;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use crate::limits::{DIAL_TIMEOUT, MESSAGE_BYTES_MAX, OUTGOING_BYTES_MAX};
use crate::peer_url::PeerUrl;
use crate::socket::{Fault, Message};
use crate::tls::{Pin, TlsError, connector};

/// The two halves of a dialled socket.
pub(super) type Halves = (
    Pinned<Box<dyn Sink<Message, Error = Fault> + Send>>,
    Pinned<Box<dyn Stream<Item = Result<Message, Fault>> + Send>>,
);

/// Why a dial failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    #[error("nobody answered within {} s", DIAL_TIMEOUT.as_secs())]
    Timeout,
    #[error("the machine cannot be reached: {0}")]
    Tcp(#[source] std::io::Error),
    #[error(
        "no secure connection: {0}; a node with its own certificate needs ~ and its key after the address"
    )]
    Handshake(#[source] std::io::Error),
    #[error("{0} is no name that a certificate can carry")]
    Name(String),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("it does not answer like a Small Wins node: {0}")]
    Socket(#[source] Box<SocketError>),
}

/// Dials a node.
pub(super) async fn connect(url: &PeerUrl, pin: Option<Pin>) -> Result<Halves, ConnectError> {
    timeout(DIAL_TIMEOUT, dial(url, pin))
        .await
        .map_err(|_| ConnectError::Timeout)?
}

async fn dial(url: &PeerUrl, pin: Option<Pin>) -> Result<Halves, ConnectError> {
    let stream = TcpStream::connect((url.host(), url.port()))
        .await
        .map_err(ConnectError::Tcp)?;
    // Keystrokes are small and should not wait for each other.
    let _best_effort = stream.set_nodelay(true);
    if !url.tls() {
        return upgrade(url, stream).await;
    }
    let name = ServerName::try_from(url.host().to_owned())
        .map_err(|_| ConnectError::Name(url.host().to_owned()))?;
    let stream = connector(pin)?
        .connect(name, stream)
        .await
        .map_err(ConnectError::Handshake)?;
    upgrade(url, stream).await
}

async fn upgrade<S>(url: &PeerUrl, stream: S) -> Result<Halves, ConnectError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let config = WebSocketConfig::default()
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX))
        .max_write_buffer_size(OUTGOING_BYTES_MAX);
    let (socket, _response) = client_async_with_config(url.request_url(), stream, Some(config))
        .await
        .map_err(|error| ConnectError::Socket(Box::new(error)))?;
    let (sink, stream) = socket.split();
    let sink = sink
        .sink_map_err(Fault::from)
        .with(|message: Message| std::future::ready(Ok::<_, Fault>(message.into())));
    let stream = stream.map(|read| read.map(Message::from).map_err(Fault::from));
    Ok((Box::pin(sink), Box::pin(stream)))
}
