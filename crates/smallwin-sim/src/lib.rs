//! Many engines in one seeded world: network, disk, clock and crashes.
