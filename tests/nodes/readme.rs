//! The commands that the README gives exist, and each shows how it is used.

use smallwin_tests::{run, temporary_folder};

#[test]
fn every_command_of_the_readme_exists_and_shows_an_example() {
    let readme = include_str!("../../README.md");
    let mut commands: Vec<&str> = readme
        .split('`')
        .filter_map(|code| code.strip_prefix("smallwin "))
        .filter_map(|rest| rest.split_whitespace().next())
        .collect();
    commands.sort_unstable();
    commands.dedup();
    assert!(
        commands.len() > 10,
        "the README lists the commands: {commands:?}"
    );
    let folder = temporary_folder();
    for command in commands {
        let help = run(folder.path(), &[command, "--help"]).must();
        assert!(
            help.contains("Usage:") && help.contains("Example"),
            "{command}: {help}"
        );
    }
}
