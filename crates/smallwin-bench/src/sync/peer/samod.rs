//! samod with its own filesystem storage behind a small axum listener, as its documentation sets one up.

use std::path::Path;

use anyhow::{Context, Result};
use axum::extract::ws::WebSocketUpgrade;
use axum::{Router, routing::get};
use samod::storage::TokioFilesystemStorage;
use samod::{Repo, ShareConfig};
use tokio::net::TcpListener;

/// Serves until the process is ended.
pub(crate) fn serve(port: u16, folder: &Path) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        // A sync server does not press its documents on everybody.
        let repo = Repo::build_tokio()
            .with_storage(TokioFilesystemStorage::new(folder))
            .with_share_policy(ShareConfig::read_write().with_announce(false))
            .load()
            .await;
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let url = format!("ws://127.0.0.1:{port}/").parse()?;
        let acceptor = repo
            .make_acceptor(url)
            .map_err(|_| anyhow::anyhow!("the repository stopped"))?;
        let router = Router::new().route(
            "/",
            get(move |upgrade: WebSocketUpgrade| {
                let acceptor = acceptor.clone();
                async move {
                    upgrade.on_upgrade(move |socket| async move {
                        // Fails only when the repository has stopped.
                        let _ = acceptor.accept_axum(socket, None);
                    })
                }
            }),
        );
        axum::serve(listener, router)
            .await
            .context("the listener ended")
    })
}
