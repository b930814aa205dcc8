//! Invitations that do not hold: wrong, used, expired. A clear sentence, and nothing changed (B1).

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use smallwin_circle::{Body, InviteLink, Role, SigningKey};
use smallwin_tests::{PatchedClient, TITLE, Team, device_key, run};

#[test]
fn b1_a_used_invitation_is_refused() {
    let mut team = Team::meet("outer");
    let link = team.invite("outer");
    let (third, fourth) = (team.another(), team.another());
    run(&third, &["join", &link, "--name", "Gerda"]).must();
    let message = run(
        &fourth,
        &["join", &link, "--name", "Patrick", "--wait", "20"],
    )
    .refusal();
    assert!(message.contains("used"), "{message}");
    assert!(
        !run(&fourth, &["list", "--json"]).must().contains(TITLE),
        "nothing was kept"
    );
    assert!(
        !team
            .noor
            .run(&["members", TITLE])
            .must()
            .contains("Patrick")
    );
}

#[test]
fn b1_an_invitation_with_a_wrong_secret_is_refused() {
    let mut team = Team::meet("outer");
    let third = team.another();
    let mut link: InviteLink = team.invite("outer").parse().unwrap();
    link.secret = [7; 16];
    let message = run(
        &third,
        &[
            "join",
            &link.to_string(),
            "--name",
            "Patrick",
            "--wait",
            "5",
        ],
    )
    .refusal();
    assert!(message.contains("invit"), "{message}");
    assert!(
        !team
            .noor
            .run(&["members", TITLE])
            .must()
            .contains("Patrick")
    );
}

#[tokio::test]
async fn b1_an_expired_invitation_is_refused() {
    let mut team = Team::meet("outer");
    let third = team.another();
    let mut link: InviteLink = team.invite("outer").parse().unwrap();
    // The command line makes no invitation that is over already: a patched client of the facilitator does.
    link.secret = [8; 16];
    let invite = Body::Invite {
        invite: link.invite_key().public(),
        role: Role::Outer,
        expires: "2020-01-01T00:00:00Z".parse().unwrap(),
    };
    let key: SigningKey = device_key(team.noor.data());
    let mut patched = PatchedClient::dial(&team.noor.authority(), key, link.circle).await;
    patched.say(invite).await;
    let message = run(
        &third,
        &[
            "join",
            &link.to_string(),
            "--name",
            "Patrick",
            "--wait",
            "20",
        ],
    )
    .refusal();
    assert!(message.contains("expired"), "{message}");
    assert!(
        !team
            .noor
            .run(&["members", TITLE])
            .must()
            .contains("Patrick")
    );
}
