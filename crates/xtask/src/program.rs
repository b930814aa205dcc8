//! Starts programs: one that must succeed, or one whose answer is read.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

/// A program to start: its name, its arguments, where, and with which variables.
#[derive(Debug)]
pub(crate) struct Program {
    command: Command,
    shown: String,
}

impl Program {
    /// Names a program and its arguments, to be started in `directory`.
    pub(crate) fn new(directory: &Path, name: &str, arguments: &[&str]) -> Program {
        let mut command = Command::new(name);
        command.args(arguments).current_dir(directory);
        let shown = std::iter::once(name)
            .chain(arguments.iter().copied())
            .collect::<Vec<_>>()
            .join(" ");
        Program { command, shown }
    }

    /// Names the cargo that runs this task, and its arguments.
    pub(crate) fn cargo(directory: &Path, arguments: &[&str]) -> Program {
        let mut program = Program::new(directory, env!("CARGO"), arguments);
        program.shown = format!("cargo {}", arguments.join(" "));
        program
    }

    /// Sets one environment variable for the program.
    pub(crate) fn with(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Program {
        self.command.env(name, value);
        self
    }

    /// Keeps its standard output off the screen.
    pub(crate) fn quiet(mut self) -> Program {
        self.command.stdout(Stdio::null());
        self
    }

    /// Runs it with its output on the screen; any exit code but zero is an error.
    pub(crate) fn run(mut self) -> Result<()> {
        println!("$ {}", self.shown);
        let status = self
            .command
            .stdin(Stdio::null())
            .status()
            .with_context(|| format!("`{}` could not be started", self.shown))?;
        if !status.success() {
            bail!("`{}` ended with {status}", self.shown);
        }
        Ok(())
    }

    /// Runs it and returns what it wrote to its standard output; any exit code but zero is an error.
    pub(crate) fn read(self) -> Result<String> {
        let (shown, output) = self.output()?;
        String::from_utf8(output.stdout)
            .with_context(|| format!("`{shown}` wrote something that is not UTF-8"))
    }

    /// As [`Program::read`], for a program that reports on its standard error.
    pub(crate) fn read_errors(self) -> Result<String> {
        let (_, output) = self.output()?;
        Ok(String::from_utf8_lossy(&output.stderr).into_owned())
    }

    fn output(mut self) -> Result<(String, std::process::Output)> {
        let output = self
            .command
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("`{}` could not be started", self.shown))?;
        if !output.status.success() {
            let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            bail!("`{}` ended with {}: {why}", self.shown, output.status);
        }
        Ok((self.shown, output))
    }
}
