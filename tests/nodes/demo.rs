//! The worked example is loaded through the same code as people's edits, and stays what it is.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use smallwin_tests::{RunningNode, run, temporary_folder, until};

#[test]
fn the_demonstration_holds_the_worked_example_once_also_when_it_is_started_again() {
    let folder = temporary_folder();
    let mut demo = RunningNode::demo(folder.path());
    until("the example is written, and the node says so", || {
        demo.log().contains("/#pair=").then_some(())
    });
    let whole = run(folder.path(), &["export", "--format", "md"]).must();
    for part in ["eerste dagen na een opname", "warme overdracht"] {
        assert!(whole.contains(part), "{part}: {whole}");
    }
    let members = demo.run(&["members", "Thuiskomen"]).must();
    for name in ["Noor Hakvoort", "Teun Berkelaar", "Gerda Tolsma"] {
        assert!(members.contains(name), "{name} takes part: {members}");
    }
    demo.kill();
    demo.start_again();
    assert_eq!(
        run(folder.path(), &["export", "--format", "md"]).must(),
        whole
    );
}
