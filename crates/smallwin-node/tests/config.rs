//! Where the configuration comes from, and what wins.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::fs;

use smallwin_node::config::EXAMPLE;
use smallwin_node::{Config, ConfigError, Layer, LogFormat, Tls};

/// Loads a configuration from the texts of its three sources.
fn load(
    file: Option<&str>,
    environment: &[(&str, &str)],
    flags: Layer,
) -> Result<Config, ConfigError> {
    let data = tempfile::tempdir().unwrap();
    if let Some(text) = file {
        fs::write(data.path().join("config.toml"), text).unwrap();
    }
    let environment = environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::load(data.path().to_owned(), None, environment, flags)
}

fn listen(port: u16) -> Layer {
    Layer {
        listen: Some(([127, 0, 0, 1], port).into()),
        ..Layer::default()
    }
}

#[test]
fn nothing_given_is_the_default() {
    let config = load(None, &[], Layer::default()).unwrap();
    assert_eq!(config.listen.unwrap().to_string(), "127.0.0.1:7171");
    assert_eq!(config.tls, Tls::Off);
    assert!(config.browser);
    assert!(!config.interop_open);
}

#[test]
fn a_flag_wins_over_the_environment_which_wins_over_the_file() {
    let file = Some("listen = \"127.0.0.1:1\"\nlog = \"warn\"\nlog_format = \"json\"\n");
    let environment = [
        ("SMALLWIN_LISTEN", "127.0.0.1:2"),
        ("SMALLWIN_LOG", "debug"),
    ];
    let config = load(file, &environment, listen(3)).unwrap();
    assert_eq!(config.listen.unwrap().port(), 3);
    assert_eq!(config.log, "debug");
    assert_eq!(config.log_format, LogFormat::Json);
    assert_eq!(
        load(file, &environment, Layer::default())
            .unwrap()
            .listen
            .unwrap()
            .port(),
        2
    );
    assert_eq!(
        load(file, &[], Layer::default())
            .unwrap()
            .listen
            .unwrap()
            .port(),
        1
    );
}

#[test]
fn unknown_keys_and_variables_are_errors_that_name_them() {
    let error = load(Some("lisen = \"127.0.0.1:1\"\n"), &[], Layer::default())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("lisen") && error.contains("config.toml"),
        "{error}"
    );
    let error = load(None, &[("SMALLWIN_LISEN", "x")], Layer::default())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("SMALLWIN_LISEN") && error.contains("SMALLWIN_LISTEN"),
        "{error}"
    );
}

#[test]
fn variables_of_the_build_and_of_others_are_left_alone() {
    let environment = [
        ("SMALLWIN_SKIP_WEB", "1"),
        ("SMALLWIN_TEST_X", "1"),
        ("SMALLWIN_DATA", "/x"),
        ("PATH", "/bin"),
    ];
    assert!(load(None, &environment, Layer::default()).is_ok());
}

#[test]
fn values_that_make_no_sense_are_refused() {
    let check = |environment: &[(&str, &str)], word: &str| {
        let error = load(None, environment, Layer::default())
            .unwrap_err()
            .to_string();
        assert!(error.contains(word), "{error}");
    };
    check(&[("SMALLWIN_LISTEN", "7171")], "SMALLWIN_LISTEN");
    check(&[("SMALLWIN_BROWSER", "perhaps")], "true or false");
    check(&[("SMALLWIN_PEERS", "ws://node.example.org:1")], "wss://");
    check(&[("SMALLWIN_LOG_FORMAT", "xml")], "text or json");
    check(&[("SMALLWIN_TLS_CERT", "cert.pem")], "--tls-key");
    check(&[("SMALLWIN_TLS_KEY", "key.pem")], "--tls-cert");
    check(
        &[
            ("SMALLWIN_TLS_SELF", "1"),
            ("SMALLWIN_BEHIND_TLS_PROXY", "1"),
        ],
        "choose one",
    );
}

#[test]
fn a_public_address_needs_tls_or_a_declared_proxy() {
    let public = ("SMALLWIN_LISTEN", "0.0.0.0:7171");
    let error = load(None, &[public], Layer::default()).unwrap_err();
    assert!(
        matches!(error, ConfigError::PublicWithoutTls { .. }),
        "{error}"
    );
    assert!(
        load(
            None,
            &[public, ("SMALLWIN_TLS_SELF", "1")],
            Layer::default()
        )
        .is_ok()
    );
    assert!(
        load(
            None,
            &[public, ("SMALLWIN_BEHIND_TLS_PROXY", "1")],
            Layer::default()
        )
        .is_ok()
    );
}

#[test]
fn a_file_that_was_named_must_be_there() {
    let data = tempfile::tempdir().unwrap();
    let missing = data.path().join("missing.toml");
    let error =
        Config::load(data.path().to_owned(), Some(missing), [], Layer::default()).unwrap_err();
    assert!(matches!(error, ConfigError::Read { .. }), "{error}");
}

#[test]
fn the_example_file_is_valid_as_it_is_and_with_every_line_in_use() {
    let plain: Layer = toml::from_str(EXAMPLE).unwrap();
    assert_eq!(plain, Layer::default());
    let used: String = EXAMPLE
        .lines()
        .filter_map(|line| line.strip_prefix('#').filter(|line| !line.starts_with(' ')))
        .map(|line| format!("{line}\n"))
        .collect();
    let layer: Layer =
        toml::from_str(&used).expect("every line of the example is a known key with a valid value");
    assert_eq!(layer.listen, Some(Config::new("x".into()).listen.unwrap()));
    let keys = used.lines().filter(|line| line.contains(" = ")).count();
    assert_eq!(keys, 12, "a new key belongs in the example file");
}
