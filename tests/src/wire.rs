//! A wire between two nodes that a test can cut and mend.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

/// Passes bytes on from a port of its own on loopback; lives until the test's process ends.
#[derive(Debug, Clone)]
pub struct Wire {
    port: u16,
    whole: Arc<AtomicBool>,
    open: Arc<Mutex<BTreeMap<u16, TcpStream>>>,
}

impl Wire {
    /// Lays a wire to this port on loopback.
    #[must_use]
    pub fn to(target: u16) -> Wire {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let port = listener
            .local_addr()
            .expect("a bound socket has an address")
            .port();
        let wire = Wire {
            port,
            whole: Arc::new(AtomicBool::new(true)),
            open: Arc::default(),
        };
        let accepting = wire.clone();
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                accepting.accept(near, target);
            }
        });
        wire
    }

    /// `127.0.0.1:port` of the near end.
    #[must_use]
    pub fn authority(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The port of the near end.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Drops what is connected and refuses what comes, until it is mended.
    pub fn cut(&self) {
        self.whole.store(false, Ordering::SeqCst);
        for (_, stream) in std::mem::take(&mut *self.open.lock().expect("no holder panics")) {
            // It may be closed already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Lets connections through again.
    pub fn mend(&self) {
        self.whole.store(true, Ordering::SeqCst);
    }

    fn accept(&self, near: TcpStream, target: u16) {
        if !self.whole.load(Ordering::SeqCst) {
            return;
        }
        let Ok(far) = TcpStream::connect(("127.0.0.1", target)) else {
            return;
        };
        for (from, to) in [(&near, &far), (&far, &near)] {
            let (Ok(from), Ok(to)) = (from.try_clone(), to.try_clone()) else {
                return;
            };
            std::thread::spawn(move || pass(from, to));
        }
        let port = near.peer_addr().map_or(0, |address| address.port());
        let mut open = self.open.lock().expect("no holder panics");
        open.insert(port, near);
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    // Either end may be closed already.
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
