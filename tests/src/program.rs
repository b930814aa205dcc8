//! Runs commands of the real program to their end.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// How a command ended and what it wrote.
#[derive(Debug, Clone)]
pub struct Done {
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Its standard output.
    pub out: String,
    /// Its standard error.
    pub err: String,
}

impl Done {
    /// The output of a command that had to succeed.
    pub fn must(self) -> String {
        assert_eq!(
            self.code,
            Some(0),
            "the command failed: {}{}",
            self.err,
            self.out
        );
        self.out
    }

    /// The message of a command that had to refuse: one clear text, no panic, no trace, and a non-zero code (B1).
    pub fn refusal(self) -> String {
        let Done { code, out, err } = self;
        assert!(
            code.is_some_and(|code| code != 0),
            "it should have refused, but said: {out}{err}"
        );
        assert!(!err.contains("panicked"), "a refusal is not a panic: {err}");
        assert!(
            !err.contains("stack backtrace"),
            "a refusal shows no trace: {err}"
        );
        assert!(
            err.trim().len() > 20,
            "a refusal says what happened and what to do, not `{err}`"
        );
        err
    }
}

/// Where the program stands: as told by the test command, or in the target folder of this checkout.
#[must_use]
pub fn program() -> PathBuf {
    if let Some(told) = std::env::var_os("SMALLWIN_TEST_PROGRAM") {
        return PathBuf::from(told);
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"),
        PathBuf::from,
    );
    let program = target
        .join("debug")
        .join(format!("smallwin{}", std::env::consts::EXE_SUFFIX));
    assert!(
        program.is_file(),
        "{} is missing: cargo build -p smallwin-cli",
        program.display()
    );
    program
}

/// The program on this data directory, without any SMALLWIN_* variable that the tests themselves were given.
pub(crate) fn command(data: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SMALLWIN_") {
            command.env_remove(name);
        }
    }
    command.env("SMALLWIN_DATA", data).args(arguments);
    command
}

/// Runs one command on this data directory to its end.
#[must_use]
pub fn run(data: &Path, arguments: &[&str]) -> Done {
    run_with(data, arguments, "", &[])
}

/// As [`run`], with text on its standard input and more variables.
#[must_use]
pub fn run_with(data: &Path, arguments: &[&str], input: &str, variables: &[(&str, &str)]) -> Done {
    let mut child = command(data, arguments)
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program can be started");
    // A command that refuses may end before it reads; then the pipe is closed, which is not this test's concern.
    let _ = child
        .stdin
        .take()
        .expect("the input is a pipe")
        .write_all(input.as_bytes());
    let output = child.wait_with_output().expect("a child can be waited for");
    Done {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
