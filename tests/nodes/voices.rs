//! A voice is its person's own until they share it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::path::Path;

use smallwin_tests::{TITLE, Team, bytes_below, run, until, write};

/// V1: an unshared voice leaves its person's devices in no form: nobody else's data directory holds its words.
#[test]
fn v1_an_unshared_voice_is_in_no_other_persons_data_directory() {
    let mut team = Team::meet("outer");
    let secret = "Ik-durf-het-nog-niet-hardop-te-zeggen";
    write(team.anke.data(), "voice", "q1", secret);
    // Something that is meant for all arrives after it on the same connection.
    write(team.anke.data(), "checkin", "q1", "Voor iedereen.");
    team.until_both_have(&["Voor iedereen."]);
    team.noor.kill();
    team.anke.kill();
    assert!(
        holds(team.anke.data(), secret),
        "it is where it was written"
    );
    assert!(!holds(team.noor.data(), secret), "and nowhere else");
    let shown = run(team.noor.data(), &["export", TITLE, "--format", "md"]).must();
    assert!(!shown.contains(secret));

    team.noor.start_again();
    team.anke.start_again();
    team.anke.run(&["share", TITLE]).must();
    until("the shared voice arrives", || {
        run(team.noor.data(), &["show", TITLE, "voices"])
            .must()
            .contains(secret)
            .then_some(())
    });
}

#[test]
fn v1_what_is_shared_carries_nothing_that_was_deleted_before() {
    let mut team = Team::meet("outer");
    write(team.anke.data(), "voice", "q2", "Dit-haal-ik-weer-weg");
    write(team.anke.data(), "voice", "q2", "Dit mag iedereen lezen.");
    team.anke.run(&["share", TITLE]).must();
    until("the shared voice arrives", || {
        run(team.noor.data(), &["show", TITLE, "voices"])
            .must()
            .contains("iedereen lezen.")
            .then_some(())
    });
    team.noor.kill();
    assert!(
        !holds(team.noor.data(), "haal-ik-weer"),
        "a share is a fresh document without history"
    );
}

#[test]
fn an_outer_member_may_not_write_the_step_and_is_told_so() {
    let team = Team::meet("outer");
    let message = run(team.anke.data(), &["write", TITLE, "step", "effect", "Nee"]).refusal();
    assert!(
        message.contains("role"),
        "it says why, and whom to ask: {message}"
    );
    let message = run(team.anke.data(), &["snapshot", TITLE, "--title", "Nee"]).refusal();
    assert!(
        message.to_lowercase().contains("facilitator"),
        "it says who may: {message}"
    );
}

fn holds(data: &Path, words: &str) -> bool {
    bytes_below(data).iter().any(|(_, bytes)| {
        bytes
            .windows(words.len())
            .any(|window| window == words.as_bytes())
    })
}
