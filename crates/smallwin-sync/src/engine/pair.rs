//! Pairing a browser with its own node (`smallwin/pair`, `smallwin/paired`).

use smallwin_circle::{DeviceKey, SealingPublic, Signature, link_message, verify};

use super::Engine;
use super::keep::Keeping;
use crate::wire::Frame;
use crate::{ConnId, Millis, Notice, Table, Write};

/// A key that belongs to the same person as this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pairing {
    pub(crate) device: DeviceKey,
    /// Its signature under being linked by our device key.
    pub(crate) consent: Signature,
    pub(crate) sealing: SealingPublic,
}

/// The one-time secret that lets somebody pair.
#[derive(Clone, Debug)]
pub(crate) struct PairingSecret {
    pub(crate) hash: [u8; 32],
    pub(crate) expires: Millis,
    pub(crate) attempts: u32,
}

impl Pairing {
    /// The row's value: consent (64 bytes) ‖ sealing key (32 bytes).
    pub(crate) fn to_row(&self) -> Vec<u8> {
        [&self.consent.as_bytes()[..], &self.sealing.as_bytes()[..]].concat()
    }

    /// Reads a row; nothing when it is damaged.
    pub(crate) fn from_row(device: DeviceKey, row: &[u8]) -> Option<Pairing> {
        let (consent, sealing) = row.split_first_chunk::<64>()?;
        Some(Pairing {
            device,
            consent: Signature::from_bytes(*consent),
            sealing: SealingPublic::from_bytes(sealing.try_into().ok()?),
        })
    }
}

impl Engine {
    /// Whether the key behind a connection is paired with us, or is our own device key.
    pub(super) fn is_paired(&self, conn: ConnId) -> bool {
        let key = self
            .conns
            .get(&conn)
            .filter(|connection| connection.is_ready())
            .and_then(|it| it.key);
        key.is_some_and(|key| key == self.device || self.paired.contains_key(&key))
    }

    pub(super) fn pair_frame(
        &mut self,
        conn: ConnId,
        secret: &[u8],
        consent: [u8; 64],
        sealing: [u8; 32],
    ) {
        let Some(device) = self.conns.get(&conn).and_then(|connection| connection.key) else {
            return;
        };
        let consent = Signature::from_bytes(consent);
        let is_consented = verify(&device, &link_message(&self.device, &device), &consent);
        let pairing = Pairing {
            device,
            consent,
            sealing: SealingPublic::from_bytes(sealing),
        };
        let is_known = self.is_paired(conn);
        if !is_consented || !is_known && !self.spend_secret(secret) {
            self.send_notice(conn, "pairing-refused", None);
            return;
        }
        if self.paired.len() >= self.config.limits.paired_max && !self.paired.contains_key(&device)
        {
            self.send_notice(conn, "too-many-paired", None);
            return;
        }
        self.keep_pairing(pairing, Some(conn));
    }

    /// Whether the secret is the one that is out; it is void afterwards, and after a few wrong ones.
    fn spend_secret(&mut self, secret: &[u8]) -> bool {
        let Some(out) = &mut self.secret else {
            return false;
        };
        if out.expires < self.now {
            self.secret = None;
            return false;
        }
        // Comparing hashes tells nothing about the secret by the time it takes.
        if *blake3::hash(secret).as_bytes() == out.hash {
            self.secret = None;
            return true;
        }
        out.attempts += 1;
        if out.attempts >= self.config.limits.pair_attempts_max {
            self.secret = None;
        }
        false
    }

    fn keep_pairing(&mut self, pairing: Pairing, answer: Option<ConnId>) {
        if self.read_only.is_some() {
            return;
        }
        let key = pairing.device.as_bytes().to_vec();
        let write = Write::Row {
            table: Table::Paired,
            key,
            value: pairing.to_row(),
        };
        self.keep(Keeping::Pair { pairing, answer }, vec![write]);
    }

    pub(super) fn land_pairing(&mut self, pairing: Pairing, answer: Option<ConnId>) {
        let device = pairing.device;
        self.paired.insert(device, pairing);
        self.notice(Notice::Paired(device));
        if let Some(conn) = answer {
            let consent = self
                .config
                .device_key
                .sign(&link_message(&device, &self.device));
            let frame = Frame::Paired {
                device: *self.device.as_bytes(),
                consent: *consent.as_bytes(),
                sealing: *self.config.sealing.as_bytes(),
            };
            self.send(conn, frame);
        }
        let circles: Vec<_> = self.circles.keys().copied().collect();
        for circle in circles {
            self.link_paired(&circle);
        }
        // What the key may have of our circles changed.
        for conn in self.ready_conns() {
            if self.conns.get(&conn).and_then(|connection| connection.key) == Some(device) {
                let matched: Vec<_> = self
                    .conns
                    .get(&conn)
                    .map(|it| it.circles.keys().copied().collect())
                    .unwrap_or_default();
                for circle in matched {
                    self.greet_log(conn, &circle);
                }
            }
        }
    }

    /// The node behind a connection answers our wish to pair.
    pub(super) fn paired_frame(
        &mut self,
        conn: ConnId,
        device: [u8; 32],
        consent: [u8; 64],
        sealing: [u8; 32],
    ) {
        let Some(connection) = self.conns.get_mut(&conn) else {
            return;
        };
        if !std::mem::take(&mut connection.pairing) {
            return;
        }
        let Ok(device) = DeviceKey::from_bytes(device) else {
            return;
        };
        let consent = Signature::from_bytes(consent);
        if device != self.device && verify(&device, &link_message(&self.device, &device), &consent)
        {
            let pairing = Pairing {
                device,
                consent,
                sealing: SealingPublic::from_bytes(sealing),
            };
            self.keep_pairing(pairing, None);
        }
    }
}
