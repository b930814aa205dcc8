//! Every limit of the node, each with its reason.

use std::time::Duration;

/// The fixed port: a browser's keys belong to its origin, and the port is part of the origin.
pub const LISTEN_PORT: u16 = 7171;

/// Largest WebSocket message in bytes, both ways: the engine's own limit, since a whole document
/// travels in one message. Clients send a message as one frame, so the frame limit is the same.
pub const MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Bytes that may wait to be written to one connection. A peer that reads slower than this is
/// closed and catches up when it comes back, which costs it one sync message per document.
pub const OUTGOING_BYTES_MAX: usize = 24 * 1024 * 1024;

/// Bytes of one connection's frames that may wait for the engine: one largest message.
pub const INCOMING_BYTES_PER_CONNECTION_MAX: usize = MESSAGE_BYTES_MAX;

/// Bytes of all connections' frames that may wait for the engine.
pub const INCOMING_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Calls of one process that may wait for the engine at one time.
pub const CALLS_MAX: usize = 256;

/// Notices a slow listener of [`crate::Handle::changes`] may lag behind before it loses some.
pub const NOTICE_QUEUE_MAX: usize = 1024;

/// Time between two WebSocket pings. Proxies drop idle connections after 30 s or more.
pub const PING_INTERVAL: Duration = Duration::from_secs(17);

/// Pings without any answer after which a connection is dropped.
pub const PINGS_MISSED_MAX: u32 = 2;

/// Time one write to a socket may take; a peer that stops reading is dropped after it.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// Time a peer has to answer our close frame before the connection is dropped.
pub const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// Time from the first byte of a connection to the end of its request headers.
pub const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(10);

/// Time a TLS handshake may take.
pub const TLS_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Time a dial may take from the name look-up to the WebSocket answer.
pub const DIAL_TIMEOUT: Duration = Duration::from_secs(15);

/// Bytes of the request head, and of hyper's read buffer.
pub const HEADER_BYTES_MAX: usize = 16 * 1024;

/// Headers in one request.
pub const HEADERS_MAX: usize = 64;

/// TCP connections at one time. A tab needs one socket and, while loading, up to six more.
pub const CONNECTIONS_MAX: usize = 1024;

/// WebSocket connections at one time; more are answered with 503 before the upgrade.
pub const SOCKETS_MAX: usize = 512;

/// WebSocket connections from one address that is not loopback.
pub const SOCKETS_PER_ADDRESS_MAX: usize = 64;

/// First pause before a dial is tried again; it doubles with every failure.
pub const BACKOFF_FIRST: Duration = Duration::from_millis(250);

/// Longest pause between two dials.
pub const BACKOFF_MAX: Duration = Duration::from_secs(30);

/// A connection that lived this long resets the pause of its dialer.
pub const STABLE_AFTER: Duration = Duration::from_secs(30);

/// Remembered peers of one node. Each costs a task and a dial every half minute.
pub const PEERS_MAX: usize = 64;

/// Time between two ticks of the engine.
pub const TICK: Duration = Duration::from_millis(500);

/// Time a shutdown may take before the process ends without waiting for slow peers.
pub const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(8);

/// How long a pairing link is valid.
pub const PAIRING_VALID: Duration = Duration::from_secs(15 * 60);

/// Largest configuration file in bytes.
pub const CONFIG_BYTES_MAX: u64 = 64 * 1024;

/// Rows of remembered peers read at start, a guard against a damaged table.
pub const PEER_ROW_BYTES_MAX: usize = 2 * 1024;
