//! The worked example is loaded through the same code as people's edits, and stays what it is.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use smallwin_tests::{RunningNode, run, temporary_folder, until};

#[test]
fn the_demonstration_holds_the_worked_example_once_also_when_it_is_started_again() {
    let folder = temporary_folder();
    let mut demo = RunningNode::demo(folder.path());
    let first = until("the example is written", || {
        let shown = run(folder.path(), &["export", "--format", "md"]).out;
        let parts = ["eerste dagen na een opname", "warme overdracht"];
        parts
            .iter()
            .all(|part| shown.contains(part))
            .then_some(shown)
    });
    let members = demo.run(&["members", "Thuiskomen"]).must();
    for name in ["Noor Hakvoort", "Teun Berkelaar", "Gerda Tolsma"] {
        assert!(members.contains(name), "{name} takes part: {members}");
    }
    until("it is complete", || {
        demo.log().contains("/#pair=").then_some(())
    });
    let whole = run(folder.path(), &["export", "--format", "md"]).must();
    assert!(whole.len() >= first.len());
    demo.kill();
    demo.start_again();
    assert_eq!(
        run(folder.path(), &["export", "--format", "md"]).must(),
        whole
    );
}
