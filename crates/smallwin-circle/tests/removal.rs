//! The rules of removal as scenarios, each ending in the same state in every order of delivery.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test may panic"
)]

mod support;

use smallwin_circle::{
    Act, Action, Body, ChangeHash, DocumentRef, Kind, Log, Pin, Record, RecordId, Refusal, Role,
    Verdict, Zone, may, may_act,
};
use support::*;

/// Facilitators 0 and 1, inner 2 and 3, outer 4. All but 4 have a vote.
fn circle() -> Log {
    let mut log = Log::new(genesis(8)).unwrap();
    let roles = [Role::Facilitator, Role::Inner, Role::Inner, Role::Outer];
    for (n, role) in (1..).zip(roles) {
        let id = say(&mut log, 0, invite(n, role));
        log.insert(join(&log, n, 0, id, n)).unwrap();
    }
    for n in [2, 3] {
        let join = join_of(&log, n);
        say(&mut log, 1, Body::Confirm { join });
    }
    log
}

fn join_of(log: &Log, n: u8) -> RecordId {
    let mut records = log.records();
    let is_it = |record: &&Record| {
        record.payload().author == key(n).public()
            && matches!(record.payload().body, Body::Join { .. })
    };
    records.find(is_it).unwrap().id()
}

fn remove(n: u8) -> Body {
    remove_by(n, Vec::new())
}

fn remove_by(n: u8, approvals: Vec<RecordId>) -> Body {
    Body::Revoke {
        person: person(n),
        device: None,
        role: None,
        branches: Vec::new(),
        pins: Vec::new(),
        approvals,
    }
}

/// These people approve, and `to` removes person `n`.
fn vote_out(log: &mut Log, n: u8, voters: &[u8], to: u8) -> RecordId {
    for voter in voters {
        let body = Body::Approve {
            person: person(n),
            role: None,
            device: None,
            to: key(to).public(),
        };
        say(log, *voter, body);
    }
    let approvals = log.approvals(&person(n), None, None, &key(to).public());
    say(log, to, remove_by(n, approvals))
}

/// One log of all of them, after it was seen that the order of delivery does not matter.
fn together(logs: &[&Log]) -> Log {
    let genesis = logs[0].records().next().unwrap().clone();
    let mut all: Vec<Record> = Vec::new();
    for record in logs.iter().flat_map(|log| log.records().skip(1)) {
        if !all.contains(record) {
            all.push(record.clone());
        }
    }
    let log = log_of(&genesis, &all);
    for turn in 0..all.len() {
        all.rotate_left(1);
        let other = if turn % 2 == 0 {
            log_of(&genesis, &all)
        } else {
            log_of(&genesis, all.iter().rev())
        };
        assert_eq!(log.state(), other.state(), "in another order");
    }
    log
}

fn role(log: &Log, n: u8) -> Option<Role> {
    log.state().role_of(&person(n))
}

#[test]
fn r1_two_facilitators_who_remove_one_another_alone_both_stay() {
    let (mut one, mut two) = (circle(), circle());
    let ids = [say(&mut one, 0, remove(1)), say(&mut two, 1, remove(0))];
    let log = together(&[&one, &two]);
    for id in ids {
        let why = "a facilitator is removed by themselves or by a quorum";
        assert_eq!(log.verdict(&id), Verdict::Void(why));
    }
    assert_eq!([0, 1].map(|n| role(&log, n)), [Some(Role::Facilitator); 2]);
}

#[test]
fn r2_two_quorums_that_part_remove_both_and_the_circle_makes_a_new_facilitator_r8() {
    let (mut one, mut two) = (circle(), circle());
    vote_out(&mut one, 1, &[0], 2);
    vote_out(&mut two, 0, &[1], 3);
    let mut log = together(&[&one, &two]);
    assert_eq!([0, 1].map(|n| role(&log, n)), [None, None]);
    assert!(!log.state().has_facilitator());
    let quorum = log.state().quorum(&person(2));
    assert_eq!(quorum.voters, [person(3)]);
    assert!(!quorum.is_possible(), "two are too few to make one of them");
    // An outer member can be made facilitator by the two who are left.
    let approve = Body::Approve {
        person: person(4),
        role: Some(Role::Facilitator),
        device: None,
        to: key(2).public(),
    };
    say(&mut log, 3, approve);
    let facilitator = Some(Role::Facilitator);
    let approvals = log.approvals(&person(4), facilitator, None, &key(2).public());
    let person = person(4);
    say(&mut log, 2, Body::Promote { person, approvals });
    assert!(log.state().has_facilitator());
}

#[test]
fn c2_a_removed_facilitator_cannot_take_revenge_from_the_past_r4() {
    let mut log = circle();
    let before = log.clone();
    vote_out(&mut log, 1, &[0, 2], 3);
    let state = log.state().clone();
    // All that a facilitator can do alone, made as if nothing had happened since.
    for body in [
        remove(2),
        remove(4),
        invite(9, Role::Facilitator),
        Body::Grant {
            person: person(4),
            role: Role::Facilitator,
        },
        Body::Retire {
            document: DocumentRef::case(),
            successor: None,
            reason: None,
        },
        Body::Leave { pins: Vec::new() },
    ] {
        let mut old = before.clone();
        let id = say(&mut old, 1, body);
        let later = together(&[&log, &old]);
        assert!(matches!(later.verdict(&id), Verdict::Void(_)));
        assert_eq!(later.state(), &state);
    }
}

#[test]
fn r4_what_a_removed_facilitator_granted_unseen_falls_with_them() {
    let mut log = circle();
    let mut apart = log.clone();
    vote_out(&mut log, 1, &[0, 2], 3);
    // In another partition they let somebody in, who lets somebody else in.
    let id = say(&mut apart, 1, invite(9, Role::Facilitator));
    apart.insert(join(&apart, 5, 1, id, 9)).unwrap();
    let id = say(&mut apart, 5, invite(10, Role::Inner));
    apart.insert(join(&apart, 6, 5, id, 10)).unwrap();
    say(&mut apart, 5, remove(2));
    assert_eq!(role(&apart, 2), None);
    let all = together(&[&log, &apart]);
    assert_eq!([5, 6].map(|n| role(&all, n)), [None, None]);
    assert_eq!(role(&all, 2), Some(Role::Inner));
    assert_eq!(all.state(), log.state());
}

#[test]
fn r7_of_a_promotion_and_a_lowering_at_once_the_lowest_role_counts() {
    let (mut one, mut two) = (circle(), circle());
    let grant = Body::Grant {
        person: person(2),
        role: Role::Owner,
    };
    say(&mut one, 0, grant);
    let lower = Body::Revoke {
        person: person(2),
        device: None,
        role: Some(Role::Outer),
        branches: Vec::new(),
        pins: Vec::new(),
        approvals: Vec::new(),
    };
    say(&mut two, 1, lower);
    let mut log = together(&[&one, &two]);
    assert_eq!(role(&log, 2), Some(Role::Outer));
    // In the knowledge of both, a word settles it; a removal is for ever.
    let grant = Body::Grant {
        person: person(2),
        role: Role::Inner,
    };
    say(&mut log, 0, grant);
    assert_eq!(role(&log, 2), Some(Role::Inner));
    say(&mut log, 0, remove(2));
    let again = Body::Grant {
        person: person(2),
        role: Role::Inner,
    };
    let id = say(&mut log, 1, again);
    assert_eq!(
        log.verdict(&id),
        Verdict::Void("the person does not take part")
    );
}

#[test]
fn r6_a_removal_chooses_a_branch_and_joins_on_the_other_end() {
    let (mut one, mut two) = (circle(), circle());
    let good = say(&mut one, 1, invite(9, Role::Inner));
    one.insert(join(&one, 5, 1, good, 9)).unwrap();
    // The rival was hidden from the one who joins by it, and from whoever accepted.
    let hidden = say(&mut two, 1, invite(10, Role::Inner));
    two.insert(join(&two, 6, 1, hidden, 10)).unwrap();
    let mut log = together(&[&one, &two]);
    assert_eq!([5, 6].map(|n| role(&log, n)), [Some(Role::Inner); 2]);
    let ends = log.branches(&key(1).public());
    assert_eq!(ends.len(), 2);
    for voter in [2, 3] {
        let body = Body::Approve {
            person: person(1),
            role: None,
            device: None,
            to: key(0).public(),
        };
        say(&mut log, voter, body);
    }
    let body = Body::Revoke {
        person: person(1),
        device: None,
        role: None,
        branches: vec![good],
        pins: Vec::new(),
        approvals: log.approvals(&person(1), None, None, &key(0).public()),
    };
    let id = say(&mut log, 0, body);
    assert_eq!(log.verdict(&id), Verdict::Valid);
    let log = together(&[&log]);
    assert_eq!(role(&log, 5), Some(Role::Inner));
    assert_eq!(role(&log, 6), None);
    assert_eq!(log.verdict(&good), Verdict::Valid);
}

#[test]
fn r10_a_leaked_invite_used_twice_gives_nobody_a_role_until_somebody_confirms_one() {
    let mut log = circle();
    let id = say(&mut log, 0, invite(9, Role::Inner));
    let (mut one, mut two) = (log.clone(), log.clone());
    one.insert(join(&one, 5, 2, id, 9)).unwrap();
    two.insert(join(&two, 6, 3, id, 9)).unwrap();
    let mut log = together(&[&one, &two]);
    assert_eq!([5, 6].map(|n| role(&log, n)), [None, None]);
    let join = join_of(&log, 6);
    say(&mut log, 1, Body::Confirm { join });
    assert_eq!([5, 6].map(|n| role(&log, n)), [None, Some(Role::Inner)]);
    // An offer never gives a role by itself, and one that was taken back lets nobody in.
    let Body::Invite {
        invite: offer,
        role: to,
        expires,
    } = invite(11, Role::Facilitator)
    else {
        unreachable!()
    };
    let id = say(
        &mut log,
        0,
        Body::Offer {
            invite: offer,
            role: to,
            expires,
        },
    );
    let mut taken = log.clone();
    taken.insert(support::join(&taken, 7, 0, id, 11)).unwrap();
    assert!(taken.state().member(&person(7)).unwrap().unconfirmed);
    say(&mut log, 1, Body::Withdraw { record: id });
    let log = together(&[&log, &taken]);
    assert_eq!(role(&log, 7), None);
}

#[test]
fn r8_a_lost_facilitator_is_replaced_by_the_circle_or_it_goes_on_as_a_fork() {
    let mut log = circle();
    let facilitator = Some(Role::Facilitator);
    // Nobody of one device can make themselves facilitator.
    let alone = Body::Promote {
        person: person(2),
        approvals: vec![log.heads()[0]],
    };
    let id = say(&mut log, 2, alone);
    assert_eq!(log.verdict(&id), Verdict::Void("too few agree"));
    for voter in [1, 3] {
        let body = Body::Approve {
            person: person(2),
            role: facilitator,
            device: None,
            to: key(3).public(),
        };
        say(&mut log, voter, body);
    }
    let approvals = log.approvals(&person(2), facilitator, None, &key(3).public());
    let promote = Body::Promote {
        person: person(2),
        approvals,
    };
    say(&mut log, 3, promote.clone());
    assert_eq!(role(&log, 2), facilitator);
    // An approval is spent once the circle decided.
    vote_out(&mut log, 2, &[0, 1], 3);
    let id = say(&mut log, 3, promote);
    assert!(matches!(log.verdict(&id), Verdict::Void(_)));
    // A fork names what it continues; only its founder says so.
    let mut fork = Log::new(genesis(9)).unwrap();
    let (parent, heads) = (log.circle(), log.heads());
    say(&mut fork, 0, Body::Fork { parent, heads });
    assert_eq!(fork.state().parent().unwrap().parent, log.circle());
}

#[test]
fn two_facilitators_offline_in_two_partitions_agree_when_they_meet() {
    let (mut one, mut two) = (circle(), circle());
    say(&mut one, 0, remove(2));
    say(&mut one, 0, invite(9, Role::Inner));
    say(&mut two, 1, remove(3));
    let id = say(&mut two, 1, invite(10, Role::Inner));
    two.insert(join(&two, 5, 1, id, 10)).unwrap();
    say(&mut two, 2, share(2));
    let log = together(&[&one, &two]);
    let roles = [0, 1, 2, 3, 5].map(|n| role(&log, n));
    let (facilitator, inner) = (Some(Role::Facilitator), Some(Role::Inner));
    assert_eq!(roles, [facilitator, facilitator, None, None, inner]);
    assert!(!log.state().is_shared(&DocumentRef::voice(&person(2))));
}

#[test]
fn r3_sock_puppets_of_one_facilitator_have_no_vote() {
    let mut log = circle();
    for n in 5..7 {
        let id = say(&mut log, 1, invite(n + 10, Role::Inner));
        log.insert(join(&log, n, 1, id, n + 10)).unwrap();
    }
    // They cannot vouch for one another, nor their inviter for them.
    for (author, joined) in [(5, 6), (6, 5), (1, 5), (1, 6)] {
        let join = join_of(&log, joined);
        say(&mut log, author, Body::Confirm { join });
    }
    assert!(!log.state().member(&person(5)).unwrap().has_vote());
    let id = say(
        &mut log,
        5,
        Body::Approve {
            person: person(0),
            role: None,
            device: None,
            to: key(1).public(),
        },
    );
    assert_eq!(log.verdict(&id), Verdict::Void("its author has no vote"));
    let id = say(&mut log, 1, remove_by(0, vec![id]));
    assert_eq!(log.verdict(&id), Verdict::Void("too few agree"));
    assert_eq!(role(&log, 0), Some(Role::Facilitator));
    // Somebody else's word is what it takes.
    let join = join_of(&log, 5);
    say(&mut log, 2, Body::Confirm { join });
    assert!(log.state().member(&person(5)).unwrap().has_vote());
}

#[test]
fn r5_two_devices_of_one_person_that_remove_one_another_are_both_out() {
    let mut log = circle();
    say(&mut log, 2, link(2, 6));
    let (mut one, mut two) = (log.clone(), log);
    let by_device = |n: u8| Body::Revoke {
        person: person(2),
        device: Some(key(n).public()),
        role: None,
        branches: Vec::new(),
        pins: Vec::new(),
        approvals: Vec::new(),
    };
    say(&mut one, 2, by_device(6));
    say(&mut two, 6, by_device(2));
    assert_eq!(two.state().person_of(&key(2).public()), None);
    let log = together(&[&one, &two]);
    let state = log.state();
    assert_eq!(
        [2, 6].map(|n| state.role_of_device(&key(n).public())),
        [None, None]
    );
    assert_eq!(state.owner_of(&key(6).public()), Some(person(2)));
    assert!(!state.member(&person(2)).unwrap().has_vote());
}

#[test]
fn r9_pins_keep_what_was_written_and_name_nobody_elses_words() {
    let mut log = circle();
    let (case, head) = (DocumentRef::case(), ChangeHash::from_bytes([5; 32]));
    let id = case.id(&log.circle());
    let (pins, leaver) = (
        vec![Pin {
            document: id,
            heads: vec![head],
        }],
        key(2).public(),
    );
    assert!(log.state().writers(&case).contains(&leaver));
    say(&mut log, 2, Body::Leave { pins });
    let state = log.state();
    assert!(!state.writers(&case).contains(&leaver));
    assert_eq!(state.pins(&id).collect::<Vec<_>>(), [&head]);
    assert!(state.may_have_written(&leaver, &case));
    let voice = DocumentRef::voice(&person(3));
    assert!(!state.may_have_written(&leaver, &voice));
    assert!(!state.may_have_written(&key(6).public(), &case));
    let body = Body::Adopt {
        document: voice,
        heads: vec![head],
    };
    let id = say(&mut log, 1, body);
    assert_eq!(
        log.verdict(&id),
        Verdict::Void("its author may not write the document")
    );
}

/// S9 and the held rights of the workbook: every role against every act and every kind of document.
#[test]
fn every_role_against_every_act() {
    let mut log = circle();
    let owner = Body::Grant {
        person: person(3),
        role: Role::Owner,
    };
    say(&mut log, 0, owner);
    say(
        &mut log,
        0,
        Body::Zone {
            relay: key(6).public(),
            zones: vec![Zone::Core, Zone::Own],
        },
    );
    let acts = |n: u8| -> String {
        let allowed = |act: &Act| may_act(log.state(), &key(n).public(), *act).is_ok();
        Act::ALL
            .iter()
            .map(|act| if allowed(act) { '+' } else { '-' })
            .collect()
    };
    // Invite Grant Remove Withdraw Retire Decide Snapshot Relay | Cosign Commit Vote |
    // Acknowledge Share Announce State Link Leave
    for (n, expected) in [
        (0, "+++++++++++++++++"),
        (3, "--------+++++++++"),
        (2, "--------+++++++++"),
        (4, "-----------++++++"),
        (6, "-----------------"),
        (5, "-----------------"),
    ] {
        assert_eq!(acts(n), expected, "device {n}");
    }
    let asked = |kind: Kind| match kind {
        Kind::Case => DocumentRef::case(),
        Kind::Step => DocumentRef::step(),
        Kind::CheckIn => DocumentRef::check_in(1),
        Kind::Draft => DocumentRef::draft(&person(4)),
        Kind::Voice => DocumentRef::voice(&person(4)),
        Kind::Report => DocumentRef::report("r"),
    };
    let answers = |log: &Log, n: u8, action| -> String {
        let may = |kind| may(log.state(), &key(n).public(), action, &asked(kind)).is_ok();
        Kind::ALL
            .iter()
            .map(|kind| if may(*kind) { '+' } else { '-' })
            .collect()
    };
    let mut shared = log.clone();
    say(
        &mut shared,
        4,
        Body::Doc {
            document: DocumentRef::report("r"),
        },
    );
    say(&mut shared, 4, share(4));
    // case checkin draft voice step report, read and write, after the outer member shared.
    for (n, read, write) in [
        (0, "++-+++", "++--++"),
        (3, "++-+++", "++--++"),
        (2, "++-+++", "++--++"),
        (4, "++++++", "-+-+-+"),
        (6, "+--++-", "------"),
        (5, "------", "------"),
    ] {
        assert_eq!(answers(&shared, n, Action::Read), read, "device {n} reads");
        assert_eq!(
            answers(&shared, n, Action::Write),
            write,
            "device {n} writes"
        );
    }
    // Before that, the draft is the outer member's alone, and the voice nobody's.
    assert_eq!(answers(&log, 4, Action::Write), "-++---");
    assert_eq!(answers(&log, 0, Action::Read), "++--+-");
    // Who was removed may nothing, and a document that was taken away is nobody's.
    say(&mut shared, 0, remove(2));
    assert_eq!(answers(&shared, 2, Action::Read), "------");
    let document = DocumentRef::report("r");
    say(
        &mut shared,
        0,
        Body::Retire {
            document: document.clone(),
            successor: None,
            reason: None,
        },
    );
    let refusal = may(shared.state(), &key(0).public(), Action::Read, &document);
    assert_eq!(refusal, Err(Refusal::Retired));
}
