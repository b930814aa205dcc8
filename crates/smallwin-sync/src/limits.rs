//! Every limit of the engine, with its reason (rules G2 and S2).

use smallwin_gate::limits as gate;

/// Points of the fault for which a connection is closed. With the default of 640 a key may
/// break a rule 64 times at once, and about once a minute for ever: a client with a fault of its
/// own is not shut out at the first one, a loop is.
pub const FAULT_OF_A_CLOSE: u64 = 10;

/// Points of the fault for each change that the gate refuses for its form. Honest programs make
/// none.
pub const FAULT_OF_A_CHANGE: u64 = 2;

/// What may come at once, and how fast it may come again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How much comes back in a minute.
    pub per_minute: u64,
    /// How much may come at once after a pause.
    pub burst: u64,
}

/// The limits of one engine; tests and the simulation make them small.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of one frame, not above what the gate allows. A whole document travels in one frame, and stock peers cannot split
    /// it; automerge documents of years of editing stay below this.
    pub frame_bytes_max: usize,
    /// Bytes of a frame before the peer proved itself; a `join` takes some 300.
    pub hello_bytes_max: usize,
    /// Milliseconds a peer has to prove itself.
    pub handshake_ms: u64,
    /// Connections at once; a team node serves tens of people with a few tabs each.
    pub conns_max: usize,
    /// Connections at once that proved one key: a person's browser has one for each tab.
    pub conns_per_key_max: usize,
    /// Frames that one connection may bring. A person who types brings ten a second; a node that
    /// comes back with a thousand documents some five thousand at once.
    pub frame_rate: Rate,
    /// Bytes that one connection may bring: a first sync of eight largest documents at once, then
    /// more than a household's line carries.
    pub byte_rate: Rate,
    /// Operations that one connection may bring. The longest editing trace measured has 260,000,
    /// and comes at once in a first sync; Automerge takes some 300,000 a second.
    pub operation_rate: Rate,
    /// Points of faults that one key may collect before it is refused; see [`FAULT_OF_A_CLOSE`].
    pub fault_rate: Rate,
    /// Milliseconds in which a key is refused: long enough that trying costs more than it
    /// brings, short enough for a person who put the program right.
    pub penalty_ms: u64,
    /// Keys whose faults are remembered.
    pub faulty_keys_max: usize,
    /// Circles held at once.
    pub circles_max: usize,
    /// Items in all `smallwin/circles` frames of a connection, matched or waiting to be.
    pub items_max: usize,
    /// Records in one frame; more go in several.
    pub records_per_frame_max: usize,
    /// Record ids in one `smallwin/log` frame, 32 bytes each.
    pub ids_per_frame_max: usize,
    /// Records of one circle; at 4 KiB each this bounds a log to 64 MiB.
    pub records_per_circle_max: usize,
    /// Record bytes that may wait while a log is being kept.
    pub records_waiting_bytes_max: usize,
    /// Cards of one circle; one per person.
    pub cards_per_circle_max: usize,
    /// Cards that wait for the record of their author, per circle.
    pub cards_waiting_max: usize,
    /// Manifests held per circle: one per snapshot.
    pub manifests_per_circle_max: usize,
    /// Bytes of one manifest (spec §4).
    pub manifest_bytes_max: usize,
    /// Documents in memory; the least recently used idle one makes room.
    pub documents_open_max: usize,
    /// Bytes of changes and snapshots of all documents in memory, above which idle ones make room.
    pub documents_bytes_max: usize,
    /// Bytes of a stored document that is brought into memory without handing the work out; it
    /// takes some milliseconds.
    pub index_inline_bytes_max: usize,
    /// Changes since the last snapshot below which none is made.
    pub compact_changes_min: usize,
    /// Their bytes below which none is made: what reading so much costs is not felt.
    pub compact_bytes_min: usize,
    /// A snapshot is made when the changes since the last one take so many times its bytes, so that
    /// a document is written anew a few times in its life and not again and again.
    pub compact_factor: usize,
    /// Bytes that a snapshot may have: half of what storage commits at once.
    pub snapshot_bytes_max: usize,
    /// Documents a connection takes part in or waits for.
    pub documents_per_conn_max: usize,
    /// Bytes of sync messages that may wait for one document while it loads or is being kept.
    /// More closes the connection that brings them: its frames may not be dropped singly.
    pub inbox_bytes_max: usize,
    /// Pending changes of one document that one peer brought. One that sends in causal order
    /// and after its frontiers has none.
    pub pending_per_peer_max: usize,
    /// Bytes of the pending changes of one document that one peer brought.
    pub pending_bytes_per_peer_max: usize,
    /// Bytes of all pending changes of one document, whatever the number of peers.
    pub pending_bytes_max: usize,
    /// Milliseconds after which a sender is told that its changes still lack a signature.
    pub unsigned_ms: u64,
    /// Frontiers of one document that one peer brought and that wait for their change.
    pub frontiers_waiting_max: usize,
    /// Frontiers in one frame; each costs a signature check of some 80 µs.
    pub frontiers_per_frame_max: usize,
    /// Bytes of changes kept aside for one document.
    pub refused_bytes_max: usize,
    /// Changes kept aside for one document.
    pub refused_max: usize,
    /// Bytes of one ephemeral message; a cursor takes tens.
    pub ephemeral_bytes_max: usize,
    /// Senders of ephemeral messages remembered, to pass each message on once.
    pub ephemeral_senders_max: usize,
    /// Paired keys.
    pub paired_max: usize,
    /// Wrong secrets before the pairing secret is void; it has 128 bits, so this only stops noise.
    pub pair_attempts_max: u32,
    /// Joins of other people that wait here for someone who can accept them.
    pub joins_waiting_max: usize,
    /// Bytes of text fields that a peer chooses: codes, addresses, questions.
    pub text_bytes_max: usize,
    /// People named in one `smallwin/reached` frame.
    pub people_per_frame_max: usize,
    /// Heads of a document or log that one frame may name; the gate allows as many.
    pub heads_max: usize,
    /// Bytes of one document of the open space.
    pub open_document_bytes_max: u64,
    /// Bytes of all documents of the open space.
    pub open_bytes_max: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            frame_bytes_max: gate::FRAME_BYTES_MAX,
            hello_bytes_max: 4096,
            handshake_ms: 10_000,
            conns_max: 512,
            conns_per_key_max: 64,
            frame_rate: Rate {
                per_minute: 120_000,
                burst: 20_000,
            },
            byte_rate: Rate {
                per_minute: 480 << 20,
                burst: 64 << 20,
            },
            operation_rate: Rate {
                per_minute: 12_000_000,
                burst: 4 << 20,
            },
            fault_rate: Rate {
                per_minute: 12,
                burst: 640,
            },
            penalty_ms: 60_000,
            faulty_keys_max: 1024,
            circles_max: 1024,
            items_max: 2048,
            records_per_frame_max: 256,
            ids_per_frame_max: 16_384,
            records_per_circle_max: 16_384,
            records_waiting_bytes_max: 4 << 20,
            cards_per_circle_max: 4096,
            cards_waiting_max: 64,
            manifests_per_circle_max: 1024,
            manifest_bytes_max: 65_536,
            documents_open_max: 256,
            documents_bytes_max: 256 << 20,
            index_inline_bytes_max: 256 << 10,
            compact_changes_min: 500,
            compact_bytes_min: 64 << 10,
            compact_factor: 4,
            snapshot_bytes_max: 16 << 20,
            documents_per_conn_max: 8192,
            inbox_bytes_max: 32 << 20,
            pending_per_peer_max: gate::ORPHANS_PER_PEER_MAX,
            pending_bytes_per_peer_max: gate::ORPHAN_BYTES_PER_PEER_MAX,
            pending_bytes_max: gate::ORPHAN_BYTES_MAX,
            unsigned_ms: 10_000,
            frontiers_waiting_max: 1024,
            frontiers_per_frame_max: 256,
            refused_bytes_max: 4 << 20,
            refused_max: 20_000,
            ephemeral_bytes_max: 64 << 10,
            ephemeral_senders_max: 4096,
            paired_max: 64,
            pair_attempts_max: 5,
            joins_waiting_max: 64,
            text_bytes_max: 2048,
            people_per_frame_max: 1024,
            heads_max: 1024,
            open_document_bytes_max: 64 << 20,
            open_bytes_max: 1 << 30,
        }
    }
}
