//! Linking paired devices: a signed record in every circle this device takes part in.

use smallwin_circle::{Body, CircleId, Payload, Record, Timestamp};

use super::Engine;
use super::circle::{Batch, Origin};

impl Engine {
    /// Signs a `link` for every paired device that is connected, consented, and not in the circle yet.
    pub(super) fn link_paired(&mut self, circle: &CircleId) {
        let Some(held) = self.circles.get(circle) else {
            return;
        };
        // One record at a time: the next must name the one before it.
        if held.flight.is_some() || !held.waiting.is_empty() || self.read_only.is_some() {
            return;
        }
        let Some(log) = &held.log else { return };
        let state = log.state();
        if state.role_of_device(&self.device).is_none() {
            return;
        }
        let is_here = |device: &smallwin_circle::DeviceKey| {
            let mut matches = self.conns.values().filter_map(|connection| {
                let matched = connection.circles.get(circle)?;
                Some(
                    connection.key.as_ref() == Some(device)
                        || matched.device.as_ref() == Some(device),
                )
            });
            matches.any(|is_here| is_here)
        };
        let unlinked = self.paired.values().find(|pairing| {
            pairing.device != self.device
                && state.person_of(&pairing.device).is_none()
                && is_here(&pairing.device)
        });
        let Some(pairing) = unlinked else { return };
        let (seq, prev, deps) = log.next(&self.device);
        let payload = Payload {
            author: self.device,
            body: Body::Link {
                device: pairing.device,
                consent: pairing.consent,
                sealing: pairing.sealing,
            },
            circle: Some(*circle),
            claimed: Timestamp::from_unix_ms(self.now.0),
            deps,
            prev,
            seq,
        };
        if let Ok(record) = Record::sign(&payload, &self.config.device_key) {
            self.take_records(
                circle,
                Batch {
                    records: vec![record.bytes().to_vec()],
                    from: Origin::Own,
                },
            );
        }
    }
}
