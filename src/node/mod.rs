//! Facts of the node that a live capture runs on, read while it does: counters of the ENIs, of
//! connection tracking and of UDP sockets, and the node's `resolv.conf`. Nothing is written and no
//! program is called.
//!
//! All handles are opened at the start and read again through them, so that whoever opens them may
//! give up its rights afterwards. What is not there is told as absent, and is no error.

mod conntrack;
mod ethtool;
mod netlink;
mod place;
mod resolv;
mod udp;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::context::kernel::{Kernel, MAX_PLACES};
use crate::context::series::Series;
use crate::context::{Context, Ethtool, ResolvConf, ethtool::Counter};
use crate::model::Timestamp;

use ethtool::{Ask, Nics, Socket};
use place::Watched;

/// Where the kernel and the node's configuration are found: a test has another place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roots {
    /// `/proc`.
    pub proc: PathBuf,
    /// `/etc/resolv.conf`.
    pub resolv_conf: PathBuf,
    /// What systemd-resolved's stub stands before.
    pub behind_stub: PathBuf,
}

impl Default for Roots {
    fn default() -> Roots {
        Roots {
            proc: PathBuf::from("/proc"),
            resolv_conf: PathBuf::from("/etc/resolv.conf"),
            behind_stub: PathBuf::from("/run/systemd/resolve/resolv.conf"),
        }
    }
}

/// Open handles to what the node tells, and what was read from them so far.
pub struct Node {
    nics: Option<Nics>,
    allowances: Vec<(String, BTreeMap<Counter, Series>)>,
    places: Vec<Watched>,
    resolv_conf: Option<ResolvConf>,
    absent: Vec<String>,
}

impl Node {
    /// Opens what there is, in the network namespace of the calling thread: the node's own. `captured`
    /// are the interfaces that the capture is taken on; none stands for all.
    pub fn open(captured: &[String]) -> Node {
        let socket = Socket::open().map(|socket| Box::new(socket) as Box<dyn Ask + Send>);
        Node::open_at(&Roots::default(), captured, socket)
    }

    /// The same somewhere else, and with somebody else to ask for counters of interfaces.
    fn open_at(
        roots: &Roots,
        captured: &[String],
        nics: Result<Box<dyn Ask + Send>, std::io::Error>,
    ) -> Node {
        let mut absent = Vec::new();
        let nics = match nics {
            Ok(ask) => Nics::find(ask, &interfaces(&roots.proc), captured, &mut absent),
            Err(error) => {
                absent.push(format!("counters of interfaces are not to be had: {error}"));
                None
            }
        };
        let resolv_conf = resolv::read(roots, &mut absent);
        let places = vec![Watched::open("", &roots.proc, &mut absent)];
        Node { nics, allowances: Vec::new(), places, resolv_conf, absent }
    }

    /// Opens what there is in the network namespace of the calling thread, which is another one than the
    /// node's and is called `name`.
    pub fn open_place(&mut self, name: &str) {
        if self.places.len() < MAX_PLACES {
            let place = Watched::open(name, &Roots::default().proc, &mut self.absent);
            self.places.push(place);
        } else {
            let more = format!("{name} and further namespaces are not watched: {MAX_PLACES} are");
            self.absent.push(more);
        }
    }

    /// Whether reading on needs CAP_NET_ADMIN: a kernel that tells its statistics of connection
    /// tracking by netlink only asks for it each time.
    pub fn needs_net_admin(&self) -> bool {
        self.places.iter().any(Watched::needs_net_admin)
    }

    /// Reads everything once, at this time by the clock that stamps packets.
    pub fn sample(&mut self) {
        self.sample_at(now());
    }

    fn sample_at(&mut self, time: Timestamp) {
        if let Some(nics) = &mut self.nics {
            nics.read(time, &mut self.allowances, &mut self.absent);
        }
        for place in &mut self.places {
            place.read(time, &mut self.absent);
        }
    }

    /// What is known now goes beside what the operator gave, whose files come first.
    pub fn tell(&self, context: &mut Context) {
        if context.ethtool.is_none() {
            context.ethtool = Ethtool::sampled(&self.allowances);
        }
        let places = self.places.iter().map(|place| place.known().clone()).collect();
        context.kernel = Some(Kernel { places, absent: self.absent.clone() });
        context.node_resolv_conf.clone_from(&self.resolv_conf);
    }
}

/// Interfaces of the network namespace, as the kernel lists them.
fn interfaces(proc: &Path) -> Vec<String> {
    let listed = std::fs::read(place::net(proc).join("dev")).unwrap_or_default();
    ethtool::names(&String::from_utf8_lossy(&listed))
}

/// The time by the clock that stamps packets.
#[expect(clippy::disallowed_methods, reason = "readings lie among packets, which have this clock")]
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
