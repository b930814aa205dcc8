//! A node as a process of its own, on loopback, with its own data directory.

use std::{
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    sync::{Arc, Mutex},
};

use crate::{
    free_port,
    program::{Done, command, run},
    wait::until,
};

/// A running node; it ends, without warning, when it is dropped.
#[derive(Debug)]
pub struct RunningNode {
    data: PathBuf,
    port: u16,
    task: &'static str,
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
}

impl RunningNode {
    /// Starts a node on this data directory and waits until it is ready.
    #[must_use]
    pub fn start(data: &Path) -> RunningNode {
        RunningNode::start_with(data, &[], &[])
    }

    /// As [`RunningNode::start`], with more arguments and variables.
    #[must_use]
    pub fn start_with(data: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> RunningNode {
        RunningNode::start_on(data, free_port(), arguments, variables)
    }

    /// As [`RunningNode::start_with`], on a given port.
    #[must_use]
    pub fn start_on(
        data: &Path,
        port: u16,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> RunningNode {
        RunningNode::start_task("serve", data, port, arguments, variables)
    }

    /// Starts a node with the worked example.
    #[must_use]
    pub fn demo(data: &Path) -> RunningNode {
        RunningNode::start_task("demo", data, free_port(), &[], &[])
    }

    fn start_task(
        task: &'static str,
        data: &Path,
        port: u16,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> RunningNode {
        let arguments: Vec<String> = arguments.iter().map(|text| (*text).to_owned()).collect();
        let variables: Vec<(String, String)> = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let (child, lines) = spawn(task, data, port, &arguments, &variables);
        let mut node = RunningNode {
            data: data.to_path_buf(),
            port,
            task,
            arguments,
            variables,
            child,
            lines,
        };
        node.wait_until_ready();
        node
    }

    /// Starts the process again on the same data and the same address.
    pub fn start_again(&mut self) {
        (self.child, self.lines) = spawn(
            self.task,
            &self.data,
            self.port,
            &self.arguments,
            &self.variables,
        );
        self.wait_until_ready();
    }

    /// Ends the process without any warning (SIGKILL).
    pub fn kill(&mut self) {
        self.child.kill().expect("a child can be killed");
        self.child.wait().expect("a child can be waited for");
    }

    /// Whether the process still runs.
    pub fn is_up(&mut self) -> bool {
        self.child
            .try_wait()
            .expect("a child can be asked")
            .is_none()
    }

    /// `127.0.0.1:port`.
    #[must_use]
    pub fn authority(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The most memory it held at one time, in kilobytes, where the system tells that.
    #[must_use]
    pub fn memory_peak_kb(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
        line.split_whitespace().nth(1)?.parse().ok()
    }

    /// Its data directory.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Runs a command on this node's data directory while the node runs.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Done {
        run(&self.data, arguments)
    }

    /// What the node wrote so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.lines.lock().expect("no writer panics").join("\n")
    }

    fn wait_until_ready(&mut self) {
        let authority = self.authority();
        until("a node becomes ready", || {
            assert!(self.is_up(), "the node ended: {}", self.log());
            get_ok(&authority, "/readyz").then_some(())
        });
    }
}

impl Drop for RunningNode {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(
    task: &str,
    data: &Path,
    port: u16,
    arguments: &[String],
    variables: &[(String, String)],
) -> (Child, Arc<Mutex<Vec<String>>>) {
    let listen = format!("127.0.0.1:{port}");
    let mut child = command(data, &[task, "--no-browser", "--listen", &listen])
        .args(arguments)
        .envs(variables.iter().cloned())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program can be started");
    let lines = Arc::new(Mutex::new(Vec::new()));
    collect(
        child.stdout.take().expect("the output is a pipe"),
        Arc::clone(&lines),
    );
    collect(
        child.stderr.take().expect("the errors are a pipe"),
        Arc::clone(&lines),
    );
    (child, lines)
}

/// Reads on in a thread of its own, so that the node never blocks on a full pipe.
fn collect(from: impl Read + Send + 'static, into: Arc<Mutex<Vec<String>>>) {
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            into.lock().expect("no reader panics").push(line);
        }
    });
}

/// Whether a plain HTTP GET answers 200.
fn get_ok(authority: &str, path: &str) -> bool {
    use std::io::Write;
    let Ok(mut stream) = std::net::TcpStream::connect(authority) else {
        return false;
    };
    let request = format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
    let mut answer = String::new();
    stream.write_all(request.as_bytes()).is_ok()
        && stream.read_to_string(&mut answer).is_ok()
        && answer.starts_with("HTTP/1.1 200")
}
