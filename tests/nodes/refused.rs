//! A member who may not write, with a client that was patched to write all the same: C3 and B1 at every node.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use smallwin_circle::{DocumentRef, InviteLink, SigningKey};
use smallwin_tests::{PatchedClient, TITLE, Team, device_key, run, shared_texts, write};

/// C3: the frames carry Anke's own good signatures; what counts is that Anke may not write the step.
#[tokio::test]
async fn c3_every_node_refuses_what_an_outer_member_writes_in_the_step() {
    let mut team = Team::meet("outer");
    write(team.noor.data(), "step", "effect", "Er is altijd iemand.");
    let before = team.until_both_have(&["altijd iemand."]);
    let link: InviteLink = team.invite("outer").parse().unwrap();
    for node in [&team.noor, &team.anke] {
        let key: SigningKey = device_key(team.anke.data());
        let mut patched = PatchedClient::dial(&node.authority(), key, link.circle).await;
        let refusal = patched
            .write(&DocumentRef::step(), "effect", "Ingevoegd door Anke. ")
            .await;
        assert_eq!(refusal.reason, "not-writer");
    }
    // What Anke may write still goes through, on the same node, after the refusal.
    write(team.anke.data(), "checkin", "q1", "Dit mag wel.");
    let after = team.until_both_have(&["Dit mag wel."]);
    assert!(!after.contains("Ingevoegd"));
    assert_eq!(
        before.contains("altijd iemand."),
        after.contains("altijd iemand.")
    );
    assert!(!shared_texts(team.noor.data()).contains("Ingevoegd"));
    // The command line asks the running nodes, which keep it aside.
    for data in [team.noor.data(), team.anke.data()] {
        let aside = run(data, &["show", TITLE, "refused"]).must();
        assert!(
            aside.contains("step") && aside.contains("not-writer"),
            "a running node tells what it keeps aside: {aside}"
        );
    }
    team.noor.kill();
    team.anke.kill();
    for data in [team.noor.data(), team.anke.data()] {
        let aside = run(data, &["show", TITLE, "refused"]).must();
        assert!(
            aside.contains("step") && aside.contains("Anke"),
            "it is kept aside, and shown: {aside}"
        );
        assert!(!shared_texts(data).contains("Ingevoegd"));
    }
}
