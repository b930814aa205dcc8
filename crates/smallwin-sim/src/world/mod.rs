//! The world: sites, the ways between them, and what happens next.

mod deeds;
mod ending;
mod forge;
mod goals;
mod guests;
mod listen;
mod look;
mod notices;
mod processes;
mod reading;
mod records;
mod rogue;
mod spread;
mod stock;
mod trouble;
mod wires;
mod work;
mod writes;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

use smallwin_circle::{CircleId, DocumentId, DocumentRef};
use smallwin_sync::{ConnId, DocKey, JobId, Millis, Ticket, Work};

use self::reading::Reading;
use self::spread::Spread;
use crate::agenda::Agenda;
use crate::cast::{Cast, Person};
use crate::chance::Chance;
use crate::counts::Counts;
use crate::guest::{Guest, Kind};
use crate::network::{Network, SiteId};
use crate::options::{Options, Plant};
use crate::oracle::{Hash, Oracle, Violation};
use crate::site::Site;
use crate::stock::Id;
use crate::trace::Trace;

/// Everything there is. [`World::live`] runs it from the first start to the last check.
#[derive(Debug)]
pub(crate) struct World {
    options: Options,
    chance: Chance,
    agenda: Agenda<Happening>,
    pub(crate) trace: Trace,
    network: Network,
    oracle: Oracle,
    sites: Vec<Site>,
    people: Vec<Person>,
    guests: Vec<Guest>,
    open_nodes: Vec<SiteId>,
    open_documents: Vec<Id>,
    /// Frames that rogues overheard.
    overheard: VecDeque<Vec<u8>>,
    /// Presence that nodes passed on: to which end, by whom, in which session, which.
    presence_told: BTreeSet<(ConnId, String, String, u64)>,
    pace: Pace,
    phase: Phase,
    circle: Option<CircleId>,
    genesis: Option<Vec<u8>>,
    /// Secrets of invites that are not durable yet, by their record, with the person to be invited.
    invites_to_hand: BTreeMap<smallwin_circle::RecordId, (usize, [u8; 16])>,
    /// Every document that can come to be, by its name on the wire.
    names: BTreeMap<DocumentId, DocumentRef>,
    /// Keys of drafts and voices whose owner shared them.
    shared: BTreeSet<String>,
    /// Hashes of changes made in drafts, with the person whose they are.
    private: BTreeMap<Hash, usize>,
    /// Ids of records whose bytes went over the wire.
    record_ids: BTreeMap<[u8; 32], Hash>,
    /// Connections on which forgeries were sent: there a peer may do as it likes.
    tainted: BTreeSet<ConnId>,
    first_changes: BTreeMap<smallwin_circle::Kind, Vec<u8>>,
    pub(crate) counts: Counts,
    requests: u64,
    tokens: u64,
    /// When something last moved that is not the beat of a clock.
    moved_ms: u64,
    spread: Spread,
    reading: Reading,
    /// Ways that are slow for a while, with the milliseconds that come on top.
    slow_ways: BTreeMap<(SiteId, SiteId), u64>,
    broken: Option<Violation>,
}

/// What can happen.
#[derive(Clone, Debug)]
enum Happening {
    /// A process starts.
    Start(SiteId),
    /// A process is to look at the clock.
    Tick(SiteId, u64),
    /// The people behind a site consider what to do.
    Think(SiteId, u64),
    /// A site dials another.
    Dial(SiteId, u64, SiteId),
    /// A connection reaches the listener.
    Accept(ConnId, u64),
    /// And the dialer learns of it.
    Established(ConnId, u64),
    /// A parcel that this end sent should have arrived.
    Arrive(ConnId),
    /// An end learns that its connection is over.
    Gone(ConnId, u64),
    /// A disk has finished a sync.
    Synced(SiteId, u64),
    /// The process learns that these are kept.
    Kept(SiteId, u64, Vec<Ticket>),
    /// The process learns that these will not be kept.
    NotKept(SiteId, u64, Vec<Ticket>, String),
    /// A document was read.
    Read(SiteId, u64, DocKey),
    /// Work that an engine handed out is done.
    Worked(SiteId, u64, JobId, Work),
    /// Trouble of some sort.
    Trouble,
    /// A guest comes.
    GuestComes(SiteId),
    /// A guest dials a node.
    GuestDials(SiteId, SiteId),
    /// Whoever is behind a guest considers what to do.
    GuestThinks(SiteId),
    /// A stock peer tells all its peers what is new in a document.
    StockSyncs(SiteId, Id),
    /// A way carries again.
    Heal(SiteId, SiteId),
    /// A way is as fast as usual again.
    WayWell(SiteId, SiteId),
    /// A disk is well again.
    DiskWell(SiteId),
    /// A site reads as usual again.
    ReadWell(SiteId),
    /// A process that can only read gives way to a new one.
    Replace(SiteId, u64),
}

/// How fast things are in this run; the seed decides.
#[derive(Clone, Copy, Debug)]
struct Pace {
    way_ms: u64,
    way_jitter_ms: u64,
    disk_ms: u64,
    think_ms: u64,
    /// How often people who think also act.
    act_percent: u64,
    trouble_ms: u64,
    documents_open_max: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// People act, things break.
    Trouble,
    /// Nothing breaks any more; people only finish joining.
    Healing,
}

impl World {
    /// A world at its beginning.
    pub(crate) fn new(options: Options) -> World {
        let mut chance = Chance::new(options.seed);
        let cast = Cast::choose(&mut chance);
        let open_documents = vec![chance.bytes(), chance.bytes()];
        let pace = Pace::choose(&mut chance, options.harsh);
        let first_changes = smallwin_model::first_changes();
        let constants = first_changes
            .values()
            .map(|bytes| header(bytes).hash)
            .collect();
        World {
            trace: Trace::new(options.print),
            chance,
            agenda: Agenda::new(),
            network: Network::default(),
            oracle: Oracle::new(constants),
            sites: cast.sites,
            people: cast.people,
            guests: cast.guests,
            open_nodes: cast.open_nodes,
            open_documents,
            overheard: VecDeque::new(),
            presence_told: BTreeSet::new(),
            pace,
            phase: Phase::Trouble,
            circle: None,
            genesis: None,
            invites_to_hand: BTreeMap::new(),
            names: BTreeMap::new(),
            shared: BTreeSet::new(),
            private: BTreeMap::new(),
            record_ids: BTreeMap::new(),
            tainted: BTreeSet::new(),
            first_changes,
            counts: Counts::default(),
            requests: 0,
            tokens: 0,
            moved_ms: 0,
            spread: Spread::default(),
            reading: Reading::default(),
            slow_ways: BTreeMap::new(),
            broken: None,
            options,
        }
    }

    /// Lives from the first start to the last check.
    pub(crate) fn live(&mut self) -> Result<(), Violation> {
        self.tell_pace();
        let lived = self.live_through();
        self.counts.virtual_ms = self.now_ms();
        self.counts.worlds = lived.is_ok().into();
        lived
    }

    fn live_through(&mut self) -> Result<(), Violation> {
        for site in self.site_ids() {
            let after_ms = self.chance.between(0, 3000);
            self.agenda.put(after_ms, Happening::Start(site));
        }
        // Whoever takes over a device waits for it.
        let comes = |guest: &&Guest| !matches!(&guest.kind, Kind::Rogue(it) if it.was.is_some());
        let guests: Vec<SiteId> = self.guests.iter().filter(comes).map(|it| it.id).collect();
        for guest in guests {
            let after_ms = self.chance.between(0, 20_000);
            self.agenda.put(after_ms, Happening::GuestComes(guest));
        }
        let first_trouble_ms = self.chance.between(0, self.pace.trouble_ms);
        self.agenda.put(first_trouble_ms, Happening::Trouble);
        self.run_until(self.options.minutes * 60_000)?;
        self.end_well()
    }

    /// Milliseconds since the world began.
    pub(crate) fn now_ms(&self) -> u64 {
        self.agenda.now_ms()
    }

    fn run_until(&mut self, until_ms: u64) -> Result<(), Violation> {
        while let Some(happening) = self.agenda.next(until_ms) {
            self.happen(happening);
            if let Some(violation) = self.broken.take() {
                return Err(violation);
            }
        }
        Ok(())
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Start(site) => self.start(site),
            Happening::Tick(site, starts) => self.tick(site, starts),
            Happening::Think(site, starts) => self.think(site, starts),
            Happening::Dial(site, starts, to) => self.dial(site, starts, to),
            Happening::Accept(end, starts) => self.accept(end, starts),
            Happening::Established(end, starts) => self.established(end, starts),
            Happening::Arrive(from) => self.arrive(from),
            Happening::Gone(end, starts) => self.gone(end, starts),
            Happening::Synced(site, starts) => self.synced(site, starts),
            Happening::Kept(site, starts, tickets) => self.kept(site, starts, &tickets),
            Happening::NotKept(site, starts, tickets, why) => {
                self.not_kept(site, starts, &tickets, &why)
            }
            Happening::Read(site, starts, document) => self.read(site, starts, document),
            Happening::Worked(site, starts, job, work) => self.worked(site, starts, job, work),
            Happening::Trouble => self.trouble(),
            Happening::GuestComes(id) => self.come(id),
            Happening::GuestDials(id, node) => self.guest_dials(id, node),
            Happening::GuestThinks(id) => self.guest_thinks(id),
            Happening::StockSyncs(id, document) => self.stock_tells_all(id, &document),
            Happening::Heal(from, to) => self.heal(from, to),
            Happening::WayWell(from, to) => self.way_well(from, to),
            Happening::DiskWell(site) => self.disk_well(site),
            Happening::ReadWell(site) => self.read_well(site),
            Happening::Replace(site, starts) => self.replace(site, starts),
        }
    }

    fn tell_pace(&mut self) {
        let (pace, seed, cast) = (self.pace, self.options.seed, self.cast());
        self.say("world", format_args!("seed {seed}: {cast} {pace:?}"));
    }

    /// Who takes part: each site with the person behind it and whom it dials.
    pub(crate) fn cast(&self) -> String {
        let in_words = |site: &Site| {
            let dials: Vec<&str> = site.dials.iter().map(|to| self.sites[to.0].name).collect();
            let who = self.people[site.person].name;
            format!("{}({who})→{}", site.name, dials.join("+"))
        };
        let guest = |guest: &Guest| {
            let dials: Vec<&str> = guest.dials.iter().map(|to| self.name_of(*to)).collect();
            format!("{}→{}", guest.name, dials.join("+"))
        };
        let sites = self.sites.iter().map(in_words);
        let all: Vec<String> = sites.chain(self.guests.iter().map(guest)).collect();
        all.join(" ")
    }

    fn site_ids(&self) -> Vec<SiteId> {
        self.sites.iter().map(|site| site.id).collect()
    }

    fn name_of(&self, site: SiteId) -> &'static str {
        match self.guest(site) {
            Some(guest) => guest.name,
            None => self.sites[site.0].name,
        }
    }

    fn site(&self, site: SiteId) -> &Site {
        &self.sites[site.0]
    }

    fn site_mut(&mut self, site: SiteId) -> &mut Site {
        &mut self.sites[site.0]
    }

    fn plant(&self, plant: Plant) -> bool {
        self.options.plant == Some(plant)
    }

    fn say(&mut self, who: &str, what: fmt::Arguments<'_>) {
        self.trace.line(self.agenda.now_ms(), who, what);
    }

    fn tell(&mut self, site: SiteId, what: fmt::Arguments<'_>) {
        let name = self.name_of(site);
        self.trace.line(self.agenda.now_ms(), name, what);
    }

    fn moved(&mut self) {
        self.moved_ms = self.agenda.now_ms();
    }

    fn hold(&mut self, checked: Result<(), Violation>) {
        if let Err(violation) = checked
            && self.broken.is_none()
        {
            self.say(
                "oracle",
                format_args!("{}: {}", violation.rule, violation.what),
            );
            self.broken = Some(violation);
        }
    }

    fn violated(&mut self, rule: &'static str, what: String) {
        self.hold(Err(Violation::new(rule, what)));
    }

    /// The time as a site's clock shows it.
    fn clock(&self, site: SiteId) -> Millis {
        let true_ms = BEGIN_UNIX_MS + self.now_ms();
        Millis(true_ms.saturating_add_signed(self.site(site).clock_off_ms))
    }
}

impl Pace {
    fn choose(chance: &mut Chance, harsh: bool) -> Pace {
        let slow_disk = chance.percent(20);
        let disk_ms = if slow_disk {
            chance.between(200, 1500)
        } else {
            chance.between(1, 60)
        };
        let busy = harsh || chance.percent(8);
        let (trouble_first_ms, trouble_last_ms) = if harsh { (700, 3000) } else { (1500, 12_000) };
        let little_memory = chance.percent(if harsh { 70 } else { 40 });
        Pace {
            way_ms: chance.between(1, 80),
            way_jitter_ms: chance.between(1, 120),
            disk_ms,
            think_ms: chance.between(1000, 2500),
            act_percent: if busy { 55 } else { chance.between(8, 22) },
            trouble_ms: chance.between(trouble_first_ms, trouble_last_ms),
            documents_open_max: if little_memory { 3 } else { 64 },
        }
    }
}

/// The header of a change that we made or that the gate let pass.
fn header(bytes: &[u8]) -> smallwin_gate::ChangeHeader {
    smallwin_gate::read_change(bytes).expect("a change that Automerge wrote")
}

/// 2026-01-05T09:00:00Z: when the world begins.
const BEGIN_UNIX_MS: u64 = 1_767_603_600_000;
