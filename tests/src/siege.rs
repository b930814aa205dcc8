//! A node under attack, with two honest members who go on writing.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use smallwin_circle::{CircleId, DocumentRef, InviteLink, SigningKey};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use crate::{
    device_key, hand::HandSocket, member::Member, node::RunningNode, patched::PatchedClient,
    program::run, team::TITLE, temporary_folder,
};

/// What the issue allows a node that is attacked, in kilobytes.
const MEMORY_KB_MAX: u64 = 512 * 1024;

/// A node with a circle: two honest members, and one with other plans.
#[derive(Debug)]
pub struct Siege {
    /// The node.
    pub node: RunningNode,
    /// The circle.
    pub circle: CircleId,
    /// The key of the member with other plans, who may write the check-in.
    pub hostile: SigningKey,
    /// The data directory with that key.
    pub hostile_data: PathBuf,
    honest: [SigningKey; 2],
    sessions: AtomicU64,
    _folders: Vec<TempDir>,
}

/// Two honest members at work.
#[derive(Debug)]
pub struct Work {
    session: u64,
    done: Arc<AtomicBool>,
    task: JoinHandle<Vec<Duration>>,
}

impl Siege {
    /// Starts the node, with these arguments, and lets everybody join.
    #[must_use]
    pub fn begin(arguments: &[&str]) -> Siege {
        let folders: Vec<TempDir> = (0..4).map(|_| temporary_folder()).collect();
        let node = RunningNode::start_with(folders[0].path(), arguments, &[]);
        node.run(&["new", TITLE, "--name", "Noor Hakvoort"]).must();
        let links: Vec<String> = (0..3).map(|_| invite(&node)).collect();
        let circle = links[0]
            .parse::<InviteLink>()
            .expect("`invite` prints a link")
            .circle;
        std::thread::scope(|scope| {
            for (link, folder) in links.iter().zip(&folders[1..]) {
                scope.spawn(|| {
                    run(folder.path(), &["join", link, "--name", "Lid"]).must();
                });
            }
        });
        let keys: Vec<SigningKey> = folders[1..]
            .iter()
            .map(|folder| device_key(folder.path()))
            .collect();
        Siege {
            node,
            circle,
            hostile: keys[2].clone(),
            hostile_data: folders[3].path().to_path_buf(),
            honest: [keys[0].clone(), keys[1].clone()],
            sessions: AtomicU64::new(100),
            _folders: folders,
        }
    }

    /// A connection of the member with other plans.
    pub async fn attacker(&self) -> PatchedClient {
        PatchedClient::dial(&self.node.authority(), self.hostile.clone(), self.circle).await
    }

    /// A connection of somebody with a key that is nobody's here.
    pub async fn stranger(&self, seed: u64) -> PatchedClient {
        let mut bytes = [0xa5; 32];
        bytes[..8].copy_from_slice(&seed.to_be_bytes());
        let key = SigningKey::from_seed(bytes);
        PatchedClient::dial(&self.node.authority(), key, self.circle).await
    }

    /// The document that everybody here writes in, with the text of the honest ones.
    #[must_use]
    pub fn document() -> (DocumentRef, &'static str) {
        (DocumentRef::check_in(1), "q1")
    }

    /// The id of that document.
    #[must_use]
    pub fn document_id(&self) -> String {
        Siege::document().0.id(&self.circle).to_string()
    }

    /// One of the honest members, on a new connection.
    pub async fn honest(&self, which: usize, session: u64) -> Member {
        let key = self.honest[which].clone();
        // A mark of its own, so that it takes nobody's place.
        let mark = format!("session{session:04}");
        let authority = self.node.authority();
        let client = PatchedClient::dial_beside(&authority, key, self.circle, &mark).await;
        Siege::opened(client, session)
    }

    /// As [`Siege::honest`]; nothing when the node has no room for a socket just now.
    pub async fn honest_if_let_in(&self, which: usize, session: u64) -> Option<Member> {
        let socket = HandSocket::try_open(&self.node.authority(), "/sync").await?;
        drop(socket);
        Some(self.honest(which, session).await)
    }

    fn opened(client: PatchedClient, session: u64) -> Member {
        let (document, text) = Siege::document();
        Member::open(client, &document, text, session)
    }

    /// Lets the two honest members write to each other, until [`Work::end`]. Each waits for what
    /// the other wrote, so a node that stops serving them fails the test.
    pub async fn work(&self) -> Work {
        // Never the same actor twice (rule K2), and never the same words.
        let session = self.sessions.fetch_add(1, Ordering::SeqCst);
        let (mut here, mut there) = (self.honest(0, session).await, self.honest(1, session).await);
        let done = Arc::new(AtomicBool::new(false));
        let is_done = done.clone();
        let task = tokio::spawn(async move {
            let mut times = Vec::new();
            loop {
                // The last round begins after the attack ended.
                let is_last = is_done.load(Ordering::SeqCst);
                let began = Instant::now();
                let words = words(session, times.len());
                here.write(&words).await;
                here.until_other_has(&mut there, &words).await;
                let answer = format!("({words})");
                there.write(&answer).await;
                there.until_other_has(&mut here, &answer).await;
                times.push(began.elapsed());
                if is_last {
                    return times;
                }
            }
        });
        Work {
            session,
            done,
            task,
        }
    }

    /// As [`Siege::end`]; the honest ones go on while this is done in a thread of its own.
    pub async fn end_while(
        self,
        work: Work,
        done: impl FnOnce() + Send + 'static,
    ) -> Vec<Duration> {
        let waited = tokio::task::spawn_blocking(done).await;
        waited.expect("what was waited for came about");
        self.end(work).await
    }

    /// The attack is over: the node must be up, have stayed small, come back after a kill with
    /// everything that the honest ones wrote, and be in good order.
    pub async fn end(mut self, work: Work) -> Vec<Duration> {
        let session = work.session;
        let times = work.end().await;
        assert!(self.node.is_up(), "the node ended: {}", self.node.log());
        if let Some(peak) = self.node.memory_peak_kb() {
            assert!(peak < MEMORY_KB_MAX, "it took {peak} kB");
        }
        let last = format!("({})", words(session, times.len() - 1));
        self.node.kill();
        self.node.start_again();
        let mut again = self.honest(0, 2).await;
        again.until_it_has(&last).await;
        again.write("[again]").await;
        again.until_it_is_kept().await;
        self.node.kill();
        run(self.node.data(), &["doctor"]).must();
        assert!(
            !self.node.log().contains(&words(session, 0)),
            "what people write is in no log"
        );
        times
    }
}

impl Work {
    /// Lets the honest ones finish, and returns how long each of their rounds took: there and back
    /// through the node, durable on both ways.
    pub async fn end(self) -> Vec<Duration> {
        self.done.store(true, Ordering::SeqCst);
        self.task.await.expect("the honest members go on")
    }
}

fn invite(node: &RunningNode) -> String {
    let out = node.run(&["invite", TITLE, "--role", "inner"]).must();
    out.split_whitespace()
        .find(|word| word.contains("/#j="))
        .expect("`invite` prints a link")
        .to_owned()
}

/// What is written in one round.
fn words(session: u64, round: usize) -> String {
    format!("[{session}.{round}]")
}
