//! Every limit of the node, each with its reason.

use std::time::Duration;

/// The fixed port: a browser's keys belong to its origin, and the port is part of the origin.
pub const LISTEN_PORT: u16 = 7171;

/// Largest WebSocket message in bytes, both ways: the engine's own limit, since a whole document
/// travels in one message. Clients send a message as one frame, so the frame limit is the same.
pub const MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Bytes that a socket reads at once, which is also what it holds when it is idle.
pub const READ_BYTES: usize = 16 * 1024;

/// Bytes that may wait to be written to one connection. A peer that reads slower than this is
/// closed and catches up when it comes back, which costs it one sync message per document.
pub const OUTGOING_BYTES_MAX: usize = 24 * 1024 * 1024;

/// Bytes of one connection's frames that may wait for the engine: one largest message.
pub const INCOMING_BYTES_PER_CONNECTION_MAX: usize = MESSAGE_BYTES_MAX;

/// Bytes for which a frame counts at least while it waits: what remembering it takes.
pub const FRAME_BYTES_COUNTED_MIN: u32 = 1024;

/// Bytes that may wait to be written to all sockets together. Beyond it the socket for which most
/// waits is closed: it is the slowest.
pub const OUTGOING_BYTES_OF_ALL_MAX: usize = 96 * 1024 * 1024;

/// Bytes of an unfinished message, with the headers of its fragments, that everybody may have: a
/// handshake takes hundreds, a request head at most [`HEADER_BYTES_MAX`], a keystroke hundreds.
pub const UNFINISHED_BYTES_FREE: usize = 128 * 1024;

/// Bytes of the unfinished messages of all connections, beyond which only small ones are taken.
pub const UNFINISHED_BYTES_OF_ALL_MAX: usize = 64 * 1024 * 1024;

/// Time that a message beyond [`UNFINISHED_BYTES_FREE`] may take: the largest over a line of one
/// megabit a second.
pub const MESSAGE_TIMEOUT: Duration = Duration::from_secs(150);

/// Pings and pongs of a peer between two pings of ours. Ours are answered with one.
pub const CONTROL_FRAMES_MAX: u32 = 1024;

/// A peer that spends the engine's time gets one part of so many, while others want some too.
pub const TIME_SHARE: u32 = 3;

/// Time of the engine that a peer may spend at once: a first sync of a few large documents.
pub const TIME_BURST: Duration = Duration::from_millis(250);

/// Longest time for which a peer is not served at one go: peers take a connection for dead after
/// some 20 s without an answer.
pub const HOLD_MAX: Duration = Duration::from_secs(5);

/// Time after which a peer that wanted something does not count as waiting any more.
pub const BUSY_WITHIN: Duration = Duration::from_secs(2);

/// Purses at one time; those that are full again are forgotten beyond it.
pub const PURSES_MAX: usize = 1024;

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

/// The same for a peer that is closed because there is too much to do or too little room.
pub const CLOSE_TIMEOUT_BUSY: Duration = Duration::from_millis(250);

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

/// Connections at one time that are no sockets (yet). A page takes up to six while it loads; with
/// the sockets and the store it all stays below the 1,024 files that systems give a process.
/// Beyond it the one that has waited longest for its request is dropped, so that connections which
/// never ask for anything keep nobody out.
pub const CONNECTIONS_MAX: usize = 256;

/// Of these, connections from one address that is not this machine.
pub const CONNECTIONS_PER_ADDRESS_MAX: usize = 64;

/// WebSocket connections at one time; more are answered with 503 before the upgrade. A few more
/// than the engine takes, which closes one without any part in a circle to make room.
pub const SOCKETS_MAX: usize = 576;

/// When to come back to a node that is full.
pub const FULL_PAUSE: Duration = Duration::from_secs(5);

/// WebSocket connections from one address that is not this machine: an office behind one router.
pub const SOCKETS_PER_ADDRESS_MAX: usize = 128;

/// Upgrades that one address may ask for in a minute; a second counts a sixtieth of it, and half
/// a minute's may come at once.
pub const UPGRADES_PER_MINUTE_MAX: u32 = 240;

/// Faults for which sockets were closed that one address may collect, before it is refused for
/// [`PENALTY`]. Many people may share an address, so it is more than one key may have.
pub const FAULTS_PER_ADDRESS_MAX: u32 = 128;

/// Time in which one fault of an address is forgiven.
pub const FAULT_FORGIVEN_AFTER: Duration = Duration::from_secs(15);

/// Time for which an address is refused.
pub const PENALTY: Duration = Duration::from_secs(60);

/// Addresses whose faults are remembered.
pub const FAULTY_ADDRESSES_MAX: usize = 1024;

/// First pause before a dial is tried again; it doubles with every failure.
pub const BACKOFF_FIRST: Duration = Duration::from_millis(250);

/// Longest pause between two dials.
pub const BACKOFF_MAX: Duration = Duration::from_secs(30);

/// A connection that lived this long resets the pause of its dialer.
pub const STABLE_AFTER: Duration = Duration::from_secs(30);

/// Remembered peers of one node. Each costs a task and a dial every half minute.
pub const PEERS_MAX: usize = 64;

/// Threads that do what would hold up the engine: one may be busy with a large document.
pub const JOB_THREADS: usize = 2;

/// Time that work on one document may take. The largest document that the gate lets pass takes
/// about a second.
pub const JOB_MAX: Duration = Duration::from_secs(10);

/// Threads that may be left to work that never ends. With each a processor is lost; after these no
/// work is begun until the next start.
pub const LOST_THREADS_MAX: usize = 4;

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
