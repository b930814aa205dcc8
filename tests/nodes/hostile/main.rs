//! Hostile bytes over a real socket: the node stays up and its other peers go on (G1, G2).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod crafted;
mod http;
mod inputs;
mod member;
mod sockets;

use smallwin_tests::{HandSocket, RunningNode, SamodClient, sync_frame, temporary_folder};

#[tokio::test]
async fn g1_the_two_short_messages_do_nothing_in_the_open_space() {
    let folder = temporary_folder();
    let mut node = RunningNode::start_with(folder.path(), &["--interop-open"], &[]);
    let (here, there) = (
        SamodClient::dial(&node.authority()).await,
        SamodClient::dial(&node.authority()).await,
    );
    let mine = here.create("one").await;
    let theirs = there.find(&mine.id()).await;
    theirs.until_it_holds("one").await;

    for (number, input) in inputs::sync_messages().iter().enumerate() {
        let message = &input.bytes[0];
        let mut bad = HandSocket::open(&node.authority(), "/").await;
        let name = format!("stock-bad-{number}");
        let target = bad.join_open(&name).await;
        // A node may close on the first; then the second is not taken.
        bad.send(&sync_frame(&name, &target, &mine.id(), message))
            .await;
        bad.send(&sync_frame(&name, &target, &mine.id(), message))
            .await;
        mine.append(&format!(" {number}"));
        theirs.until_it_holds(&format!(" {number}")).await;
        assert!(node.is_up(), "{} ended the node", input.name);
    }
    theirs.append(" end");
    mine.until_it_holds(" end").await;
}

#[tokio::test]
async fn g2_a_stranger_that_never_authenticates_costs_nothing_but_its_socket() {
    let folder = temporary_folder();
    let mut node = RunningNode::start_with(folder.path(), &["--interop-open"], &[]);
    let here = SamodClient::dial(&node.authority()).await;
    let there = SamodClient::dial(&node.authority()).await;
    let mine = here.create("one").await;
    let theirs = there.find(&mine.id()).await;

    for (number, input) in inputs::frames().iter().enumerate() {
        let bytes = &input.bytes[0];
        for path in ["/sync", "/"] {
            let mut bad = HandSocket::open(&node.authority(), path).await;
            bad.send(bytes).await;
            bad.send(bytes).await;
            mine.append(&format!(" {number}{path}."));
            theirs.until_it_holds(&format!(" {number}{path}.")).await;
            assert!(node.is_up(), "{} on {path} ended the node", input.name);
        }
    }
    let mut text = HandSocket::open(&node.authority(), "/sync").await;
    text.send_text("{\"type\":\"join\"}").await;
    assert_eq!(text.next().await, None, "a text frame ends a connection");
    assert!(node.is_up());
}
