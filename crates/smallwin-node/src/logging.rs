//! Log lines on standard error: ids and counts, never content, names or secrets.

use tracing_subscriber::EnvFilter;

use crate::config::{ConfigError, LogFormat};

/// Starts logging for this process.
///
/// # Errors
/// Fails when the filter is no list of `tracing` directives.
pub fn start(filter: &str, format: LogFormat) -> Result<(), ConfigError> {
    let filter = EnvFilter::try_new(filter).map_err(|error| ConfigError::Value {
        place: String::from("the log filter"),
        why: format!("{error}; expected for example info or smallwin_node=debug"),
    })?;
    let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(colours)
        .with_writer(std::io::stderr);
    // A second start in one process (tests) keeps the first one's choice.
    let _already_started = match format {
        LogFormat::Text => builder.with_target(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    Ok(())
}

/// Lets panics of this process say where they happened and nothing else: their words may hold
/// content of a document.
pub fn quiet_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let place = place.unwrap_or_default();
        tracing::error!("panicked at {place}; what it says is left out, since it may hold content");
    }));
}
