//! Counts instructions: valgrind runs this program with one phase each.

use std::path::PathBuf;
use std::process::Command;

use super::phase::Phase;
use super::traffic;

/// Where valgrind is, if it is.
pub(crate) fn valgrind() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join("valgrind"))
        .find(|file| file.is_file())
}

/// Instructions of every phase over these changes, without those of the program itself.
pub(crate) fn all(changes: &[Vec<u8>]) -> Option<Vec<f64>> {
    let valgrind = valgrind()?;
    let name = format!("gate_cost-{}", std::process::id());
    let file = std::env::temp_dir().join(name);
    traffic::write(&file, changes);
    let one = |phase: Phase| {
        let output = Command::new(&valgrind)
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(std::env::current_exe().unwrap())
            .arg("count")
            .arg(&file)
            .arg(phase.name())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let counted = said
            .lines()
            .find_map(|line| line.split_once("Collected : "));
        let number = counted.and_then(|(_, number)| number.trim().parse::<f64>().ok());
        number.unwrap_or_else(|| panic!("valgrind counted nothing: {said}"))
    };
    let nothing = one(Phase::Nothing);
    let counts = Phase::ALL.map(|phase| one(phase) - nothing);
    std::fs::remove_file(&file).unwrap();
    Some(counts.to_vec())
}
