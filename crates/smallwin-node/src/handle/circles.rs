//! Circles: creating, reading, adding records.

use std::time::Duration;

use smallwin_circle::{
    Body, CircleId, DeviceKey, Hint, Inserted, InviteLink, Log, Nonce, Payload, PersonId, Record,
    RecordId, Role, Timestamp, Verdict,
};
use smallwin_sync::Local;

use super::{Handle, HandleError};
use crate::chance;
use crate::clock::{now, timestamp};

/// How often a record is signed again because the engine took its number for one of its own.
pub(super) const STALE_TRIES: u32 = 5;

/// Where a record stands: its number, the author's record before it, and what the author had seen.
pub(super) struct Place {
    seq: u64,
    prev: Option<RecordId>,
    pub(super) deps: Vec<RecordId>,
}

impl Handle {
    /// The circles that are held here, in the order of their ids.
    ///
    /// # Errors
    /// When the node has stopped.
    pub async fn circles(&self) -> Result<Vec<CircleId>, HandleError> {
        self.look(|engine| engine.circles()).await
    }

    /// A copy of a circle's log.
    ///
    /// # Errors
    /// When the circle is not known here.
    pub async fn log(&self, circle: CircleId) -> Result<Log, HandleError> {
        let log = self
            .look(move |engine| engine.log(&circle).cloned())
            .await?;
        log.ok_or(HandleError::UnknownCircle)
    }

    /// Who this device is in a circle.
    ///
    /// # Errors
    /// When the circle is not known here, or the device is no member's.
    pub async fn me(&self, circle: CircleId) -> Result<PersonId, HandleError> {
        let device = self.device_key();
        self.log(circle)
            .await?
            .state()
            .person_of(&device)
            .ok_or(HandleError::NotMember)
    }

    /// Begins a circle; this device becomes its facilitator.
    ///
    /// # Errors
    /// When it could not be kept.
    pub async fn create_circle(&self) -> Result<CircleId, HandleError> {
        let payload = Payload {
            author: self.device_key(),
            body: Body::Genesis {
                nonce: Nonce::from_bytes(chance::bytes()),
                sealing: self.0.sealing,
            },
            circle: None,
            claimed: timestamp(),
            deps: Vec::new(),
            prev: None,
            seq: 0,
        };
        let genesis = self.sign(&payload)?;
        let circle = CircleId::of(genesis.id());
        self.local(Local::HostCircle {
            records: vec![genesis.bytes().to_vec()],
        })
        .await?;
        self.host_beside(circle).await?;
        Ok(circle)
    }

    /// Adds a record with this device's signature; returns when it is durable.
    ///
    /// # Errors
    /// When the circle is not known here, or the record was refused or not kept.
    pub async fn append(&self, circle: CircleId, body: Body) -> Result<RecordId, HandleError> {
        let _one_at_a_time = self.0.writing.lock().await;
        let mut tries = STALE_TRIES;
        loop {
            let record = self.make(circle, body.clone()).await?;
            match self.append_record(circle, &record).await {
                Err(error) if error.is_stale() && tries > 0 => tries -= 1,
                appended => return appended.map(|()| record.id()),
            }
        }
    }

    /// Adds a record that counts. One that would count for nothing is refused before anybody else
    /// sees it: a log never forgets.
    pub(super) async fn append_record(
        &self,
        circle: CircleId,
        record: &Record,
    ) -> Result<(), HandleError> {
        let mut log = self.log(circle).await?;
        let inserted = log
            .insert(record.clone())
            .map_err(|error| HandleError::Sign(error.to_string()))?;
        // One that waits for a record that is being kept just now cannot be judged here yet.
        if matches!(inserted, Inserted::New(_))
            && let Verdict::Void(why) = log.verdict(&record.id())
        {
            return Err(HandleError::Void { why });
        }
        self.local(Local::Append {
            circle,
            record: record.bytes().to_vec(),
        })
        .await
    }

    /// Invites one person; the link is secret.
    ///
    /// # Errors
    /// As [`Handle::append`].
    pub async fn invite(
        &self,
        circle: CircleId,
        role: Role,
        valid: Duration,
    ) -> Result<InviteLink, HandleError> {
        let addresses = self.addresses_to_share().await?;
        let secret = chance::bytes();
        let origin = addresses
            .origins
            .get(1)
            .or_else(|| addresses.origins.first());
        let link = InviteLink {
            origin: origin.cloned().unwrap_or_else(|| self.0.facts.origin()),
            circle,
            secret,
            hints: addresses
                .hints
                .iter()
                .filter_map(|hint| hint.parse::<Hint>().ok())
                .collect(),
        };
        let expires = Timestamp::from_unix_s(now().0 / 1000 + valid.as_secs());
        let invite = link.invite_key().public();
        self.append(
            circle,
            Body::Invite {
                invite,
                role,
                expires,
            },
        )
        .await?;
        Ok(link)
    }

    /// Adds a device to this device's person; `consent` is the device's own signature.
    ///
    /// # Errors
    /// As [`Handle::append`].
    pub async fn link(
        &self,
        circle: CircleId,
        device: DeviceKey,
        consent: smallwin_circle::Signature,
        sealing: smallwin_circle::SealingPublic,
    ) -> Result<RecordId, HandleError> {
        self.append(
            circle,
            Body::Link {
                device,
                consent,
                sealing,
            },
        )
        .await
    }

    /// A record of this device that builds on the log as it stands.
    pub(super) async fn make(&self, circle: CircleId, body: Body) -> Result<Record, HandleError> {
        let place = self.next(circle).await?;
        self.make_at(circle, place, body)
    }

    /// Where the next record of this device stands.
    pub(super) async fn next(&self, circle: CircleId) -> Result<Place, HandleError> {
        if self.0.restored.waiting()?.contains(&circle) {
            let file = self.0.restored.file().to_owned();
            return Err(HandleError::Restored { file });
        }
        let next = self.look(move |engine| engine.next_record(&circle)).await?;
        let (seq, prev, deps) = next.ok_or(HandleError::UnknownCircle)?;
        Ok(Place { seq, prev, deps })
    }

    /// A record of this device at a place that was asked for before.
    pub(super) fn make_at(
        &self,
        circle: CircleId,
        place: Place,
        body: Body,
    ) -> Result<Record, HandleError> {
        let Place { seq, prev, deps } = place;
        let author = self.device_key();
        self.sign(&Payload {
            author,
            body,
            circle: Some(circle),
            claimed: timestamp(),
            deps,
            prev,
            seq,
        })
    }

    fn sign(&self, payload: &Payload) -> Result<Record, HandleError> {
        Record::sign(payload, &self.0.device).map_err(|error| HandleError::Sign(error.to_string()))
    }
}
