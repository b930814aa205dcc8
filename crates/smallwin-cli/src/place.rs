//! What this machine says: where data is kept, and whether there is a desktop.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::Context;

/// The data directory: the one given, or the place where the system keeps a user's data.
pub(crate) fn data(given: Option<PathBuf>) -> anyhow::Result<PathBuf> {
    let folder = match given {
        Some(folder) => folder,
        None => default(&|name| variable(name).map(PathBuf::from)).context(
            "there is no home directory to keep data in; give a data directory with --data",
        )?,
    };
    std::path::absolute(&folder).with_context(|| {
        format!(
            "the data directory {} is not usable; choose another with --data",
            folder.display()
        )
    })
}

/// A variable of the environment that is not empty.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that reads what is no configuration"
)]
pub(crate) fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// Whether a browser can be opened.
pub(crate) fn has_desktop() -> bool {
    cfg!(any(target_os = "macos", target_os = "windows"))
        || variable("DISPLAY").is_some()
        || variable("WAYLAND_DISPLAY").is_some()
}

fn default(variable: &dyn Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    let base = if cfg!(target_os = "windows") {
        variable("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        variable("HOME").map(|home| home.join("Library/Application Support"))
    } else {
        // The XDG specification: a relative path is to be ignored.
        variable("XDG_DATA_HOME")
            .filter(|path| path.is_absolute())
            .or_else(|| variable("HOME").map(|home| home.join(".local/share")))
    };
    base.map(|base| base.join("smallwin"))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    fn check(variables: &[(&str, &str)], expect: Option<&str>) {
        let look_up = |name: &str| {
            variables
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| PathBuf::from(value))
        };
        assert_eq!(default(&look_up), expect.map(PathBuf::from));
    }

    #[test]
    fn the_default_follows_the_system() {
        check(
            &[("HOME", "/users/noor")],
            Some("/users/noor/.local/share/smallwin"),
        );
        check(
            &[("HOME", "/users/noor"), ("XDG_DATA_HOME", "/data")],
            Some("/data/smallwin"),
        );
        check(
            &[("HOME", "/users/noor"), ("XDG_DATA_HOME", "data")],
            Some("/users/noor/.local/share/smallwin"),
        );
        check(&[], None);
    }
}
