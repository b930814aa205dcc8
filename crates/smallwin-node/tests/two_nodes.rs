//! The main job: two people on two nodes, one check-in, over real sockets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use std::path::Path;
use std::time::Duration;

use smallwin_circle::{CircleId, DocumentRef, Role, SnapshotFile};
use smallwin_node::{Config, Handle, HandleError, Node, Tls, start};

const WITHIN: Duration = Duration::from_secs(30);
const DAY: Duration = Duration::from_secs(86_400);

async fn node(data: &Path) -> Node {
    let mut config = Config::new(data.to_owned());
    config.listen = Some(([127, 0, 0, 1], 0).into());
    start(config).await.unwrap()
}

async fn append(handle: &Handle, circle: CircleId, document: &DocumentRef, name: &str, text: &str) {
    handle
        .write(circle, document, |content| {
            smallwin_model::append(content, name, text)
        })
        .await
        .unwrap()
        .unwrap();
}

async fn read(handle: &Handle, circle: CircleId, document: &DocumentRef, name: &str) -> String {
    let content = handle.document(circle, document).await.unwrap();
    let view = smallwin_model::read(&content, document.kind).unwrap();
    smallwin_model::render_text(&view.texts[name])
}

/// Waits until both nodes show the same text and `done` says that it is the one.
async fn agree(
    a: &Handle,
    b: &Handle,
    circle: CircleId,
    document: &DocumentRef,
    name: &str,
    done: impl Fn(&str) -> bool,
) -> String {
    let deadline = tokio::time::Instant::now() + WITHIN;
    let (mut changes_a, mut changes_b) = (a.changes(), b.changes());
    loop {
        let (left, right) = (
            read(a, circle, document, name).await,
            read(b, circle, document, name).await,
        );
        if left == right && done(&left) {
            return left;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "no agreement: {left:?} and {right:?}"
        );
        let _looked_again_anyway = tokio::time::timeout(Duration::from_millis(200), async {
            tokio::select! {
                _ = changes_a.recv() => {}
                _ = changes_b.recv() => {}
            }
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_people_write_in_one_answer_and_find_it_again() {
    let (data_a, data_b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (node_a, node_b) = (node(data_a.path()).await, node(data_b.path()).await);
    let (noor, samira) = (node_a.handle(), node_b.handle());
    let check_in = DocumentRef::check_in(1);

    let circle = noor.create_circle().await.unwrap();
    noor.set_card(circle, "Noor", None, None).await.unwrap();
    append(&noor, circle, &check_in, "q1", "Iemand die je kent.").await;
    let link = noor.invite(circle, Role::Inner, DAY).await.unwrap();
    assert_eq!(samira.join(&link, WITHIN).await.unwrap(), circle);
    samira.set_card(circle, "Samira", None, None).await.unwrap();

    agree(&noor, &samira, circle, &check_in, "q1", |text| {
        text == "Iemand die je kent."
    })
    .await;
    let (first, second) = tokio::join!(
        async { append(&noor, circle, &check_in, "q1", " Ook in het weekend.").await },
        async { append(&samira, circle, &check_in, "q1", " Vanaf dag een.").await },
    );
    let ((), ()) = (first, second);
    let merged = agree(&noor, &samira, circle, &check_in, "q1", |text| {
        text.contains(" Ook in het weekend.") && text.contains(" Vanaf dag een.")
    })
    .await;

    node_a.shutdown().await.unwrap();
    node_b.shutdown().await.unwrap();
    for data in [data_a.path(), data_b.path()] {
        let again = start(Config::offline(data.to_owned())).await.unwrap();
        assert_eq!(read(&again.handle(), circle, &check_in, "q1").await, merged);
        assert_eq!(
            again
                .handle()
                .log(circle)
                .await
                .unwrap()
                .state()
                .members()
                .count(),
            2
        );
        again.shutdown().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invite_is_good_for_one_person() {
    let data: Vec<_> = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
    let nodes = [
        node(data[0].path()).await,
        node(data[1].path()).await,
        node(data[2].path()).await,
    ];
    let [host, second, third] = [nodes[0].handle(), nodes[1].handle(), nodes[2].handle()];
    let circle = host.create_circle().await.unwrap();
    let link = host.invite(circle, Role::Outer, DAY).await.unwrap();
    second.join(&link, WITHIN).await.unwrap();
    let error = third.join(&link, WITHIN).await.unwrap_err();
    assert!(
        matches!(&error, HandleError::JoinRefused { code } if code == "invite-used"),
        "{error}"
    );
    let mut wrong = host.invite(circle, Role::Outer, DAY).await.unwrap();
    wrong.secret = [7; 16];
    let error = third.join(&wrong, WITHIN).await.unwrap_err();
    assert!(
        matches!(&error, HandleError::JoinRefused { code } if code == "invite-unknown"),
        "{error}"
    );
    let expired = host
        .invite(circle, Role::Outer, Duration::ZERO)
        .await
        .unwrap();
    let error = third.join(&expired, WITHIN).await.unwrap_err();
    assert!(
        matches!(&error, HandleError::JoinRefused { code } if code == "invite-expired"),
        "{error}"
    );
    assert!(
        third.status().await.unwrap().peers.is_empty(),
        "B1: a refused invite leaves no peer behind"
    );
    assert_eq!(host.log(circle).await.unwrap().state().members().count(), 2);
    for node in nodes {
        node.shutdown().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shared_voice_arrives_and_a_private_one_does_not() {
    let (data_a, data_b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (node_a, node_b) = (node(data_a.path()).await, node(data_b.path()).await);
    let (noor, gerda) = (node_a.handle(), node_b.handle());
    let circle = noor.create_circle().await.unwrap();
    let link = noor.invite(circle, Role::Outer, DAY).await.unwrap();
    gerda.join(&link, WITHIN).await.unwrap();
    let draft = gerda.own_answers(circle, 1).await.unwrap();
    append(&gerda, circle, &draft, "q2", "Ik durf niet meer te slapen.").await;
    gerda.share(circle, 1).await.unwrap();
    let voice = gerda.own_answers(circle, 1).await.unwrap();
    assert_ne!(voice, draft);
    agree(&noor, &gerda, circle, &voice, "q2", |text| {
        text == "Ik durf niet meer te slapen."
    })
    .await;
    let theirs = noor
        .document(circle, &draft)
        .await
        .map(|content| content.get_changes(&[]).len());
    assert!(
        !matches!(theirs, Ok(2..)),
        "V1: the draft itself stays with its person"
    );
    node_a.shutdown().await.unwrap();
    node_b.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_is_signed_on_both_sides_and_verifies() {
    let (data_a, data_b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (node_a, node_b) = (node(data_a.path()).await, node(data_b.path()).await);
    let (noor, anke) = (node_a.handle(), node_b.handle());
    let circle = noor.create_circle().await.unwrap();
    append(
        &noor,
        circle,
        &DocumentRef::step(),
        "nowWePractise",
        "We bellen op dag een.",
    )
    .await;
    let link = noor.invite(circle, Role::Inner, DAY).await.unwrap();
    anke.join(&link, WITHIN).await.unwrap();
    let snapshot = noor.snapshot(circle, "Onze stap").await.unwrap();
    let hash = noor.log(circle).await.unwrap().state().snapshots()[0].manifest;
    anke.wait_for("the manifest", WITHIN, move |engine| {
        engine.manifest(hash.as_bytes()).map(|_| ())
    })
    .await
    .unwrap();
    anke.cosign(circle, snapshot).await.unwrap();
    let report =
        SnapshotFile::verify(&anke.snapshot_file(circle, snapshot).await.unwrap()).unwrap();
    assert_eq!(report.title, "Onze stap");
    assert_eq!(report.signers.len(), 2);
    node_a.shutdown().await.unwrap();
    node_b.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_meet_over_tls_with_a_pinned_key() {
    let (data_a, data_b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut config = Config::new(data_a.path().to_owned());
    config.listen = Some(([127, 0, 0, 1], 0).into());
    config.tls = Tls::OwnKey;
    let node_a = start(config).await.unwrap();
    let node_b = node(data_b.path()).await;
    let (host, guest) = (node_a.handle(), node_b.handle());
    let circle = host.create_circle().await.unwrap();
    let link = host.invite(circle, Role::Outer, DAY).await.unwrap();
    assert!(link.hints[0].url.starts_with("wss://"));
    guest.join(&link, WITHIN).await.unwrap();

    let mut other_key = link.clone();
    other_key.hints[0].node_key = Some(guest.node_key());
    let data_c = tempfile::tempdir().unwrap();
    let node_c = node(data_c.path()).await;
    let error = node_c
        .handle()
        .join(&other_key, Duration::from_secs(3))
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            HandleError::Unreachable { .. } | HandleError::Timeout { .. }
        ),
        "{error}"
    );
    for node in [node_a, node_b, node_c] {
        node.shutdown().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_works_through_the_running_node() {
    let data = tempfile::tempdir().unwrap();
    let node = node(data.path()).await;
    let direct = node.handle();
    let before = direct.create_circle().await.unwrap();
    append(&direct, before, &DocumentRef::case(), "title", "Thuiskomen").await;

    let file = smallwin_node::NodeFile::read(data.path()).unwrap();
    let beside = start(Config::beside(
        data.path().to_owned(),
        file.peer().unwrap(),
        None,
    ))
    .await
    .unwrap();
    let command = beside.handle();
    command.attach().await.unwrap();
    assert_eq!(command.circles().await.unwrap(), [before]);
    assert_eq!(
        read(&command, before, &DocumentRef::case(), "title").await,
        "Thuiskomen"
    );

    let after = command.create_circle().await.unwrap();
    append(&command, after, &DocumentRef::case(), "title", "Tweede").await;
    append(
        &command,
        before,
        &DocumentRef::case(),
        "body",
        "Van buiten.",
    )
    .await;
    command.settled(WITHIN).await.unwrap();
    beside.shutdown().await.unwrap();
    assert_eq!(
        read(&direct, after, &DocumentRef::case(), "title").await,
        "Tweede"
    );
    assert_eq!(
        read(&direct, before, &DocumentRef::case(), "body").await,
        "Van buiten."
    );
    node.shutdown().await.unwrap();
}
