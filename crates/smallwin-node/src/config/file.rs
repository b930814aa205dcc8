//! The configuration file.

use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::{ConfigError, Layer};
use crate::limits::CONFIG_BYTES_MAX;

/// The file's name in the data directory.
pub const FILE_NAME: &str = "config.toml";

/// How much of a wrong line is shown.
const LINE_SHOWN_CHARS: usize = 80;

/// An example file with every key.
pub const EXAMPLE: &str = include_str!("../../config.example.toml");

/// Reads the named file, or the data directory's own when it exists.
pub(super) fn read(data: &Path, named: Option<PathBuf>) -> Result<Layer, ConfigError> {
    let must_exist = named.is_some();
    let file = named.unwrap_or_else(|| data.join(FILE_NAME));
    let mut text = String::new();
    let opened = std::fs::File::open(&file)
        .and_then(|opened| opened.take(CONFIG_BYTES_MAX + 1).read_to_string(&mut text));
    match opened {
        Ok(_) if text.len() as u64 > CONFIG_BYTES_MAX => Err(ConfigError::TooLarge {
            file,
            max: CONFIG_BYTES_MAX,
        }),
        Ok(_) => toml::from_str(&text).map_err(|error: toml::de::Error| {
            let before = error
                .span()
                .and_then(|span| text.get(..span.start))
                .unwrap_or("");
            // A value that ends the text before it without a line break stands in that same line.
            let line = before.split('\n').count();
            let words = text.lines().nth(line - 1).unwrap_or("").trim();
            ConfigError::Parse {
                file,
                line,
                words: words.chars().take(LINE_SHOWN_CHARS).collect(),
                why: error.message().to_owned(),
            }
        }),
        Err(error) if error.kind() == ErrorKind::NotFound && !must_exist => Ok(Layer::default()),
        Err(source) => Err(ConfigError::Read { file, source }),
    }
}
