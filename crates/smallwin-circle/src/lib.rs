//! Who takes part and what they may do: keys, the signed log, roles, zones, frontiers and snapshots.
