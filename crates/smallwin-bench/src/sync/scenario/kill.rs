//! The power goes right after a reader saw an edit: is the edit still there?

use std::time::Duration;

use anyhow::{Context, Result};

use crate::sync::case::{Bench, Figures, PREPARE_MAX};
use crate::sync::load::world::World;
use crate::sync::server::Kind;

/// How long a restarted server may take to show a document.
const SHOW_MAX: Duration = Duration::from_secs(5);
/// What came later than this after the first answer was not there.
const GRACE: Duration = Duration::from_millis(300);

pub(super) fn run(bench: &Bench, kind: Kind) -> Result<Figures> {
    let rounds = bench.choose(8, 50);
    let mut lost = 0;
    let mut case = bench.start(kind)?;
    for _ in 0..rounds {
        let room = case.room(1, 1)?;
        // The document itself is old news; it is the edit that counts.
        case.world.pass(Duration::from_millis(500))?;
        case.world
            .write_and_see(room.writer, room.document, PREPARE_MAX)?;
        case.server.kill()?;
        let written = case.world.written(room.document);
        let name = case.world.name(room.document).to_owned();
        case.server.start_again()?;
        case.server.wait_until_up()?;
        let mut after = World::new(case.server.protocol()?, case.server.port, 0)?;
        let document = after.known(name, written);
        let conn = after.connect(1, document)?.pop().context("a socket")?;
        after.join(conn, document, 0);
        let shown = after.until("the document is shown", SHOW_MAX, |world| {
            world.answers(document) > 0 || world.delivered(document) >= written as u64
        });
        if shown.is_ok() {
            after.pass(GRACE)?;
        }
        if after.delivered(document) < written as u64 {
            lost += 1;
        }
        let salt = case.world.salt() + (1 << 24);
        case.world = World::new(case.server.protocol()?, case.server.port, salt)?;
    }
    Ok(Figures::from([
        ("lost", f64::from(lost)),
        ("rounds", f64::from(rounds)),
    ]))
}
