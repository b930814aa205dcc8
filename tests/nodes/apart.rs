//! Two nodes write while they are cut from each other, or while one of them dies, and meet again.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use smallwin_tests::{TITLE, Team, append, run, shared_texts, until, write};

#[test]
fn nodes_that_were_cut_merge_what_both_wrote_and_keep_it_over_a_restart() {
    let mut team = Team::meet("inner");
    write(
        team.noor.data(),
        "checkin",
        "q1",
        "Dat er altijd iemand is.",
    );
    team.until_both_have(&["altijd iemand"]);

    team.wire.cut();
    append(team.noor.data(), "checkin", "q1", " Ook in het weekend.");
    append(
        team.anke.data(),
        "checkin",
        "q2",
        "De naaste weet wie er belt.",
    );
    append(team.anke.data(), "checkin", "q1", " Vanaf de eerste dag.");
    assert_ne!(
        shared_texts(team.noor.data()),
        shared_texts(team.anke.data()),
        "they are apart"
    );

    team.wire.mend();
    let merged = team.until_both_have(&["weekend.", "eerste dag.", "wie er belt."]);

    team.noor.kill();
    team.anke.kill();
    for data in [team.noor.data(), team.anke.data()] {
        assert_eq!(
            shared_texts(data),
            merged,
            "with no node running the command opens the data itself"
        );
    }
    team.noor.start_again();
    team.anke.start_again();
    assert_eq!(team.until_equal(), merged);
    append(team.anke.data(), "checkin", "q1", " En daarna.");
    team.until_both_have(&["En daarna."]);
}

/// F1: the check-in's first change is the same bytes on both devices, so neither hides the other's text.
#[test]
fn f1_a_check_in_that_both_begin_offline_is_one_check_in_with_both_texts() {
    let team = Team::meet("inner");
    team.wire.cut();
    write(team.noor.data(), "checkin", "q3", "Ja, het is spannend.");
    write(
        team.anke.data(),
        "checkin",
        "q3",
        "Ja, en we worden er blij van.",
    );
    write(team.anke.data(), "checkin", "q4", "In de kliniek nog niet.");
    team.wire.mend();
    team.until_both_have(&["spannend.", "blij van.", "nog niet."]);
}

/// K1: a command that ended well was told that its words are durable; a SIGKILL right after takes nothing back.
#[test]
fn k1_what_a_killed_node_acknowledged_is_still_there() {
    let mut team = Team::meet("inner");
    let mut told = Vec::new();
    for round in 0..5 {
        for word in 0..3 {
            let words = format!("woord-{round}-{word}.");
            append(team.noor.data(), "checkin", "q5", &format!(" {words}"));
            told.push(words);
        }
        team.noor.kill();
        let kept = run(team.noor.data(), &["show", TITLE, "checkin", "--json"]).must();
        for words in &told {
            assert!(
                kept.contains(words),
                "round {round}: {words} was acknowledged and is gone"
            );
        }
        team.noor.start_again();
    }
    let told: Vec<&str> = told.iter().map(String::as_str).collect();
    team.until_both_have(&told);
}

/// The same with writers that are still at it when the node dies: what each was told before counts.
#[test]
fn k1_a_node_that_dies_while_others_write_loses_nothing_it_acknowledged() {
    let mut team = Team::meet("inner");
    let data = team.noor.data().to_path_buf();
    let writer = std::thread::spawn(move || {
        let mut told = Vec::new();
        for number in 0.. {
            let words = format!("zin-{number}.");
            let done = run(
                &data,
                &[
                    "write",
                    TITLE,
                    "checkin",
                    "q6",
                    &format!(" {words}"),
                    "--append",
                ],
            );
            if done.code != Some(0) {
                break;
            }
            told.push(words);
            if told.len() == 30 {
                break;
            }
        }
        told
    });
    until("some of it arrived", || {
        let shown = run(team.anke.data(), &["show", TITLE, "checkin"]);
        shown.out.contains("zin-2.").then_some(())
    });
    team.noor.kill();
    let told = writer.join().unwrap();
    team.noor.start_again();
    let told: Vec<&str> = told.iter().map(String::as_str).collect();
    assert!(told.len() > 2);
    team.until_both_have(&told);
}
