//! Who takes part and how they are connected: chosen by the seed.

use smallwin_circle::{Role, SealingKey, SigningKey};

use crate::chance::Chance;
use crate::disk::Disk;
use crate::network::SiteId;
use crate::site::Site;

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
}

impl Cast {
    /// Chooses who takes part.
    ///
    /// Always: anna, who founds the circle, with a node; a team node that is a member itself; bram
    /// (inner circle) with a node; carla (outer circle), who has only a browser at the team node,
    /// and whose program is patched. Perhaps: a browser of anna's, dirk (outer circle, later more)
    /// with a node, and a browser of dirk's.
    pub(crate) fn choose(chance: &mut Chance) -> Cast {
        let mut cast = Cast {
            people: Vec::new(),
            sites: Vec::new(),
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
        cast
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
