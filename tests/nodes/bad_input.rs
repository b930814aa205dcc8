//! Bad input on the command line: a clear sentence, a non-zero exit code, nothing changed (B1).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

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
    let deep = "[".repeat(10_000);
    let deep_inside = format!(
        "{{\"payload\":{}{}}}",
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    for bytes in [
        &b"not json"[..],
        b"{}",
        b"[]",
        b"",
        &[0xff, 0xfe],
        deep.as_bytes(),
        deep_inside.as_bytes(),
        br#"{"payload":1e999}"#,
        br#"{"payload":"\ud800","records":[],"signatures":[],"type":"smallwin/snapshot-file@1"}"#,
        br#"{"payload":"","payload":"","records":[],"signatures":[]}"#,
        &[b' '; 100_000],
        &[0; 100_000],
    ] {
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
        "../../etc/passwd",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "http://127.0.0.1:1/#j=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAA",
        "http://127.0.0.1:1/#j=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAA.%zz",
        "http://127.0.0.1:1/#j=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAA.file%3A%2F%2F%2Fetc",
        "http://127.0.0.1:1/#j=\u{202e}\u{0007}",
        &format!("http://127.0.0.1:1/#j={}", "A".repeat(100_000)),
    ] {
        let message = run(folder.path(), &["join", link]).refusal();
        assert!(
            message.to_lowercase().contains("invit"),
            "it says what was expected: {message}"
        );
    }
}

/// A backup is a file that somebody may have sent: what it says must not reach beyond the new data
/// directory, and nothing is made of it unless all of it is in order.
#[test]
fn b1_what_is_no_backup_is_refused_and_nothing_is_made() {
    let here = temporary_folder();
    let outside = here.path().join("outside");
    fs::create_dir(&outside).unwrap();
    let (out, up) = (path(&outside).to_owned(), "../../outside/new");
    let file = b'0';
    let (hard, soft, pipe) = (b'1', b'2', b'6');
    let list = |text: &str| tar(&[("smallwin-backup/backup.json", file, "", text.as_bytes())]);
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let of = |commit: &str| {
        format!(r#"{{"type":"smallwin/backup@1","created":"","commit":{commit},"files":{{}}}}"#)
    };
    let names = |name: &str| {
        let hash = "0".repeat(64);
        format!(
            r#"{{"type":"smallwin/backup@1","created":"","commit":1,"files":{{"{name}":"{hash}"}}}}"#
        )
    };
    let table: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", Vec::new()),
        ("zeros", vec![0; 10_240]),
        ("text", b"not a backup".repeat(100)),
        ("half a header", vec![b'a'; 300]),
        (
            "a link to elsewhere",
            tar(&[("smallwin-backup/store", soft, &out, b"")]),
        ),
        (
            "a link upwards",
            tar(&[("smallwin-backup/store", soft, "../../outside", b"")]),
        ),
        (
            "a link and a file through it",
            tar(&[("x", soft, &out, b""), ("x/new", file, "", b"x")]),
        ),
        (
            "a hard link",
            tar(&[("smallwin-backup/keys", hard, "/etc/hostname", b"")]),
        ),
        ("a pipe", tar(&[("smallwin-backup/pipe", pipe, "", b"")])),
        ("a file upwards", tar(&[(up, file, "", b"x")])),
        (
            "a file at the root",
            tar(&[(&format!("{out}/new"), file, "", b"x")]),
        ),
        (
            "names of devices",
            tar(&[
                ("CON", file, "", b"x"),
                ("smallwin-backup/NUL", file, "", b"x"),
            ]),
        ),
        (
            "no list",
            tar(&[("smallwin-backup/store/journal", file, "", b"x")]),
        ),
        ("an empty list", list("")),
        ("a deep list", list(&deep)),
        ("a commit of 1e999", list(&of("1e999"))),
        ("a commit below zero", list(&of("-1"))),
        ("half a letter", list(r#"{"type":"\ud800"}"#)),
        ("another type", list(&of("1").replace("@1", "@9"))),
        (
            "a file that is not there",
            list(&names("store/journal/00000001.seg")),
        ),
        (
            "a list of files elsewhere",
            list(&names("../../../etc/passwd")),
        ),
    ];
    for (name, bytes) in table {
        let backup = here.path().join("backup.tar");
        fs::write(&backup, bytes).unwrap();
        let data = here.path().join("data");
        let message = run(&data, &["restore", path(&backup)]).refusal();
        assert!(message.contains("backup.tar"), "{name}: {message}");
        assert!(!data.exists(), "{name}: nothing was made");
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0, "{name}");
        // The tar, and the folder it must not reach.
        assert_eq!(fs::read_dir(here.path()).unwrap().count(), 2, "{name}");
    }
}

/// A tar with these entries: name, kind, target of a link, content.
fn tar(entries: &[(&str, u8, &str, &[u8])]) -> Vec<u8> {
    let mut all = Vec::new();
    for (name, kind, target, content) in entries {
        let mut head = [0_u8; 512];
        let mut put = |at: usize, bytes: &[u8]| head[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, name.as_bytes());
        put(100, b"0000600\0");
        put(124, format!("{:011o}\0", content.len()).as_bytes());
        put(136, b"00000000000\0");
        put(148, b"        ");
        put(156, &[*kind]);
        put(157, target.as_bytes());
        put(257, b"ustar\x0000");
        let sum: u32 = head.iter().map(|byte| u32::from(*byte)).sum();
        head[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        all.extend(head);
        all.extend(*content);
        all.resize(all.len().next_multiple_of(512), 0);
    }
    all.extend([0; 1024]);
    all
}

fn path(file: &Path) -> &str {
    file.to_str().unwrap()
}
