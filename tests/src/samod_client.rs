//! A stock `samod` client over our own socket: its own one would bring a second TLS library.

use std::{pin::Pin, sync::Arc, time::Duration};

use automerge::{Automerge, ObjType, ROOT, ReadDoc, transaction::Transactable};
use futures_util::{SinkExt, StreamExt, future, future::BoxFuture};
use samod::{BackoffConfig, DialError, Dialer, DocHandle, Repo, Transport};
use tokio_tungstenite::tungstenite::{self, Message};
use url::Url;

use crate::wait::until_async;

/// A samod repository that dials one node and dials again when the node comes back.
#[derive(Debug)]
pub struct SamodClient {
    repo: Repo,
}

impl SamodClient {
    /// Starts a repository in memory that dials this address.
    pub async fn dial(authority: &str) -> SamodClient {
        let url = Url::parse(&format!("ws://{authority}/")).expect("an authority makes a URL");
        let repo = Repo::build_tokio().load().await;
        let backoff = BackoffConfig {
            initial_delay: Duration::from_millis(50),
            max_delay: Duration::from_millis(200),
            max_retries: None,
        };
        let _handle = repo
            .dial(backoff, Arc::new(Socket { url }))
            .expect("the repository runs");
        SamodClient { repo }
    }

    /// Creates a document with the text object `text`.
    pub async fn create(&self, content: &str) -> SamodDocument {
        let mut document = Automerge::new();
        document
            .transact::<_, _, automerge::AutomergeError>(|change| {
                let text = change.put_object(ROOT, "text", ObjType::Text)?;
                change.splice_text(&text, 0, 0, content)
            })
            .expect("an own edit is valid");
        SamodDocument {
            handle: self
                .repo
                .create(document)
                .await
                .expect("the repository runs"),
        }
    }

    /// Finds a document by its id, which a peer may get only in a moment.
    pub async fn find(&self, id: &str) -> SamodDocument {
        let id: samod::DocumentId = id.parse().expect("a document id");
        let handle = until_async("samod finds the document", || async {
            self.repo
                .find(id.clone())
                .await
                .expect("the repository runs")
        })
        .await;
        SamodDocument { handle }
    }

    /// Ends the repository and its connection.
    pub async fn stop(self) {
        self.repo.stop().await;
    }
}

/// An open document of a [`SamodClient`].
#[derive(Debug)]
pub struct SamodDocument {
    handle: DocHandle,
}

impl SamodDocument {
    /// Its id in base58check.
    #[must_use]
    pub fn id(&self) -> String {
        self.handle.document_id().to_string()
    }

    /// The text as it stands here now.
    #[must_use]
    pub fn text(&self) -> String {
        self.handle.with_document(|document| {
            let found = document.get(ROOT, "text").expect("a document can be read");
            found.map_or_else(String::new, |(_, text)| {
                document.text(&text).expect("`text` is a text")
            })
        })
    }

    /// Writes at the end of the text.
    pub fn append(&self, words: &str) {
        self.handle.with_document(|document| {
            let (_, text) = document
                .get(ROOT, "text")
                .expect("a document can be read")
                .expect("`text` is there");
            let end = document.length(&text);
            document
                .transact::<_, _, automerge::AutomergeError>(|change| {
                    change.splice_text(&text, end, 0, words)
                })
                .expect("an own edit is valid");
        });
    }

    /// Waits until the text has come to hold these words.
    pub async fn until_it_holds(&self, words: &str) {
        until_async(&format!("samod sees {words:?}"), || async {
            self.text().contains(words).then_some(())
        })
        .await;
    }
}

struct Socket {
    url: Url,
}

type Sinking = Pin<Box<dyn Future<Output = Result<Message, tungstenite::Error>> + Send>>;

impl Dialer for Socket {
    type Error = std::convert::Infallible;

    fn url(&self) -> Url {
        self.url.clone()
    }

    fn connect(&self) -> BoxFuture<'static, Result<Transport, DialError<Self::Error>>> {
        let url = self.url.to_string();
        Box::pin(async move {
            let (socket, _) = tokio_tungstenite::connect_async(url)
                .await
                .map_err(DialError::transient)?;
            let (sink, stream) = socket.split();
            let stream = stream.filter_map(|message| {
                future::ready(match message {
                    Ok(Message::Binary(bytes)) => Some(Ok(bytes.to_vec())),
                    Ok(_) => None,
                    Err(error) => Some(Err(error)),
                })
            });
            let sink = sink.with(|bytes: Vec<u8>| -> Sinking {
                Box::pin(future::ready(Ok(Message::Binary(bytes.into()))))
            });
            Ok(Transport::new(stream, sink))
        })
    }
}
