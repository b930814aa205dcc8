//! The rows of the table: one scenario each, the same for every server.

mod burst;
mod cold_join;
mod documents;
mod full_rate;
mod history;
mod kill;
mod random_ids;
mod reconnect;
mod startup;
mod steady;

use anyhow::Result;

use super::case::{Bench, Figures};
use super::server::Kind;

/// One row: its name, what it is run with, and for whom it makes sense.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    run: fn(&Bench, Kind, usize) -> Result<Figures>,
    argument: usize,
    fits: fn(Kind) -> bool,
    /// Left out of a quick run.
    pub(crate) is_long: bool,
}

impl Row {
    pub(crate) fn fits(&self, kind: Kind) -> bool {
        (self.fits)(kind)
    }

    pub(crate) fn run(&self, bench: &Bench, kind: Kind) -> Result<Figures> {
        (self.run)(bench, kind, self.argument)
    }
}

/// Every row in the order of the table.
pub(crate) const ROWS: &[Row] = &[
    row("steady-50", steady::run, 50, everybody),
    row("steady-200", steady::run, 200, without_keys),
    long("steady-500", steady::run, 500, without_keys),
    row("full-rate-10", full_rate::run, 10, everybody),
    row("full-rate-50", full_rate::run, 50, everybody),
    row("full-rate-200", full_rate::run, 200, without_keys),
    long("full-rate-500", full_rate::run, 500, without_keys),
    row("history-100", history::run, 100, has_history),
    row("history-10000", history::run, 10_000, has_history),
    long("history-40000", history::run, 40_000, has_history),
    row(
        "cold-join",
        |bench, kind, _| cold_join::run(bench, kind),
        0,
        stores_many,
    ),
    row(
        "burst",
        |bench, kind, _| burst::run(bench, kind),
        0,
        everybody,
    ),
    row("start-10000", startup::run, 10_000, stores_many),
    long("start-100000", startup::run, 100_000, ours_or_files),
    row("documents-1000", documents::run, 1_000, has_many),
    long("documents-10000", documents::run, 10_000, has_many_shared),
    long("documents-100000", documents::run, 100_000, ours_or_relay),
    row(
        "reconnect",
        |bench, kind, _| reconnect::run(bench, kind),
        0,
        stores_many_shared,
    ),
    row(
        "kill",
        |bench, kind, _| kill::run(bench, kind),
        0,
        stores_many,
    ),
    row(
        "random-ids",
        |bench, kind, _| random_ids::run(bench, kind),
        0,
        answers_unknown,
    ),
];

const fn row(
    name: &'static str,
    run: fn(&Bench, Kind, usize) -> Result<Figures>,
    argument: usize,
    fits: fn(Kind) -> bool,
) -> Row {
    Row {
        name,
        run,
        argument,
        fits,
        is_long: false,
    }
}

const fn long(
    name: &'static str,
    run: fn(&Bench, Kind, usize) -> Result<Figures>,
    argument: usize,
    fits: fn(Kind) -> bool,
) -> Row {
    Row {
        is_long: true,
        ..row(name, run, argument, fits)
    }
}

fn everybody(_kind: Kind) -> bool {
    true
}

/// One key may have 64 connections, and all members of the load have one.
fn without_keys(kind: Kind) -> bool {
    kind != Kind::Signed
}

fn has_history(kind: Kind) -> bool {
    !matches!(kind, Kind::RelayYjs | Kind::Signed)
}

fn has_many(kind: Kind) -> bool {
    !kind.has_one_document()
}

/// y-sweet and the relay beside it take a socket per document and side.
fn has_many_shared(kind: Kind) -> bool {
    has_many(kind) && !matches!(kind, Kind::YSweet | Kind::RelayYjs)
}

fn stores_many(kind: Kind) -> bool {
    has_many(kind) && !kind.is_relay()
}

fn stores_many_shared(kind: Kind) -> bool {
    stores_many(kind) && kind != Kind::YSweet
}

fn ours_or_relay(kind: Kind) -> bool {
    matches!(kind, Kind::Ours | Kind::Relay)
}

fn ours_or_files(kind: Kind) -> bool {
    matches!(kind, Kind::Ours | Kind::Samod | Kind::AutomergeRepo)
}

fn answers_unknown(kind: Kind) -> bool {
    matches!(kind, Kind::Ours | Kind::Samod | Kind::AutomergeRepo)
}
