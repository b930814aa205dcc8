//! Which crate may use which, as in the table of `docs/architecture.md`.

use toml::Table;

use super::Files;

/// For each crate: the crates of ours it may use. Arrows point one way; a cycle cannot be written down here.
const ARROWS: &[(&str, &[&str])] = &[
    ("smallwin-model", &["smallwin-circle"]),
    ("smallwin-circle", &[]),
    ("smallwin-gate", &[]),
    ("smallwin-sync", &["smallwin-circle", "smallwin-gate"]),
    ("smallwin-storage", &[]),
    (
        "smallwin-node",
        &[
            "smallwin-model",
            "smallwin-circle",
            "smallwin-gate",
            "smallwin-sync",
            "smallwin-storage",
        ],
    ),
    (
        "smallwin-cli",
        &[
            "smallwin-node",
            "smallwin-model",
            "smallwin-circle",
            "smallwin-storage",
        ],
    ),
    (
        "smallwin-sim",
        &[
            "smallwin-model",
            "smallwin-circle",
            "smallwin-gate",
            "smallwin-sync",
            "smallwin-storage",
        ],
    ),
    (
        "smallwin-bench",
        &[
            "smallwin-model",
            "smallwin-circle",
            "smallwin-gate",
            "smallwin-sync",
            "smallwin-storage",
            "smallwin-node",
            "smallwin-sim",
        ],
    ),
    ("xtask", &[]),
];

/// Libraries that bring a clock, chance, threads or sockets: no pure crate may depend on them.
const IMPURE: &[&str] = &[
    "tokio",
    "rand",
    "getrandom",
    "axum",
    "hyper",
    "tokio-tungstenite",
    "sled",
    "tempfile",
    "futures-util",
];

/// The crates whose logic does no IO.
pub(crate) const PURE: &[&str] = &[
    "smallwin-model",
    "smallwin-circle",
    "smallwin-gate",
    "smallwin-sync",
];

/// Reports each dependency that no arrow allows, and each crate that the table does not know.
pub(crate) fn check(files: &Files) -> Vec<String> {
    let mut findings = Vec::new();
    for (path, text) in files {
        let Some(name) = crate_of_manifest(path) else {
            continue;
        };
        let Some((_, allowed)) = ARROWS.iter().find(|(known, _)| *known == name) else {
            findings.push(format!(
                "{path}: `{name}` is not in the table of arrows in crates/xtask/src/tidy/arrows.rs"
            ));
            continue;
        };
        let manifest = match text.parse::<Table>() {
            Ok(manifest) => manifest,
            Err(error) => {
                findings.push(format!("{path}: is not TOML: {error}"));
                continue;
            }
        };
        for used in dependencies(&manifest) {
            let ours = used.starts_with("smallwin-") || used == "xtask";
            if ours && !allowed.contains(&used.as_str()) {
                findings.push(format!("{path}: `{name}` may not use `{used}`"));
            }
            if PURE.contains(&name) && IMPURE.contains(&used.as_str()) {
                findings.push(format!(
                    "{path}: `{name}` does no IO and may not use `{used}`"
                ));
            }
        }
    }
    findings
}

fn crate_of_manifest(path: &str) -> Option<&str> {
    let name = path.strip_prefix("crates/")?.strip_suffix("/Cargo.toml")?;
    (!name.contains('/')).then_some(name)
}

/// The names under `[dependencies]` and `[build-dependencies]`, also those of one target.
/// What only tests use is free: it ships nowhere.
fn dependencies(manifest: &Table) -> Vec<String> {
    let mut tables = vec![manifest];
    if let Some(targets) = manifest
        .get("target")
        .and_then(|targets| targets.as_table())
    {
        tables.extend(targets.values().filter_map(|target| target.as_table()));
    }
    let mut names = Vec::new();
    for table in tables {
        for section in ["dependencies", "build-dependencies"] {
            if let Some(section) = table.get(section).and_then(|section| section.as_table()) {
                names.extend(section.keys().cloned());
            }
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::files_of;

    fn of(manifest: &str, text: &str) -> Vec<String> {
        check(&files_of(&[(manifest, text)]))
    }

    #[test]
    fn an_arrow_against_the_table_is_found() {
        let found = of(
            "crates/smallwin-sync/Cargo.toml",
            "[dependencies]\nsmallwin-model.workspace = true\nserde = '1'",
        );
        assert_eq!(
            found,
            ["crates/smallwin-sync/Cargo.toml: `smallwin-sync` may not use `smallwin-model`"]
        );
    }

    #[test]
    fn a_clock_or_a_socket_in_a_pure_crate_is_found_also_under_a_target() {
        let text = "[target.'cfg(unix)'.dependencies]\ntokio = '1'";
        let found = of("crates/smallwin-gate/Cargo.toml", text);
        assert_eq!(
            found,
            ["crates/smallwin-gate/Cargo.toml: `smallwin-gate` does no IO and may not use `tokio`"]
        );
    }

    #[test]
    fn an_unknown_crate_is_found() {
        assert_eq!(of("crates/smallwin-extra/Cargo.toml", "[package]").len(), 1);
    }

    #[test]
    fn what_the_table_allows_and_what_only_tests_use_passes() {
        let text = "[dependencies]\nsmallwin-circle = '1'\n[dev-dependencies]\nsmallwin-model = '1'\nrand = '1'";
        assert!(of("crates/smallwin-sync/Cargo.toml", text).is_empty());
        assert!(
            of(
                "crates/smallwin-gate/fuzz/Cargo.toml",
                "[dependencies]\nsmallwin-sync = '1'"
            )
            .is_empty()
        );
    }
}
