//! Runs the stages of a task one by one and says how long each took.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// The stages of one task, in the order they ran.
#[derive(Debug, Default)]
pub(crate) struct Stages {
    done: Vec<(String, Duration)>,
}

impl Stages {
    /// Runs one stage; a failure carries the stage's name, and lists what had passed before.
    pub(crate) fn run(&mut self, name: &str, stage: impl FnOnce() -> Result<()>) -> Result<()> {
        println!("\n== {name}");
        let begin = now();
        let outcome = stage();
        let took = begin.elapsed();
        match outcome {
            Ok(()) => {
                println!("== {name}: passed in {}", seconds(took));
                self.done.push((name.to_owned(), took));
                Ok(())
            }
            Err(error) => {
                println!("== {name}: FAILED after {}", seconds(took));
                self.summary();
                Err(error).with_context(|| format!("stage `{name}` failed"))
            }
        }
    }

    /// Prints each stage that passed, with its time, and the sum.
    pub(crate) fn summary(&self) {
        println!("\nStages passed:");
        for (name, took) in &self.done {
            println!("  {:>8}  {name}", seconds(*took));
        }
        let sum = self.done.iter().map(|(_, took)| *took).sum();
        println!("  {:>8}  in all", seconds(sum));
    }
}

#[allow(clippy::disallowed_methods, reason = "the tasks measure themselves")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

fn seconds(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::bail;

    #[test]
    fn a_failure_names_its_stage_and_keeps_its_cause() {
        let mut stages = Stages::default();
        assert!(stages.run("first", || Ok(())).is_ok());
        let failure = stages.run("second", || bail!("the disk is full"));
        let text = failure.map_err(|error| format!("{error:#}"));
        assert_eq!(
            text,
            Err("stage `second` failed: the disk is full".to_owned())
        );
        assert_eq!(stages.done.len(), 1);
    }
}
