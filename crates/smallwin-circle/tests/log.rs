//! The rules of the log, one by one.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test may panic"
)]

mod support;

use smallwin_circle::limits::{DEPS_MAX, PENDING_MAX};
use smallwin_circle::{
    Action, Body, CircleId, DocumentRef, Inserted, Log, LogError, Record, RecordId, Refusal, Role,
    Verdict, may,
};
use support::*;

fn refusal(log: &Log, n: u8, action: Action, document: &DocumentRef) -> Option<Refusal> {
    may(log.state(), &key(n).public(), action, document).err()
}

#[test]
fn a_genesis_begins_a_circle_and_only_a_genesis() {
    let genesis = genesis(1);
    let log = Log::new(genesis.clone()).unwrap();
    assert_eq!(log.circle(), CircleId::of(genesis.id()));
    assert_eq!(log.state().role_of(&person(0)), Some(Role::Facilitator));
    let other = record(&log, 0, invite(1, Role::Inner));
    assert_eq!(Log::new(other).unwrap_err(), LogError::NotGenesis);
}

#[test]
fn a_join_gives_the_role_of_its_invite_once() {
    let mut log = small_circle();
    assert_eq!(log.state().role_of(&person(3)), Some(Role::Outer));
    let used = log
        .state()
        .invites()
        .find(|invite| invite.role == Role::Outer)
        .unwrap()
        .record;
    let again = join(&log, 4, 1, used, 3);
    let id = again.id();
    log.insert(again).unwrap();
    assert_eq!(log.verdict(&id), Verdict::Void("the invite was used"));
    assert_eq!(log.state().role_of(&person(4)), None);
    let people: Vec<_> = log.state().members().map(|member| member.person).collect();
    assert_eq!(people, [0, 1, 2, 3].map(person));
}

#[test]
fn b1_an_unaccepted_or_wrongly_accepted_join_changes_nothing() {
    let mut log = small_circle();
    let id = say(&mut log, 0, invite(9, Role::Inner));
    let before = log.state().clone();
    let open = open_join(&log, 4, id, 9);
    assert!(open.is_open_join());
    assert_eq!(log.insert(open.clone()).unwrap_err(), LogError::NotAccepted);
    let by_stranger = open.clone().countersign(&key(5)).unwrap();
    assert_eq!(log.insert(by_stranger).unwrap_err(), LogError::Stranger);
    assert_eq!((log.state(), log.heads()), (&before, vec![id]));
    // The same payload, accepted properly, is not hindered by what came before.
    log.insert(open.countersign(&key(1)).unwrap()).unwrap();
    assert_eq!(log.state().role_of(&person(4)), Some(Role::Inner));
}

#[test]
fn one_join_accepted_by_two_devices_is_one_record() {
    let mut log = small_circle();
    let id = say(&mut log, 0, invite(9, Role::Inner));
    let open = open_join(&log, 4, id, 9);
    let (one, two) = (
        open.clone().countersign(&key(1)).unwrap(),
        open.countersign(&key(2)).unwrap(),
    );
    assert_eq!(one.id(), two.id());
    let mut other = log.clone();
    log.insert(one).unwrap();
    other.insert(two.clone()).unwrap();
    assert_eq!(log.state(), other.state());
    assert_eq!(log.insert(two).unwrap(), Inserted::Known);
}

#[test]
fn concurrent_joins_of_one_invite_are_contested_until_a_new_word() {
    let mut log = small_circle();
    let id = say(&mut log, 0, invite(9, Role::Inner));
    let (one, two) = (join(&log, 4, 1, id, 9), join(&log, 5, 2, id, 9));
    let (first, second) = (one.id(), two.id());
    log.insert(one).unwrap();
    assert_eq!(log.state().role_of(&person(4)), Some(Role::Inner));
    log.insert(two).unwrap();
    for (id, n) in [(first, 4), (second, 5)] {
        assert_eq!(log.verdict(&id), Verdict::Contested);
        let member = log.state().member(&person(n)).unwrap();
        assert!(member.contested && member.role.is_none());
        assert_eq!(
            refusal(&log, n, Action::Read, &DocumentRef::case()),
            Some(Refusal::NotMember)
        );
    }
    // A facilitator's grant, made in the knowledge of both, decides.
    say(
        &mut log,
        0,
        Body::Grant {
            person: person(5),
            role: Role::Inner,
        },
    );
    assert_eq!(log.state().role_of(&person(5)), Some(Role::Inner));
    assert_eq!(log.state().role_of(&person(4)), None);
    // A new invite does too.
    let id = say(&mut log, 0, invite(10, Role::Outer));
    log.insert(join(&log, 4, 1, id, 10)).unwrap();
    assert_eq!(log.state().role_of(&person(4)), Some(Role::Outer));
}

#[test]
fn who_asks_twice_to_join_is_one_member_and_no_equivocator() {
    let mut log = small_circle();
    let id = say(&mut log, 0, invite(9, Role::Inner));
    let first = join(&log, 4, 1, id, 9);
    // The answer got lost; meanwhile the log went on, and another device accepts.
    let mut apart = log.clone();
    say(&mut apart, 2, share(2));
    let second = join(&apart, 4, 2, id, 9);
    assert_ne!(first.id(), second.id());
    apart.insert(second.clone()).unwrap();
    say(&mut apart, 4, share(4));
    log.insert(first.clone()).unwrap();
    for record in apart.not_in(&log.ids().collect()) {
        log.insert(record.clone()).unwrap();
    }
    for id in [first.id(), second.id()] {
        assert_eq!(log.verdict(&id), Verdict::Valid);
    }
    assert_eq!(log.state().role_of(&person(4)), Some(Role::Inner));
    assert!(log.state().is_shared(&DocumentRef::voice(&person(4))));
}

#[test]
fn of_concurrent_grants_the_lowest_counts_and_a_later_one_replaces_it() {
    let mut log = small_circle();
    say(
        &mut log,
        0,
        Body::Grant {
            person: person(1),
            role: Role::Facilitator,
        },
    );
    let mut apart = log.clone();
    let up = record(
        &log,
        0,
        Body::Grant {
            person: person(3),
            role: Role::Owner,
        },
    );
    let less = record(
        &apart,
        1,
        Body::Grant {
            person: person(3),
            role: Role::Inner,
        },
    );
    apart.insert(less.clone()).unwrap();
    log.insert(up).unwrap();
    assert_eq!(log.state().role_of(&person(3)), Some(Role::Owner));
    log.insert(less).unwrap();
    assert_eq!(log.state().role_of(&person(3)), Some(Role::Inner));
    say(
        &mut log,
        1,
        Body::Grant {
            person: person(3),
            role: Role::Owner,
        },
    );
    assert_eq!(log.state().role_of(&person(3)), Some(Role::Owner));
}

#[test]
fn a_grant_raises_a_role_and_lowers_none() {
    let mut log = small_circle();
    say(
        &mut log,
        0,
        Body::Grant {
            person: person(1),
            role: Role::Facilitator,
        },
    );
    for (author, target, role) in [
        (0, 1, Role::Outer),
        (1, 0, Role::Inner),
        (1, 1, Role::Inner),
        (0, 2, Role::Inner),
    ] {
        let id = say(
            &mut log,
            author,
            Body::Grant {
                person: person(target),
                role,
            },
        );
        assert_eq!(
            log.verdict(&id),
            Verdict::Void("the person has that role or a higher one")
        );
    }
    let id = say(
        &mut log,
        0,
        Body::Grant {
            person: person(6),
            role: Role::Inner,
        },
    );
    assert_eq!(
        log.verdict(&id),
        Verdict::Void("the person does not take part")
    );
    assert_eq!(log.state().role_of(&person(1)), Some(Role::Facilitator));
}

#[test]
fn a_linked_device_acts_for_its_person() {
    let mut log = small_circle();
    let id = say(&mut log, 1, link(1, 4));
    assert_eq!(log.verdict(&id), Verdict::Valid);
    assert_eq!(log.state().person_of(&key(4).public()), Some(person(1)));
    assert_eq!(
        log.state().member(&person(1)).unwrap().devices,
        [key(1).public(), key(4).public()]
    );
    assert_eq!(
        refusal(&log, 4, Action::Write, &DocumentRef::draft(&person(1))),
        None
    );
    // A device has one person.
    let id = say(&mut log, 2, link(2, 4));
    assert_eq!(
        log.verdict(&id),
        Verdict::Void("the device takes part already")
    );
    // Consent is bound to both keys.
    let Body::Link {
        consent, sealing, ..
    } = link(1, 5)
    else {
        unreachable!()
    };
    let id = say(
        &mut log,
        2,
        Body::Link {
            device: key(5).public(),
            consent,
            sealing,
        },
    );
    assert_eq!(
        log.verdict(&id),
        Verdict::Void("the device's consent does not fit")
    );
}

#[test]
fn p1_zones_decide_who_writes_and_reads() {
    let mut log = small_circle();
    let report = DocumentRef::report("first-talk");
    assert_eq!(
        refusal(&log, 0, Action::Read, &report),
        Some(Refusal::UnknownDocument)
    );
    say(
        &mut log,
        3,
        Body::Doc {
            document: report.clone(),
        },
    );
    let (facilitator, inner, outer, stranger) = (0, 1, 3, 6);
    for (document, writers) in [
        (DocumentRef::case(), vec![facilitator, inner]),
        (DocumentRef::step(), vec![facilitator, inner]),
        (DocumentRef::check_in(1), vec![facilitator, inner, outer]),
        (report, vec![facilitator, inner, outer]),
    ] {
        for n in [facilitator, inner, outer] {
            let expected = (!writers.contains(&n)).then_some(Refusal::NotWriter);
            assert_eq!(
                refusal(&log, n, Action::Write, &document),
                expected,
                "{document:?} {n}"
            );
            assert_eq!(refusal(&log, n, Action::Read, &document), None);
        }
        for action in [Action::Read, Action::Write] {
            assert_eq!(
                refusal(&log, stranger, action, &document),
                Some(Refusal::NotMember)
            );
        }
    }
}

#[test]
fn v1_a_draft_and_a_voice_are_private_until_shared() {
    let mut log = small_circle();
    let (draft, voice) = (
        DocumentRef::draft(&person(3)),
        DocumentRef::voice(&person(3)),
    );
    for document in [&draft, &voice] {
        assert_eq!(
            refusal(&log, 0, Action::Read, document),
            Some(Refusal::NotReader)
        );
        assert_eq!(
            refusal(&log, 0, Action::Write, document),
            Some(Refusal::NotWriter)
        );
        assert_eq!(refusal(&log, 3, Action::Read, document), None);
    }
    assert_eq!(refusal(&log, 3, Action::Write, &draft), None);
    assert_eq!(
        refusal(&log, 3, Action::Write, &voice),
        Some(Refusal::NotWriter)
    );
    // Nobody shares another's draft.
    let id = say(&mut log, 0, share(3));
    assert_eq!(
        log.verdict(&id),
        Verdict::Void("the draft is not its author's")
    );
    say(&mut log, 3, share(3));
    assert_eq!(
        refusal(&log, 3, Action::Write, &draft),
        Some(Refusal::Shared)
    );
    assert_eq!(refusal(&log, 3, Action::Write, &voice), None);
    assert_eq!(refusal(&log, 0, Action::Read, &voice), None);
    assert_eq!(
        refusal(&log, 0, Action::Write, &voice),
        Some(Refusal::NotWriter)
    );
    assert_eq!(
        refusal(&log, 0, Action::Read, &draft),
        Some(Refusal::NotReader)
    );
    assert_eq!(log.state().shares().len(), 1);
}

#[test]
fn documents_with_known_keys_need_no_announcement() {
    let mut log = small_circle();
    let count = |log: &Log| log.state().documents().len();
    // Case, step, one check-in, and a draft and a voice of four people.
    assert_eq!(count(&log), 3 + 2 * 4);
    let id = say(
        &mut log,
        1,
        Body::Doc {
            document: DocumentRef::draft(&person(1)),
        },
    );
    assert_eq!(
        log.verdict(&id),
        Verdict::Void("such a document is not announced")
    );
    say(
        &mut log,
        1,
        Body::Doc {
            document: DocumentRef::check_in(2),
        },
    );
    assert_eq!(count(&log), 4 + 4 * 4);
    let draft = DocumentRef::draft_of(2, &person(3));
    assert_eq!(log.state().document(&draft.id(&log.circle())), Some(&draft));
    assert!(log.state().documents_by_id().is_sorted());
}

#[test]
fn c1_an_equivocating_device_is_frozen_from_there_on() {
    let mut log = small_circle();
    let kept = say(
        &mut log,
        1,
        Body::Doc {
            document: DocumentRef::report("kept"),
        },
    );
    let mut apart = log.clone();
    let one = say(
        &mut log,
        1,
        Body::Doc {
            document: DocumentRef::report("one"),
        },
    );
    let two = say(
        &mut apart,
        1,
        Body::Doc {
            document: DocumentRef::report("two"),
        },
    );
    let after = say(
        &mut log,
        1,
        Body::Doc {
            document: DocumentRef::report("after"),
        },
    );
    assert_eq!(log.verdict(&one), Verdict::Valid);
    for record in apart.not_in(&log.ids().collect()) {
        log.insert(record.clone()).unwrap();
    }
    for id in [one, two, after] {
        assert_eq!(
            log.verdict(&id),
            Verdict::Void("its author made two records under one number")
        );
        assert!(log.get(&id).is_some(), "both are kept as proof");
    }
    assert_eq!(log.verdict(&kept), Verdict::Valid);
    assert!(log.state().has_document(&DocumentRef::report("kept")));
    assert!(!log.state().has_document(&DocumentRef::report("one")));
    // Its person stays: the join came before.
    assert_eq!(log.state().role_of(&person(1)), Some(Role::Inner));
    let late = say(
        &mut log,
        1,
        Body::Doc {
            document: DocumentRef::report("late"),
        },
    );
    assert_eq!(
        log.verdict(&late),
        Verdict::Void("its author had made two records under one number")
    );
}

#[test]
fn who_entered_before_the_equivocation_was_seen_stays() {
    let mut log = small_circle();
    let mut apart = log.clone();
    let id = say(&mut log, 0, invite(9, Role::Inner));
    log.insert(join(&log, 4, 1, id, 9)).unwrap();
    let rival = say(
        &mut apart,
        0,
        Body::Statement {
            about: "fork".to_owned(),
            value: 1.into(),
        },
    );
    log.insert(apart.get(&rival).unwrap().clone()).unwrap();
    assert_eq!(log.state().invite(&id), None, "the invite is void now");
    assert_eq!(
        log.state().role_of(&person(4)),
        Some(Role::Inner),
        "the join was judged in its own past"
    );
    let late = join(&log, 5, 1, id, 9);
    let late_id = late.id();
    log.insert(late).unwrap();
    assert_eq!(
        log.verdict(&late_id),
        Verdict::Void("the invite is not valid")
    );
}

#[test]
fn a_record_that_does_not_follow_its_authors_last_is_misplaced() {
    let mut log = small_circle();
    let id = say(
        &mut log,
        1,
        Body::Statement {
            about: "a".to_owned(),
            value: 1.into(),
        },
    );
    let good = payload(
        &log,
        1,
        Body::Statement {
            about: "b".to_owned(),
            value: 1.into(),
        },
    );
    let before = log.state().clone();
    let mut again = good.clone();
    (again.seq, again.prev) = (1, log.get(&id).unwrap().payload().prev);
    let mut skipped = good.clone();
    skipped.seq += 1;
    let mut other = good.clone();
    other.prev = Some(log.circle().genesis());
    let mut doubled = good.clone();
    doubled.deps = vec![log.circle().genesis(), good.deps[0]];
    doubled.deps.sort_unstable();
    for payload in [again, skipped, other, doubled] {
        let record = Record::sign(&payload, &key(1)).unwrap();
        assert!(
            matches!(log.insert(record), Err(LogError::Misplaced(_))),
            "{payload:?}"
        );
    }
    assert_eq!(log.state(), &before);
    assert_eq!(log.heads(), [id]);
}

#[test]
fn strangers_and_other_circles_are_not_kept() {
    let mut log = small_circle();
    let record_of_stranger = record(
        &log,
        6,
        Body::Statement {
            about: "a".to_owned(),
            value: 1.into(),
        },
    );
    assert_eq!(
        log.insert(record_of_stranger).unwrap_err(),
        LogError::Stranger
    );
    let elsewhere = Log::new(genesis(2)).unwrap();
    let foreign = record(&elsewhere, 0, invite(1, Role::Inner));
    assert_eq!(log.insert(foreign).unwrap_err(), LogError::WrongCircle);
    assert_eq!(log.insert(genesis(2)).unwrap_err(), LogError::WrongCircle);
}

#[test]
fn g2_waiting_records_are_bounded_and_the_oldest_leaves() {
    let mut log = small_circle();
    let mut ahead = log.clone();
    let first = say(
        &mut ahead,
        1,
        Body::Statement {
            about: "first".to_owned(),
            value: 1.into(),
        },
    );
    let mut late = Vec::new();
    for n in 0..PENDING_MAX as u64 + 20 {
        let id = say(
            &mut ahead,
            1,
            Body::Statement {
                about: "later".to_owned(),
                value: n.into(),
            },
        );
        late.push(ahead.get(&id).unwrap().clone());
    }
    for record in &late {
        assert_eq!(log.insert(record.clone()).unwrap(), Inserted::Pending);
    }
    let (count, bytes) = log.pending();
    assert!(count <= PENDING_MAX && bytes <= smallwin_circle::limits::PENDING_BYTES_MAX);
    // What left comes again, as it does from a peer, and everything falls into place.
    log.insert(ahead.get(&first).unwrap().clone()).unwrap();
    for record in ahead.missing_for(&log.heads()) {
        log.insert(record.clone()).unwrap();
    }
    assert_eq!(log.pending(), (0, 0));
    assert_eq!(log.state(), ahead.state());
}

#[test]
fn many_heads_are_merged_in_several_records() {
    let log = small_circle();
    let mut wide = log.clone();
    let mut author = log.clone();
    let own = say(
        &mut author,
        3,
        Body::Statement {
            about: "own".to_owned(),
            value: 1.into(),
        },
    );
    // Two devices cannot make so many heads honestly, so one equivocates.
    for n in 0..40 {
        let record = record(
            &log,
            1,
            Body::Statement {
                about: "fork".to_owned(),
                value: n.into(),
            },
        );
        wide.insert(record).unwrap();
    }
    wide.insert(author.get(&own).unwrap().clone()).unwrap();
    assert_eq!(wide.heads().len(), 41);
    for _ in 0..4 {
        say(
            &mut wide,
            3,
            Body::Statement {
                about: "merge".to_owned(),
                value: 1.into(),
            },
        );
        let (_, _, deps) = wide.next(&key(3).public());
        assert!(deps.len() <= DEPS_MAX);
    }
    assert!(wide.heads().len() < DEPS_MAX);
}

#[test]
fn peers_find_out_what_the_other_lacks() {
    let mut one = small_circle();
    let mut two = one.clone();
    say(&mut one, 1, share(1));
    say(&mut two, 2, share(2));
    let lacking: Vec<RecordId> = one
        .missing_for(&two.heads())
        .iter()
        .map(|record| record.id())
        .collect();
    assert!(!one.knows_all(&two.heads()) && lacking.contains(&one.heads()[0]));
    let ids = two.ids().collect();
    let missing: Vec<Record> = one.not_in(&ids).into_iter().cloned().collect();
    assert_eq!(missing.len(), 1);
    for record in missing {
        two.insert(record).unwrap();
    }
    assert_eq!(two.heads().len(), 2);
    assert!(two.knows_all(&one.heads()));
}

#[test]
fn a_long_log_takes_a_record_without_going_through_the_rest() {
    // Two devices that never meet make 2 × 1,000 records; a third hears them by turns.
    let mut one = small_circle();
    let mut two = one.clone();
    let mut third = one.clone();
    for n in 0..1_000_u64 {
        say(
            &mut one,
            1,
            Body::Statement {
                about: "one".to_owned(),
                value: n.into(),
            },
        );
        say(
            &mut two,
            2,
            Body::Statement {
                about: "two".to_owned(),
                value: n.into(),
            },
        );
    }
    let (ones, twos) = (
        one.missing_for(&third.heads()),
        two.missing_for(&third.heads()),
    );
    for (a, b) in ones.iter().zip(&twos) {
        third.insert((*a).clone()).unwrap();
        third.insert((*b).clone()).unwrap();
    }
    assert_eq!(third.state().statements().len(), 2_000);
    assert_eq!(third.heads().len(), 2);
}
