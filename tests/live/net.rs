//! Two network namespaces with a cable between them: a node, and whoever answers it.

use std::fs::File;
use std::os::fd::AsFd;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Numbers of nets within this process.
static NETS: AtomicU32 = AtomicU32::new(0);

/// The cable: `va` in the node, `vb` at the other end.
pub(crate) struct Net {
    pub(crate) node: String,
    pub(crate) far: String,
}

pub(crate) const NODE: &str = "10.9.0.1";
pub(crate) const FAR: &str = "10.9.0.2";

impl Net {
    /// Two namespaces with `va` (10.9.0.1, fd09::1) and `vb` (10.9.0.2, 169.254.169.253, fd09::2); or why not.
    pub(crate) fn new() -> Result<Net, String> {
        if !rustix::process::getuid().is_root() {
            return Err("live capture needs root".to_owned());
        }
        let number = NETS.fetch_add(1, Ordering::Relaxed);
        let name = |side: &str| format!("dnspect-{}-{number}{side}", std::process::id());
        let net = Net { node: name("a"), far: name("b") };
        run(&["ip", "netns", "add", &net.node])?;
        run(&["ip", "netns", "add", &net.far])?;
        let (node, far) = (net.node.as_str(), net.far.as_str());
        run(&[
            "ip", "link", "add", "va", "netns", node, "type", "veth", "peer", "name", "vb",
            "netns", far,
        ])?;
        net.node(&["ip", "address", "add", "10.9.0.1/24", "dev", "va"]);
        net.node(&["ip", "address", "add", "fd09::1/64", "dev", "va", "nodad"]);
        net.far(&["ip", "address", "add", "10.9.0.2/24", "dev", "vb"]);
        net.far(&["ip", "address", "add", "10.9.0.3/24", "dev", "vb"]);
        net.far(&["ip", "address", "add", "fd09::2/64", "dev", "vb", "nodad"]);
        net.far(&["ip", "address", "add", "169.254.169.253/32", "dev", "vb"]);
        for (side, link) in [(node, "va"), (far, "vb")] {
            inside(side, &["ip", "link", "set", link, "up"]);
            inside(side, &["ip", "link", "set", "lo", "up"]);
        }
        net.node(&["ip", "route", "add", "169.254.169.0/24", "dev", "va"]);
        Ok(net)
    }

    /// A second cable, `wa` and `wb`, with 10.8.0.1 and 10.8.0.2.
    pub(crate) fn second(&self) {
        let (node, far) = (self.node.as_str(), self.far.as_str());
        let kind = ["type", "veth", "peer", "name", "wb", "netns", far];
        run(&[&["ip", "link", "add", "wa", "netns", node][..], &kind].concat()).unwrap();
        self.node(&["ip", "address", "add", "10.8.0.1/24", "dev", "wa"]);
        self.far(&["ip", "address", "add", "10.8.0.2/24", "dev", "wb"]);
        self.node(&["ip", "link", "set", "wa", "up"]);
        self.far(&["ip", "link", "set", "wb", "up"]);
    }

    /// Runs a command in the node.
    pub(crate) fn node(&self, command: &[&str]) {
        inside(&self.node, command);
    }

    /// Runs a command at the other end.
    pub(crate) fn far(&self, command: &[&str]) {
        inside(&self.far, command);
    }

    /// Does something in a namespace, on a thread of its own: what it opens stays there.
    pub(crate) fn within<T: Send>(name: &str, work: impl FnOnce() -> T + Send) -> T {
        let namespace = File::open(format!("/run/netns/{name}")).unwrap();
        std::thread::scope(|scope| {
            let there = scope.spawn(move || {
                let kind = Some(LinkNameSpaceType::Network);
                move_into_link_name_space(namespace.as_fd(), kind).unwrap();
                work()
            });
            there.join().unwrap()
        })
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        for name in [&self.node, &self.far] {
            let _ = run(&["ip", "netns", "delete", name]);
        }
    }
}

fn inside(name: &str, command: &[&str]) {
    run(&[&["ip", "netns", "exec", name][..], command].concat()).unwrap();
}

/// Runs a command; what it says if it fails.
fn run(command: &[&str]) -> Result<(), String> {
    let output = Command::new(command[0]).args(&command[1..]).output();
    let output = output.map_err(|error| format!("{} cannot be run: {error}", command[0]))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(()) } else { Err(format!("{}: {said}", command.join(" "))) }
}
