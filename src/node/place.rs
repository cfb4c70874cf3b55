//! One network namespace: the files and the socket that its counters are read from again and again.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::net::netlink::NETFILTER;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

use super::netlink::{self, State};
use super::{conntrack, udp};
use crate::context::kernel::{Counter, Place};
use crate::model::Timestamp;

/// Most of a file that is read: 512 CPUs take 80 KiB of statistics.
const MAX_STATISTICS: usize = 4 << 20;

/// An answer of netlink: the kernel sends no more than this at a time.
const MAX_DATAGRAM: usize = 32 << 10;

/// Datagrams of one answer: each holds some hundred CPUs.
const MAX_DATAGRAMS: usize = 4_096;

/// The folder of the calling thread's network namespace.
pub(super) fn net(proc: &Path) -> PathBuf {
    // `/proc/net` is that of the first thread, which may be elsewhere.
    let own = proc.join("thread-self/net");
    if own.exists() { own } else { proc.join("net") }
}

/// Where statistics of connection tracking come from.
enum Statistics {
    File(File),
    Netlink { socket: OwnedFd, sequence: u32 },
}

/// A namespace that is watched.
pub(super) struct Watched {
    known: Place,
    statistics: Option<Statistics>,
    count: Option<File>,
    max: Option<File>,
    snmp: Option<File>,
    snmp6: Option<File>,
    buffer: Vec<u8>,
}

impl Watched {
    /// Opens what there is, in the calling thread's network namespace.
    pub(super) fn open(name: &str, proc: &Path, absent: &mut Vec<String>) -> Watched {
        let net = net(proc);
        let limits = proc.join("sys/net/netfilter");
        let at = if name.is_empty() { String::new() } else { format!(" in {name}") };
        let count = File::open(limits.join("nf_conntrack_count")).ok();
        let tracks = count.is_some();
        let statistics = match File::open(net.join("stat/nf_conntrack")) {
            Ok(file) => Some(Statistics::File(file)),
            Err(_) if !tracks => {
                absent.push(format!("conntrack{at}: not in this kernel, or not loaded"));
                None
            }
            Err(error) => match ask_netlink() {
                Ok(socket) => Some(Statistics::Netlink { socket, sequence: 0 }),
                Err(refused) => {
                    absent.push(format!(
                        "conntrack{at}: {} cannot be read ({error}), nor can netlink be asked ({refused})",
                        net.join("stat/nf_conntrack").display()
                    ));
                    None
                }
            },
        };
        let snmp = File::open(net.join("snmp"));
        if let Err(error) = &snmp {
            let path = net.join("snmp");
            absent.push(format!("sockets{at}: {} cannot be read: {error}", path.display()));
        }
        Watched {
            known: Place::new(name),
            statistics,
            count,
            max: File::open(limits.join("nf_conntrack_max")).ok(),
            snmp: snmp.ok(),
            snmp6: File::open(net.join("snmp6")).ok(),
            buffer: Vec::new(),
        }
    }

    /// Whether the next reading needs CAP_NET_ADMIN.
    pub(super) fn needs_net_admin(&self) -> bool {
        matches!(self.statistics, Some(Statistics::Netlink { .. }))
    }

    /// What is known so far.
    pub(super) fn known(&self) -> &Place {
        &self.known
    }

    /// Reads all of it once.
    pub(super) fn read(&mut self, time: Timestamp, absent: &mut Vec<String>) {
        let mut values = Vec::new();
        match &mut self.statistics {
            Some(Statistics::File(file)) => {
                values = text(file, &mut self.buffer).map(conntrack::parse).unwrap_or_default();
            }
            Some(Statistics::Netlink { socket, sequence }) => {
                *sequence = sequence.wrapping_add(1);
                match ask(socket, *sequence, &mut self.buffer) {
                    Ok(sums) => values = sums,
                    Err(error) => {
                        absent.push(match error.raw_os_error() {
                            Some(1) => "conntrack: this kernel tells its statistics by netlink only, which \
                                        needs CAP_NET_ADMIN"
                                .to_owned(),
                            _ => format!("conntrack: netlink does not tell its statistics: {error}"),
                        });
                        self.statistics = None;
                    }
                }
            }
            None => {}
        }
        let mut of = |file: &Option<File>, parse: fn(&str) -> Vec<(Counter, u64)>| {
            let text = file.as_ref().and_then(|file| text(file, &mut self.buffer));
            text.map(parse).unwrap_or_default()
        };
        let v4 = of(&self.snmp, udp::parse);
        let v6 = of(&self.snmp6, udp::parse6);
        values.extend(udp::joined(&v4, &v6));
        for (counter, value) in values {
            self.known.read(counter, time, value);
        }
        let mut number = |file: &Option<File>| -> Option<u64> {
            text(file.as_ref()?, &mut self.buffer)?.trim().parse().ok()
        };
        if let Some(entries) = number(&self.count) {
            let most = number(&self.max).unwrap_or(0);
            self.known.read_table(entries, most);
        }
    }
}

/// What a file of `/proc` says now, from its beginning.
fn text<'a>(file: &File, buffer: &'a mut Vec<u8>) -> Option<&'a str> {
    buffer.clear();
    loop {
        let filled = buffer.len();
        if filled >= MAX_STATISTICS {
            return None;
        }
        buffer.resize((filled * 2).clamp(16 << 10, MAX_STATISTICS), 0);
        match file.read_at(&mut buffer[filled..], filled as u64) {
            Ok(0) => {
                buffer.truncate(filled);
                return std::str::from_utf8(buffer).ok();
            }
            Ok(more) => buffer.truncate(filled + more),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => buffer.truncate(filled),
            Err(_) => return None,
        }
    }
}

fn ask_netlink() -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let family = AddressFamily::NETLINK;
    Ok(rustix::net::socket_with(family, SocketType::RAW, flags, Some(NETFILTER))?)
}

/// Asks the kernel and takes its whole answer, which is there at once: it is made when it is read.
fn ask(socket: &OwnedFd, sequence: u32, buffer: &mut Vec<u8>) -> io::Result<Vec<(Counter, u64)>> {
    let sent = rustix::net::send(socket, &netlink::request(sequence), SendFlags::empty())?;
    debug_assert_eq!(sent, netlink::request(sequence).len());
    let mut sums = Vec::new();
    buffer.resize(MAX_DATAGRAM, 0);
    for _ in 0..MAX_DATAGRAMS {
        let (length, _) = rustix::net::recv(socket, &mut buffer[..], RecvFlags::empty())?;
        match netlink::add(&buffer[..length], sequence, &mut sums) {
            State::More => {}
            State::Done => return Ok(sums),
            State::Refused(number) => return Err(io::Error::from_raw_os_error(number)),
        }
    }
    Err(io::Error::other("its answer does not end"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What netlink says is what the file says: needs CAP_NET_ADMIN.
    #[test]
    fn netlink_and_proc_agree() {
        let Ok(file) = File::open(net(Path::new("/proc")).join("stat/nf_conntrack")) else {
            return println!("skipped: no /proc/net/stat/nf_conntrack here");
        };
        let mut buffer = Vec::new();
        let sums = match ask(&ask_netlink().unwrap(), 9, &mut buffer) {
            Ok(sums) => sums,
            Err(error) if error.raw_os_error() == Some(1) => {
                return println!("skipped: needs CAP_NET_ADMIN");
            }
            Err(error) => panic!("{error}"),
        };
        let mut names: Vec<Counter> = sums.iter().map(|(counter, _)| *counter).collect();
        names.sort_unstable();
        let mut read = conntrack::parse(text(&file, &mut buffer).unwrap());
        read.sort_unstable();
        assert_eq!(names, read.iter().map(|(counter, _)| *counter).collect::<Vec<_>>());
        for (counter, value) in read {
            let (_, told) = sums.iter().find(|(other, _)| *other == counter).unwrap();
            // Others may be at work on this machine, between the two.
            assert!(value >= *told && value - told < 10_000, "{counter:?}: {told}, then {value}");
        }
    }
}
