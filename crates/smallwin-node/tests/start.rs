//! What stops a node from starting, in words.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use smallwin_node::{Config, NodeFile, StartError, Tls, start};

fn config(data: &tempfile::TempDir) -> Config {
    let mut config = Config::new(data.path().join("node"));
    config.listen = Some(([127, 0, 0, 1], 0).into());
    config
}

#[tokio::test]
async fn a_data_directory_serves_one_process() {
    let data = tempfile::tempdir().unwrap();
    let node = start(config(&data)).await.unwrap();
    let error = start(config(&data)).await.unwrap_err();
    assert!(matches!(error, StartError::InUse { .. }), "{error}");
    assert!(
        error
            .to_string()
            .contains(&format!("process {}", std::process::id())),
        "{error}"
    );
    node.shutdown().await.unwrap();
    start(config(&data))
        .await
        .unwrap()
        .shutdown()
        .await
        .unwrap();
}

#[tokio::test]
async fn a_port_serves_one_process() {
    let data = tempfile::tempdir().unwrap();
    let node = start(config(&data)).await.unwrap();
    let other = tempfile::tempdir().unwrap();
    let mut second = config(&other);
    second.listen = node.local_addr();
    let error = start(second).await.unwrap_err();
    assert!(matches!(error, StartError::PortInUse { .. }), "{error}");
    assert!(error.to_string().contains("--listen"), "{error}");
    node.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_running_node_can_be_found_and_a_stopped_one_not() {
    let data = tempfile::tempdir().unwrap();
    let node = start(config(&data)).await.unwrap();
    let file = NodeFile::read(&data.path().join("node")).unwrap();
    assert_eq!(file.pid, std::process::id());
    assert_eq!(
        file.peer().unwrap().port(),
        node.local_addr().unwrap().port()
    );
    assert_eq!(
        file.peer().unwrap().node_key(),
        Some(&node.handle().node_key())
    );
    node.shutdown().await.unwrap();
    assert_eq!(NodeFile::read(&data.path().join("node")), None);
}

#[tokio::test]
async fn missing_certificates_are_named() {
    let data = tempfile::tempdir().unwrap();
    let mut config = config(&data);
    config.tls = Tls::Files {
        cert: data.path().join("missing.pem"),
        key: data.path().join("key.pem"),
    };
    let error = start(config).await.unwrap_err().to_string();
    assert!(error.contains("missing.pem"), "{error}");
}
