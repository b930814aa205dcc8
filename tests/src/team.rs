//! Two people with a node each, in one Small Win, over a wire that can be cut.

use std::path::Path;

use tempfile::TempDir;

use crate::{node::RunningNode, program::run, temporary_folder, wait::until, wire::Wire};

/// What the Small Win of the tests is called.
pub const TITLE: &str = "Thuiskomen na een opname";

/// Noor started the Small Win and is its facilitator; Anke joined it through Noor's node.
#[derive(Debug)]
pub struct Team {
    /// Noor's node.
    pub noor: RunningNode,
    /// Anke's node.
    pub anke: RunningNode,
    /// All that leads from Anke's node to Noor's.
    pub wire: Wire,
    folders: Vec<TempDir>,
}

impl Team {
    /// Starts both nodes and lets Anke join with this role.
    #[must_use]
    pub fn meet(role: &str) -> Team {
        let folders = vec![temporary_folder(), temporary_folder()];
        let port = crate::free_port();
        let wire = Wire::to(port);
        let names = format!("{},127.0.0.1:{port}", wire.authority());
        let noor =
            RunningNode::start_on(folders[0].path(), port, &[], &[("SMALLWIN_NAMES", &names)]);
        noor.run(&["new", TITLE, "--name", "Noor Hakvoort"]).must();
        let anke = RunningNode::start(folders[1].path());
        let team = Team {
            noor,
            anke,
            wire,
            folders,
        };
        let link = team.invite(role);
        team.anke
            .run(&["join", &link, "--name", "Anke Dollekamp"])
            .must();
        team
    }

    /// A link that invites one person, and leads over the wire.
    #[must_use]
    pub fn invite(&self, role: &str) -> String {
        let out = self.noor.run(&["invite", TITLE, "--role", role]).must();
        let link = out
            .split_whitespace()
            .find(|word| word.contains("/#j="))
            .expect("`invite` prints a link");
        // Whatever address the node prefers to give, the hint must lead over the wire.
        let (before, hints) = link.rsplit_once('.').expect("a link has three parts");
        let own = format!("%3A{}", self.noor.port());
        let over_the_wire = format!("%3A{}", self.wire.port());
        format!("{before}.{}", hints.replace(&own, &over_the_wire))
    }

    /// A third person's data directory, without a node.
    #[must_use]
    pub fn another(&mut self) -> std::path::PathBuf {
        let folder = temporary_folder();
        let path = folder.path().to_path_buf();
        self.folders.push(folder);
        path
    }

    /// Waits until both nodes export the same of what both may read, and returns it.
    pub fn until_equal(&self) -> String {
        until("both nodes have the same", || {
            let (here, there) = (
                shared_texts(self.noor.data()),
                shared_texts(self.anke.data()),
            );
            (here == there).then_some(here)
        })
    }

    /// Waits until both nodes have the same, and that holds all these words.
    pub fn until_both_have(&self, words: &[&str]) -> String {
        until(&format!("both nodes have {words:?}"), || {
            let (here, there) = (
                shared_texts(self.noor.data()),
                shared_texts(self.anke.data()),
            );
            (here == there && words.iter().all(|word| here.contains(word))).then_some(here)
        })
    }
}

/// What everybody of the circle reads: case, check-in and step, as the command line shows them.
#[must_use]
pub fn shared_texts(data: &Path) -> String {
    ["case", "checkin", "step"]
        .iter()
        .map(|part| run(data, &["show", TITLE, part, "--json"]).must())
        .collect()
}

/// Writes a text of the check-in.
pub fn write(data: &Path, document: &str, text: &str, words: &str) {
    run(data, &["write", TITLE, document, text, words]).must();
}

/// Adds to the end of a text.
pub fn append(data: &Path, document: &str, text: &str, words: &str) {
    run(data, &["write", TITLE, document, text, words, "--append"]).must();
}
