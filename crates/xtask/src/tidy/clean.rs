//! No file of the project names the machine it was written on, or a host that packages came from.

use super::Files;

/// What must not stand in any file, and why. Each is put together here so that this file does not find itself.
const BANNED: &[(&str, &str)] = &[
    (concat!("/wo", "rk/"), "a path of one machine"),
    (concat!("/ho", "me/"), "a path of one machine"),
    (concat!("/ro", "ot/"), "a path of one machine"),
    (concat!("/Us", "ers/"), "a path of one machine"),
    (
        concat!("/tm", "p/"),
        "a path of one machine: ask for a temporary folder",
    ),
    (concat!("registry.npm", "js.org"), "a host of packages"),
    (concat!("registry.yarn", "pkg.com"), "a host of packages"),
    (concat!("static.crates", ".io"), "a host of packages"),
    (concat!("index.crates", ".io"), "a host of packages"),
];

/// Where cargo itself writes that a crate comes from its default registry.
const CARGO_SOURCE: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Reports machine paths, hosts of packages, and lock files that name where a package was downloaded.
pub(crate) fn check(files: &Files) -> Vec<String> {
    let mut findings = Vec::new();
    for (path, text) in files {
        let name = path.rsplit('/').next().unwrap_or(path);
        for (number, line) in text.lines().enumerate() {
            for (banned, why) in BANNED {
                if stands_in(line, banned) {
                    findings.push(format!("{path}:{}: `{banned}`: {why}", number + 1));
                }
            }
            let finding = match name {
                "Cargo.lock" => cargo_lock(line),
                "package-lock.json" => npm_lock(line),
                _ => None,
            };
            findings.extend(finding.map(|finding| format!("{path}:{}: {finding}", number + 1)));
        }
    }
    findings.extend(npm_settings(files));
    findings
}

/// A path begins where no letter of a longer path stands before it.
fn stands_in(line: &str, banned: &str) -> bool {
    line.match_indices(banned).any(|(at, _)| {
        let before = line.get(..at).and_then(|before| before.chars().next_back());
        !banned.starts_with('/')
            || !before.is_some_and(|letter| {
                letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.' | '}' | '~')
            })
    })
}

fn cargo_lock(line: &str) -> Option<String> {
    let source = line.strip_prefix("source = ")?.trim_matches('"');
    (source != CARGO_SOURCE)
        .then(|| format!("a crate from `{source}`, not from the default registry"))
}

fn npm_lock(line: &str) -> Option<String> {
    let address = line.trim().strip_prefix("\"resolved\":")?;
    address.contains("://").then(|| {
        "a download address: set omit-lockfile-registry-resolved=true in .npmrc and lock again"
            .to_owned()
    })
}

/// Beside each npm lock file stands the setting that keeps addresses out of it.
fn npm_settings(files: &Files) -> Vec<String> {
    files
        .keys()
        .filter_map(|path| path.strip_suffix("package-lock.json"))
        .filter(|folder| {
            !files.get(&format!("{folder}.npmrc")).is_some_and(|text| {
                text.lines()
                    .any(|line| line.trim() == "omit-lockfile-registry-resolved=true")
            })
        })
        .map(|folder| format!("{folder}.npmrc: must say omit-lockfile-registry-resolved=true"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::files_of;

    #[test]
    fn a_machine_path_is_found_and_an_address_with_the_same_letters_is_not() {
        let path = format!("see {}main/x", concat!("/wo", "rk/"));
        assert_eq!(check(&files_of(&[("a.md", &path)])).len(), 1);
        let fine = format!(
            "https://example.org{}x crates{}y",
            concat!("/ho", "me/"),
            concat!("/tm", "p/")
        );
        assert!(check(&files_of(&[("a.md", &fine)])).is_empty());
    }

    #[test]
    fn a_crate_from_elsewhere_is_found() {
        let text = format!("source = \"{CARGO_SOURCE}\"\nsource = \"git+https://example.org/x#1\"");
        assert_eq!(check(&files_of(&[("Cargo.lock", &text)])).len(), 1);
    }

    #[test]
    fn a_lock_with_addresses_or_without_its_setting_is_found() {
        let lock = "{\n  \"resolved\": \"https://example.org/a.tgz\",\n}";
        assert_eq!(
            check(&files_of(&[("web/package-lock.json", lock)])).len(),
            2
        );
        let good = [
            ("web/package-lock.json", "{}"),
            ("web/.npmrc", "omit-lockfile-registry-resolved=true\n"),
        ];
        assert!(check(&files_of(&good)).is_empty());
    }
}
