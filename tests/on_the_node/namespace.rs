//! A network namespace with a loopback interface, and a DNS server in it.

use std::fs::File;
use std::net::UdpSocket;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// A packet that is lost here is lost by the machine: nobody waits longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// The namespace. It goes away with this value.
pub(crate) struct Namespace(String);

/// Runs it; whether it worked. What it says is shown if not.
pub(crate) fn works(program: &str, arguments: &[&str]) -> bool {
    match Command::new(program).args(arguments).output() {
        Ok(output) if output.status.success() => true,
        Ok(output) => {
            println!("{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
            false
        }
        Err(error) => {
            println!("{program}: {error}");
            false
        }
    }
}

impl Namespace {
    /// A new one; `None`, with a word, where this may not be done.
    pub(crate) fn new(name: &str) -> Option<Namespace> {
        let name = format!("dn-{name}-{}", std::process::id());
        let root = rustix::process::geteuid().is_root();
        if !root || !works("ip", &["netns", "add", &name]) {
            println!("skipped: needs root and ip");
            return None;
        }
        let namespace = Namespace(name);
        namespace.works("ip", &["link", "set", "lo", "up"]).then_some(namespace)
    }

    pub(crate) fn name(&self) -> &str {
        &self.0
    }

    /// Runs a program in it; whether it worked.
    pub(crate) fn works(&self, program: &str, arguments: &[&str]) -> bool {
        let inside = ["netns", "exec", &self.0, program];
        works("ip", &[&inside[..], arguments].concat())
    }

    /// Turns connection tracking on; whether it could be.
    pub(crate) fn tracks_connections(&self) -> bool {
        let rule = "-A OUTPUT -m conntrack --ctstate NEW -j ACCEPT";
        self.works("iptables", &rule.split(' ').collect::<Vec<_>>())
            && self.run(|| std::path::Path::new("/proc/thread-self/net/stat/nf_conntrack").exists())
    }

    /// A thread in it.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        does: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        let namespace = File::open(format!("/run/netns/{}", self.0)).unwrap();
        thread::spawn(move || {
            let kind = LinkNameSpaceType::Network;
            move_into_link_name_space(std::os::fd::AsFd::as_fd(&namespace), Some(kind)).unwrap();
            does()
        })
    }

    /// Does something in it.
    pub(crate) fn run<T: Send + 'static>(&self, does: impl FnOnce() -> T + Send + 'static) -> T {
        self.spawn(does).join().unwrap()
    }

    /// A DNS server on 127.0.0.1 that has no answer for any name, and says so.
    pub(crate) fn dns_server(&self) -> Server {
        let socket = self.run(|| UdpSocket::bind("127.0.0.1:53").unwrap());
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&over);
        let thread = thread::spawn(move || {
            let mut message = [0; 512];
            while !ends.load(Ordering::Relaxed) {
                if let Ok((length, from)) = socket.recv_from(&mut message) {
                    // A response, recursion available.
                    message[2..4].copy_from_slice(&[0x81, 0x80]);
                    socket.send_to(&message[..length], from).unwrap();
                }
            }
        });
        Server { over, thread: Some(thread) }
    }

    /// Asks so many questions, one after the other.
    pub(crate) fn ask(&self, questions: u16) {
        self.run(move || {
            for id in 0..questions {
                let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
                socket.set_read_timeout(Some(PATIENCE)).unwrap();
                let mut query = id.to_be_bytes().to_vec();
                query.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
                query.extend(b"\x04name\x07example\x03com\0\0\x01\0\x01");
                socket.send_to(&query, "127.0.0.1:53").unwrap();
                socket.recv(&mut [0; 512]).unwrap();
            }
        });
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        works("ip", &["netns", "del", &self.0]);
    }
}

/// The server. It ends with this value.
pub(crate) struct Server {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
