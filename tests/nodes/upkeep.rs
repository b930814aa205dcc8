//! Backup, restore, doctor and repair, with the program as people run it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use std::fs;
use std::path::Path;

use smallwin_tests::{Done, TITLE, Team, run, shared_texts, temporary_folder, until, write};

#[test]
fn a_backup_of_a_running_node_is_restored_whole() {
    let team = Team::meet("inner");
    write(team.noor.data(), "checkin", "q1", "Dat er iemand is.");
    team.until_both_have(&["iemand is"]);
    let here = temporary_folder();
    for name in ["folder", "file.tar"] {
        let backup = here.path().join(name);
        let backup = backup.to_str().unwrap();
        team.noor.run(&["backup", backup]).must();
        let again = team.noor.run(&["backup", backup]).refusal();
        assert!(again.contains("exists already"), "{again}");
        let restored = here.path().join(format!("{name}-restored"));
        run(&restored, &["restore", backup]).must();
        assert_eq!(shared_texts(&restored), shared_texts(team.noor.data()));
        assert!(run(&restored, &["doctor"]).must().contains("in order"));
        let taken = run(&restored, &["restore", backup]).refusal();
        assert!(taken.contains("holds data already"), "{taken}");
    }
}

#[test]
fn a_damaged_backup_is_refused_by_the_name_of_the_file() {
    let data = temporary_folder();
    run(data.path(), &["new", TITLE, "--name", "Noor"]).must();
    let here = temporary_folder();
    let backup = here.path().join("backup");
    run(data.path(), &["backup", backup.to_str().unwrap()]).must();
    let segment = backup.join("store/journal/00000001.seg");
    let mut bytes = fs::read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let restored = here.path().join("restored");
    let refused = run(&restored, &["restore", backup.to_str().unwrap()]).refusal();
    assert!(refused.contains("00000001.seg"), "{refused}");
    assert!(!restored.exists(), "nothing was made");
}

/// K2, C1: what a restored log lacks was signed all the same, and its numbers must not be used again.
#[test]
fn c1_a_restored_node_signs_nothing_before_it_met_another_device() {
    let mut team = Team::meet("inner");
    write(team.anke.data(), "checkin", "q1", "Iemand die luistert.");
    team.until_both_have(&["luistert"]);
    let here = temporary_folder();
    let backup = here.path().join("backup");
    let backup = backup.to_str().unwrap();
    team.noor.run(&["backup", backup]).must();
    // Noor signs more, and Anke has that.
    snapshot(team.noor.data()).must();
    let signed = until("the snapshot reached Anke", || {
        let signed = records(team.anke.data());
        (signed == records(team.noor.data())).then_some(signed)
    });
    team.noor.kill();
    fs::remove_dir_all(team.noor.data()).unwrap();
    let restored = run(team.noor.data(), &["restore", backup]).must();
    assert!(restored.contains("let it connect"), "{restored}");
    assert!(records(team.noor.data()) < signed, "the backup is older");

    let refused = snapshot(team.noor.data()).refusal();
    assert!(refused.contains("met another device"), "{refused}");
    let refused = run(team.noor.data(), &["invite", TITLE]).refusal();
    assert!(refused.contains("met another device"), "{refused}");
    let status = run(team.noor.data(), &["status"]).must();
    assert!(status.contains("sign nothing"), "{status}");
    // Words need no such care.
    write(team.noor.data(), "checkin", "q2", "Na het herstel.");

    team.noor.start_again();
    team.until_both_have(&["Na het herstel"]);
    until("Noor may sign again", || {
        let status = team.noor.run(&["status"]).must();
        (!status.contains("sign nothing")).then_some(())
    });
    snapshot(team.noor.data()).must();
    until("Anke has the new snapshot", || {
        let there = records(team.anke.data());
        (there > signed && there == records(team.noor.data())).then_some(())
    });
    let members = run(team.anke.data(), &["members", TITLE]).must();
    assert!(members.contains("facilitator"), "nobody froze: {members}");
    assert!(!team.noor.data().join("restored").exists());
}

/// Who has no other device waits for nobody.
#[test]
fn a_restored_node_that_is_alone_signs_at_once() {
    let data = temporary_folder();
    run(data.path(), &["new", TITLE, "--name", "Noor"]).must();
    let here = temporary_folder();
    let backup = here.path().join("backup");
    run(data.path(), &["backup", backup.to_str().unwrap()]).must();
    let restored = here.path().join("restored");
    run(&restored, &["restore", backup.to_str().unwrap()]).must();
    snapshot(&restored).must();
    assert!(!restored.join("restored").exists());
}

/// Signs a record, as every other command that does.
fn snapshot(data: &Path) -> Done {
    run(data, &["snapshot", TITLE, "--title", "Een stap"])
}

/// How many records the log of the Small Win holds.
fn records(data: &Path) -> u64 {
    let report = run(data, &["doctor", "--json"]).must();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    report["records"].as_u64().unwrap()
}

/// B1, and the promise of `doctor --repair`: what damage took, the others send again.
#[test]
fn b1_what_a_repair_left_out_comes_back_from_the_other_node() {
    let mut team = Team::meet("inner");
    for (text, words) in [
        ("q1", "Een naaste."),
        ("q2", "Een buur."),
        ("q3", "Een vriend."),
    ] {
        write(team.anke.data(), "checkin", text, words);
    }
    let before = team.until_both_have(&["naaste", "buur", "vriend"]);
    team.noor.kill();
    let journal = team.noor.data().join("store/journal");
    let segment = fs::read_dir(&journal)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let mut bytes = fs::read(&segment).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    bytes[end * 6 / 10..end * 7 / 10].fill(0x55);
    fs::write(&segment, bytes).unwrap();

    let found = run(team.noor.data(), &["doctor"]).refusal();
    assert!(found.contains("--repair"), "{found}");
    let report = run(team.noor.data(), &["doctor", "--repair"]).must();
    assert!(report.contains("are lost"), "{report}");
    assert!(report.contains("Repaired"), "{report}");
    team.noor.start_again();
    assert_eq!(team.until_equal(), before);
    team.noor.kill();
    run(team.noor.data(), &["doctor"]).must();
}
