//! Drives one engine: sockets, disk thread, clock, configuration and the web client.
