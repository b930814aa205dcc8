//! The meaningful step is fixed by the facilitator, agreed to by others, and can be checked with nothing but the file.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use std::{fs, path::Path};

use smallwin_tests::{TITLE, Team, run, temporary_folder, until, write};

#[test]
fn a_snapshot_verifies_on_a_machine_that_never_saw_the_circle() {
    let team = Team::meet("inner");
    write(team.noor.data(), "voice", "q1", "Alleen-voor-mij");
    write(team.noor.data(), "step", "effect", "Dit-stond-er-eerst");
    write(
        team.noor.data(),
        "step",
        "effect",
        "Er is altijd iemand die je kent.",
    );
    write(
        team.noor.data(),
        "step",
        "weUsedTo",
        "Wij wachtten op de indicatie.",
    );
    team.until_both_have(&["iemand die je kent", "op de indicatie"]);
    let files = temporary_folder();
    let (first, second) = (
        files.path().join("a.smallwin.json"),
        files.path().join("b.smallwin.json"),
    );
    team.noor
        .run(&[
            "snapshot",
            TITLE,
            "--title",
            "Onze stap",
            "--out",
            text(&first),
        ])
        .must();
    until("the other agrees", || {
        (team
            .anke
            .run(&["cosign", TITLE, "--out", text(&second)])
            .code
            == Some(0))
        .then_some(())
    });

    let stranger = temporary_folder();
    let said = run(stranger.path(), &["verify", text(&first)]).must();
    assert!(
        said.contains("Onze stap") && said.contains("iemand die je kent"),
        "{said}"
    );
    let report: serde_json::Value =
        serde_json::from_str(&run(stranger.path(), &["verify", text(&second), "--json"]).must())
            .unwrap();
    let signers = report["signers"].as_array().expect("it lists who signed");
    assert_eq!(
        signers.len(),
        2,
        "the facilitator and the one who agreed: {report}"
    );

    // N2 and the privacy of drafts: the file holds what was agreed, not how it came about.
    for file in [&first, &second] {
        let bytes = String::from_utf8(fs::read(file).unwrap()).unwrap();
        for hidden in [
            "Alleen-voor-mij",
            "Dit-stond-er-eerst",
            "Noor Hakvoort",
            "Anke Dollekamp",
        ] {
            assert!(
                !holds_in_any_form(&bytes, hidden),
                "{hidden} is in the file"
            );
        }
        assert!(
            holds_in_any_form(&bytes, "iemand die je kent"),
            "what was agreed is in the file"
        );
    }
}

#[test]
fn b1_one_flipped_byte_anywhere_makes_a_snapshot_fail() {
    let team = Team::meet("inner");
    write(
        team.noor.data(),
        "step",
        "effect",
        "Er is altijd iemand die je kent.",
    );
    let files = temporary_folder();
    let file = files.path().join("step.smallwin.json");
    team.noor
        .run(&[
            "snapshot",
            TITLE,
            "--title",
            "Onze stap",
            "--out",
            text(&file),
        ])
        .must();
    let good = fs::read(&file).unwrap();
    let bad = files.path().join("bad.smallwin.json");
    let stranger = temporary_folder();
    let step = (good.len() / 40).max(1);
    for at in (0..good.len()).step_by(step) {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        fs::write(&bad, &bytes).unwrap();
        let message = run(stranger.path(), &["verify", text(&bad)]).refusal();
        assert!(
            message.contains("bad.smallwin.json"),
            "byte {at}: it names the file: {message}"
        );
    }
    fs::write(&bad, &good[..good.len() - 1]).unwrap();
    run(stranger.path(), &["verify", text(&bad)]).refusal();
    run(stranger.path(), &["verify", text(&file)]).must();
}

/// Whether the text stands in the file as it is, or inside a base64url payload, at any of its three alignments.
fn holds_in_any_form(file: &str, words: &str) -> bool {
    use std::iter::repeat_n;
    let encoded = (0..3).map(|shift| {
        let padded: Vec<u8> = repeat_n(b' ', shift).chain(words.bytes()).collect();
        let whole = base64url(&padded);
        // The first letters depend on what stands before, the last on what follows.
        let skip = [0, 2, 3][shift];
        let keep = (padded.len() * 8) / 6;
        whole[skip..keep].to_owned()
    });
    file.contains(words) || encoded.into_iter().any(|form| file.contains(&form))
}

fn base64url(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    bytes
        .chunks(3)
        .flat_map(|chunk| {
            let bits = chunk
                .iter()
                .fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte))
                << (8 * (3 - chunk.len()));
            (0..=chunk.len())
                .map(move |at| char::from(LETTERS[(bits >> (18 - 6 * at)) as usize & 63]))
        })
        .collect()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
