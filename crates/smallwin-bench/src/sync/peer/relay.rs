//! The bare relay: tokio, WebSockets, and each change passed on to all others of its document. No CRDT, no storage,
//! no rights, no limits: what is left is what sockets cost.
//!
//! It speaks as much of both protocols as the load generator needs to take it for a server: automerge-repo's on `/`,
//! and Yjs's on the path that y-sweet uses.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::{Bytes, Message};

use crate::wire::{self, Frame, Value};

const NAME: &str = "bare-relay";
/// Yjs: an empty answer to a peer that asks for everything.
const YJS_NOTHING: [u8; 5] = [0, 1, 2, 0, 0];

/// Serves until the process is ended.
pub(crate) fn serve(port: u16) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let documents = Documents::default();
        for id in 0.. {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::spawn(connection(id, stream, documents.clone()));
        }
        Ok(())
    })
}

type Documents = Arc<Mutex<HashMap<String, Arc<Mutex<Document>>>>>;

#[derive(Default)]
struct Document {
    readers: Vec<Reader>,
    heads: Vec<u8>,
}

struct Reader {
    id: u64,
    name: String,
    queue: UnboundedSender<Bytes>,
}

async fn connection(id: u64, stream: TcpStream, documents: Documents) -> Result<()> {
    let mut path = String::new();
    #[allow(
        clippy::result_large_err,
        reason = "the library's callback has this type"
    )]
    let note = |request: &Request, response: Response| {
        request.uri().path().clone_into(&mut path);
        Ok(response)
    };
    let socket = tokio_tungstenite::accept_hdr_async(stream, note).await?;
    let (queue, waiting) = unbounded_channel();
    let mut session = Session {
        id,
        queue,
        documents,
        name: String::new(),
        joined: HashMap::new(),
    };
    let yjs = path
        .strip_prefix("/d/")
        .and_then(|rest| rest.split('/').next());
    let outcome = session.run(socket, waiting, yjs).await;
    for document in session.joined.values() {
        lock(document).readers.retain(|reader| reader.id != id);
    }
    outcome
}

struct Session {
    id: u64,
    queue: UnboundedSender<Bytes>,
    documents: Documents,
    name: String,
    joined: HashMap<String, Arc<Mutex<Document>>>,
}

impl Session {
    async fn run(
        &mut self,
        socket: WebSocketStream<TcpStream>,
        mut waiting: UnboundedReceiver<Bytes>,
        yjs: Option<&str>,
    ) -> Result<()> {
        let yjs = yjs.map(|name| self.document(name));
        let (mut sink, mut stream) = socket.split();
        let writer = tokio::spawn(async move {
            while let Some(first) = waiting.recv().await {
                sink.feed(Message::Binary(first)).await?;
                // All that waits goes out in as few writes as can be.
                while let Ok(next) = waiting.try_recv() {
                    sink.feed(Message::Binary(next)).await?;
                }
                sink.flush().await?;
            }
            anyhow::Ok(())
        });
        while let Some(message) = stream.next().await {
            let Message::Binary(bytes) = message? else {
                continue;
            };
            match &yjs {
                Some(document) => self.yjs(document, bytes),
                None => self.automerge(&bytes)?,
            }
        }
        writer.abort();
        Ok(())
    }

    fn yjs(&self, document: &Mutex<Document>, bytes: Bytes) {
        match bytes.as_ref() {
            [0, 0, ..] => drop(self.queue.send(Bytes::from_static(&YJS_NOTHING))),
            [0, 1 | 2, ..] => {
                for reader in &lock(document).readers {
                    if reader.id != self.id {
                        drop(reader.queue.send(bytes.clone()));
                    }
                }
            }
            _ => {}
        }
    }

    fn automerge(&mut self, bytes: &[u8]) -> Result<()> {
        let frame = Frame::read(bytes).context("a frame that can be read")?;
        match frame.kind {
            "join" => {
                frame.sender.clone_into(&mut self.name);
                let peer = wire::frame(&[
                    ("type", Value::Text("peer")),
                    ("senderId", Value::Text(NAME)),
                    ("selectedProtocolVersion", Value::Text("1")),
                    ("targetId", Value::Text(frame.sender)),
                ]);
                drop(self.queue.send(peer.into()));
            }
            "sync" | "request" => {
                let message = wire::Message::read(frame.data).context("a sync message")?;
                let known = self.joined.get(frame.document).cloned();
                let is_new = known.is_none();
                let document = known.unwrap_or_else(|| self.document(frame.document));
                let mut document = lock(&document);
                if message.change_bytes > 0 {
                    message.heads.clone_into(&mut document.heads);
                    self.pass_on(&document, &frame);
                } else if is_new {
                    let heads = document.heads.clone();
                    let answer = if heads == message.heads {
                        wire::acknowledgement(&heads)
                    } else {
                        wire::question(message.heads)
                    };
                    self.say(&frame, &answer);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn pass_on(&self, document: &Document, frame: &Frame<'_>) {
        for reader in &document.readers {
            if reader.id != self.id {
                let bytes = wire::sync("sync", NAME, &reader.name, frame.document, frame.data);
                drop(reader.queue.send(bytes.into()));
            }
        }
        self.say(frame, &wire::acknowledgement(&document.heads));
    }

    fn say(&self, to: &Frame<'_>, data: &[u8]) {
        let bytes = wire::sync("sync", NAME, to.sender, to.document, data);
        drop(self.queue.send(bytes.into()));
    }

    /// The document, which this connection reads from now on.
    fn document(&mut self, name: &str) -> Arc<Mutex<Document>> {
        let document = lock(&self.documents)
            .entry(name.to_owned())
            .or_default()
            .clone();
        lock(&document).readers.push(Reader {
            id: self.id,
            name: self.name.clone(),
            queue: self.queue.clone(),
        });
        self.joined.insert(name.to_owned(), Arc::clone(&document));
        document
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
