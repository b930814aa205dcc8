//! A stock samod client uses a node as its sync server, in the open space.

use smallwin_tests::{RunningNode, SamodClient, temporary_folder};

#[tokio::test]
async fn samod_clients_edit_live_both_ways_and_again_after_a_restart() {
    let folder = temporary_folder();
    let mut node = RunningNode::start_with(folder.path(), &["--interop-open"], &[]);
    let first = SamodClient::dial(&node.authority()).await;
    let second = SamodClient::dial(&node.authority()).await;

    let here = first.create("one").await;
    let there = second.find(&here.id()).await;
    there.until_it_holds("one").await;
    there.append(" two");
    here.until_it_holds("one two").await;
    here.append(" three");
    there.until_it_holds("one two three").await;

    node.kill();
    here.append(" four");
    node.start_again();
    there.until_it_holds("four").await;
    there.append(" five");
    here.until_it_holds("five").await;

    // Somebody who comes later gets it from the node alone.
    first.stop().await;
    second.stop().await;
    node.kill();
    node.start_again();
    let third = SamodClient::dial(&node.authority()).await;
    third
        .find(&here.id())
        .await
        .until_it_holds("one two three four five")
        .await;
}
