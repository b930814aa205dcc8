//! Who takes part and how they are connected: chosen by the seed.

use smallwin_circle::{Role, SealingKey, SigningKey};
use smallwin_sync::Space;

use crate::chance::Chance;
use crate::disk::Disk;
use crate::guest::{Guest, Kind, Rogue, guest_id};
use crate::network::SiteId;
use crate::site::Site;
use crate::stock::Stock;

/// A person, as the world outside the product knows them.
#[derive(Debug)]
pub(crate) struct Person {
    pub(crate) name: &'static str,
    /// The device they enter the circle with.
    pub(crate) enters: SiteId,
    /// What they are invited as; the founder is not invited.
    pub(crate) role: Option<Role>,
    /// The invite they were handed, once it exists.
    pub(crate) invite: Option<Invite>,
    /// The join they signed; the same bytes are sent again and again.
    pub(crate) join: Option<Vec<u8>>,
    /// Whether a patched program of theirs sends what it may not.
    pub(crate) lies: bool,
    /// Whether a device of theirs forgot records of its own, since its disk lied.
    pub(crate) lost_records: bool,
    /// When the invite was last on its way into the log.
    pub(crate) invited_ms: Option<u64>,
    /// The person whose invite they use as well, because somebody passed it on.
    pub(crate) borrows_from: Option<usize>,
}

/// An invite as it is handed over outside the product.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Invite {
    pub(crate) secret: [u8; 16],
    pub(crate) record: smallwin_circle::RecordId,
}

/// The people and their sites.
#[derive(Debug)]
pub(crate) struct Cast {
    pub(crate) people: Vec<Person>,
    pub(crate) sites: Vec<Site>,
    /// Nodes that serve the open space.
    pub(crate) open_nodes: Vec<SiteId>,
    /// Peers without an engine.
    pub(crate) guests: Vec<Guest>,
}

impl Cast {
    /// Chooses who takes part.
    ///
    /// Always: anna, who founds the circle, with a node; a team node that is a member itself; bram
    /// (inner circle) with a node; carla (outer circle), who has only a browser at the team node,
    /// and whose program is patched. Perhaps: a browser of anna's, dirk (outer circle, later more)
    /// with a node, a browser of dirk's, and eve (outer circle), whose device a rogue takes over.
    /// Besides, peers without an engine: see [`Cast::invite_guests`].
    pub(crate) fn choose(chance: &mut Chance) -> Cast {
        let mut cast = Cast {
            people: Vec::new(),
            sites: Vec::new(),
            open_nodes: Vec::new(),
            guests: Vec::new(),
        };
        let anna = cast.person("anna", None);
        let anna_node = cast.node(chance, "anna", anna);
        if chance.percent(60) {
            let browser = cast.browser(chance, "anna-tab", anna, anna_node);
            // Whoever of the two founds the circle takes the other in as a second device.
            if chance.percent(50) {
                cast.people[anna].enters = browser;
            }
        }
        let team = cast.person("team", Some(Role::Outer));
        let team_node = cast.node(chance, "team", team);
        cast.sites[team_node.0].dials.push(anna_node);
        let bram = cast.person("bram", Some(Role::Inner));
        let bram_node = cast.node(chance, "bram", bram);
        cast.dial_some(chance, bram_node, &[anna_node, team_node]);
        let carla = cast.person("carla", Some(Role::Outer));
        cast.people[carla].lies = true;
        cast.people[carla].enters = cast.browser(chance, "carla-tab", carla, team_node);
        if chance.percent(70) {
            let dirk = cast.person("dirk", Some(Role::Outer));
            cast.people[dirk].borrows_from = chance.percent(15).then_some(bram);
            let dirk_node = cast.node(chance, "dirk", dirk);
            cast.dial_some(chance, dirk_node, &[bram_node, team_node, anna_node]);
            if chance.percent(60) {
                cast.browser(chance, "dirk-tab", dirk, dirk_node);
            }
        }
        cast.invite_guests(chance, anna_node, team_node);
        if chance.percent(35) {
            let eve = cast.person("eve", Some(Role::Outer));
            let tab = cast.browser(chance, "eve-tab", eve, team_node);
            let key = cast.sites[tab.0].device.clone();
            cast.rogue("eve", team_node, Space::Circles, key, Some(tab));
        }
        cast
    }

    /// Perhaps: stock clients at one or two nodes that serve the open space, and one that never
    /// reads; a stranger with a key of its own, and one in the open space.
    fn invite_guests(&mut self, chance: &mut Chance, anna_node: SiteId, team_node: SiteId) {
        if chance.percent(75) {
            self.open_nodes.push(team_node);
            if chance.percent(50) {
                self.open_nodes.push(anna_node);
            }
            let nodes = self.open_nodes.clone();
            // The first one dials all, so that what is at one node comes to the other.
            let some = vec![*chance.pick(&nodes).expect("there is one")];
            self.stock(chance, "stock-a", nodes.clone());
            self.stock(chance, "stock-b", some);
            if chance.percent(30) {
                self.stock(chance, "stock-c", nodes);
            }
            if chance.percent(40) {
                self.guest("deaf", vec![team_node], Space::Open, Kind::Deaf);
            }
            if chance.percent(30) {
                let key = SigningKey::from_seed(chance.bytes());
                self.rogue("vandal", team_node, Space::Open, key, None);
            }
        }
        if chance.percent(40) {
            let key = SigningKey::from_seed(chance.bytes());
            self.rogue("stranger", team_node, Space::Circles, key, None);
        }
    }

    fn stock(&mut self, chance: &mut Chance, name: &'static str, dials: Vec<SiteId>) {
        let stock = Box::new(Stock::new(name, chance));
        self.guest(name, dials, Space::Open, Kind::Stock(stock));
    }

    fn rogue(
        &mut self,
        name: &'static str,
        at: SiteId,
        space: Space,
        key: SigningKey,
        was: Option<SiteId>,
    ) {
        let rogue = Box::new(Rogue { key, was });
        self.guest(name, vec![at], space, Kind::Rogue(rogue));
    }

    fn guest(&mut self, name: &'static str, dials: Vec<SiteId>, space: Space, kind: Kind) {
        let id = guest_id(self.guests.len());
        self.guests.push(Guest::new(id, name, dials, space, kind));
    }

    fn person(&mut self, name: &'static str, role: Option<Role>) -> usize {
        // The site is set when it is added.
        let enters = SiteId(usize::MAX);
        let person = Person {
            name,
            enters,
            role,
            invite: None,
            join: None,
            lies: false,
            lost_records: false,
            invited_ms: None,
            borrows_from: None,
        };
        self.people.push(person);
        self.people.len() - 1
    }

    fn node(&mut self, chance: &mut Chance, name: &'static str, person: usize) -> SiteId {
        let id = self.site(chance, name, person);
        let site = &mut self.sites[id.0];
        site.node_key = SigningKey::from_seed(chance.bytes());
        site.authority = Some(format!("{name}.example:4801"));
        id
    }

    fn browser(
        &mut self,
        chance: &mut Chance,
        name: &'static str,
        person: usize,
        node: SiteId,
    ) -> SiteId {
        let id = self.site(chance, name, person);
        self.sites[id.0].dials.push(node);
        if self.sites[node.0].person == person {
            self.sites[id.0].first_device = Some(node);
        }
        id
    }

    fn site(&mut self, chance: &mut Chance, name: &'static str, person: usize) -> SiteId {
        let id = SiteId(self.sites.len());
        let device = SigningKey::from_seed(chance.bytes());
        self.sites.push(Site {
            id,
            name,
            person,
            authority: None,
            node_key: device.clone(),
            device,
            sealing: SealingKey::from_seed(chance.bytes()),
            disk: Disk::default(),
            clock_off_ms: 0,
            dials: Vec::new(),
            first_device: None,
            paired: false,
            is_gone: false,
            starts: 0,
            process: None,
        });
        if self.people[person].enters == SiteId(usize::MAX) {
            self.people[person].enters = id;
        }
        id
    }

    /// Dials at least one of these.
    fn dial_some(&mut self, chance: &mut Chance, from: SiteId, to: &[SiteId]) {
        let sure = chance.pick(to).copied();
        for node in to {
            if Some(*node) == sure || chance.percent(40) {
                self.sites[from.0].dials.push(*node);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cast_is_connected_and_every_device_meets_its_first() {
        for seed in 0..50 {
            let cast = Cast::choose(&mut Chance::new(seed));
            assert!(
                cast.people
                    .iter()
                    .all(|person| person.enters.0 < cast.sites.len())
            );
            for site in &cast.sites {
                let is_first = site.id.0 == 0;
                assert!(
                    is_first || site.dials.iter().any(|to| to.0 < site.id.0),
                    "{}",
                    site.name
                );
                assert!(
                    site.dials
                        .iter()
                        .all(|to| cast.sites[to.0].authority.is_some())
                );
                assert!(
                    site.first_device
                        .is_none_or(|first| site.dials.contains(&first))
                );
            }
        }
    }
}
