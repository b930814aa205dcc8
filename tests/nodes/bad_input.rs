//! Bad input on the command line: a clear sentence, a non-zero exit code, nothing changed (B1).

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::{fs, net::TcpListener, path::Path};

use smallwin_tests::{RunningNode, bytes_below, run, temporary_folder};

#[test]
fn b1_an_unknown_subcommand_is_refused() {
    let folder = temporary_folder();
    let message = run(folder.path(), &["fly"]).refusal();
    assert!(message.contains("fly"), "{message}");
    assert!(
        message.contains("--help"),
        "it says where help is: {message}"
    );
    assert_eq!(bytes_below(folder.path()).len(), 0, "nothing was made");
}

#[test]
fn b1_an_unreadable_configuration_is_refused() {
    let folder = temporary_folder();
    let file = folder.path().join("config.toml");
    for (text, named) in [
        ("listen = ", "config.toml"),
        ("colour = \"red\"\n", "colour"),
        ("listen = \"here\"\n", "line 1"),
    ] {
        fs::write(&file, text).unwrap();
        let message = run(folder.path(), &["serve", "--no-browser"]).refusal();
        assert!(message.contains(named), "it names `{named}`: {message}");
        assert_eq!(
            bytes_below(folder.path()).len(),
            1,
            "nothing was made beside the file"
        );
    }
}

#[test]
fn b1_an_unknown_variable_is_refused() {
    let folder = temporary_folder();
    let done = smallwin_tests::run_with(
        folder.path(),
        &["serve", "--no-browser"],
        "",
        &[("SMALLWIN_COLOUR", "red")],
    );
    let message = done.refusal();
    assert!(message.contains("SMALLWIN_COLOUR"), "{message}");
}

#[test]
fn b1_a_data_directory_in_use_is_refused_and_the_first_goes_on() {
    let folder = temporary_folder();
    let mut node = RunningNode::start(folder.path());
    let listen = format!("127.0.0.1:{}", smallwin_tests::free_port());
    let message = run(
        folder.path(),
        &["serve", "--no-browser", "--listen", &listen],
    )
    .refusal();
    assert!(
        message.contains(&folder.path().display().to_string()),
        "it names the folder: {message}"
    );
    assert!(node.is_up());
}

#[test]
fn b1_a_port_in_use_is_refused() {
    let folder = temporary_folder();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    let message = run(
        folder.path(),
        &["serve", "--no-browser", "--listen", &listen],
    )
    .refusal();
    assert!(message.contains(&listen), "it names the address: {message}");
}

#[test]
fn b1_what_is_no_snapshot_is_refused() {
    let folder = temporary_folder();
    let missing = run(folder.path(), &["verify", "nowhere.smallwin.json"]).refusal();
    assert!(missing.contains("nowhere.smallwin.json"), "{missing}");
    let file = folder.path().join("other.smallwin.json");
    for bytes in [&b"not json"[..], b"{}", b"[]", b"", &[0xff, 0xfe]] {
        fs::write(&file, bytes).unwrap();
        let message = run(folder.path(), &["verify", path(&file)]).refusal();
        assert!(message.contains("other.smallwin.json"), "{message}");
    }
}

#[test]
fn b1_what_is_no_invitation_is_refused() {
    let folder = temporary_folder();
    for link in [
        "",
        "hello",
        "http://127.0.0.1:1/",
        "http://127.0.0.1:1/#j=a.b.c",
        "http://127.0.0.1:1/#j=",
    ] {
        let message = run(folder.path(), &["join", link]).refusal();
        assert!(
            message.to_lowercase().contains("invit"),
            "it says what was expected: {message}"
        );
    }
}

fn path(file: &Path) -> &str {
    file.to_str().unwrap()
}
