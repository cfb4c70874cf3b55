//! Counters of ENA interfaces, by the ioctl that `ethtool -S` uses: which driver it is, what its counters
//! are called, and what they stand at. Linux lets everybody ask for these.
//!
//! Requests and answers are bytes here; `ioctl` carries them.

mod ioctl;

use std::collections::BTreeMap;
use std::io;

use crate::context::ethtool::Counter;
use crate::context::series::Series;
use crate::model::Timestamp;

pub(super) use ioctl::Socket;

/// Commands of `linux/ethtool.h`.
const GDRVINFO: u32 = 0x03;
const GSTRINGS: u32 = 0x1b;
const GSTATS: u32 = 0x1d;
const GSSET_INFO: u32 = 0x37;

/// `ETH_SS_STATS`: the set of strings that names the counters.
const SS_STATS: u32 = 1;

/// `struct ethtool_drvinfo`, and where in it the name of the driver stands.
const DRVINFO: usize = 196;
const DRIVER: std::ops::Range<usize> = 4..36;

/// `ETH_GSTRING_LEN`.
const NAME: usize = 32;

/// Counters of one interface. ENA has some ten, and some forty a queue, of 128 queues at most.
const MAX_COUNTERS: usize = 1 << 14;

/// ENA interfaces that are watched: an instance has at most 15 ENIs on a card.
const MAX_NICS: usize = 64;

/// Interfaces that are asked for their driver: a node has a few hundred.
const MAX_INTERFACES: usize = 1 << 14;

/// Whoever carries a request to the driver of an interface and the answer back.
pub(super) trait Ask {
    /// The request's bytes, and as many more as the answer may take, come back changed.
    fn ask(&mut self, interface: &str, request: &[u8]) -> io::Result<&[u8]>;
}

/// The drivers whose counters these are.
fn has_allowances(driver: &str) -> bool {
    driver == "ena"
}

/// An ENA interface, and which of its counters are wanted.
struct Nic {
    name: String,
    counters: usize,
    wanted: Vec<(Counter, usize)>,
}

/// The ENA interfaces that are watched.
pub(super) struct Nics {
    ask: Box<dyn Ask + Send>,
    nics: Vec<Nic>,
}

impl Nics {
    /// Finds them: those that the capture is taken on, or all where none of these is one. Packets of a pod
    /// that is captured on its veth leave by one of them.
    pub(super) fn find(
        mut ask: Box<dyn Ask + Send>,
        interfaces: &[String],
        captured: &[String],
        absent: &mut Vec<String>,
    ) -> Option<Nics> {
        let mut drivers: Vec<String> = Vec::new();
        let mut found: Vec<&String> = Vec::new();
        for interface in interfaces.iter().take(MAX_INTERFACES) {
            match driver(&mut *ask, interface) {
                Ok(driver) if has_allowances(&driver) => found.push(interface),
                Ok(driver) if !drivers.contains(&driver) => drivers.push(driver),
                _ => {}
            }
        }
        if found.iter().any(|name| captured.contains(name)) {
            found.retain(|name| captured.contains(name));
        }
        if found.is_empty() {
            let others = match drivers.as_slice() {
                [] => String::new(),
                some => format!(" (drivers: {})", some.join(", ")),
            };
            absent.push(format!("ENA counters: no interface here is an ENA one{others}"));
            return None;
        }
        let mut nics = Vec::new();
        for name in found.into_iter().take(MAX_NICS) {
            match nic(&mut *ask, name) {
                Ok(nic) if nic.wanted.is_empty() => absent.push(format!(
                    "ENA counters: the driver of {name} has no ..._allowance_exceeded (2.2.10 or newer has)"
                )),
                Ok(nic) => nics.push(nic),
                Err(error) => absent.push(format!("ENA counters of {name}: {}", reason(&error))),
            }
        }
        (!nics.is_empty()).then_some(Nics { ask, nics })
    }

    /// Reads all of them once. An interface that does not answer any more is given up.
    pub(super) fn read(
        &mut self,
        time: Timestamp,
        read: &mut Vec<(String, BTreeMap<Counter, Series>)>,
        absent: &mut Vec<String>,
    ) {
        let ask = &mut *self.ask;
        self.nics.retain(|nic| {
            let values = match statistics(ask, nic) {
                Ok(values) => values,
                Err(error) => {
                    absent.push(format!("ENA counters of {}: {}", nic.name, reason(&error)));
                    return false;
                }
            };
            let at = read.iter().position(|(name, _)| *name == nic.name).unwrap_or_else(|| {
                read.push((nic.name.clone(), BTreeMap::new()));
                read.len() - 1
            });
            let known = &mut read[at].1;
            for (counter, value) in values {
                match known.get_mut(&counter) {
                    Some(series) => series.add(time, value),
                    None => {
                        known.insert(counter, Series::new(time, value));
                    }
                }
            }
            true
        });
    }
}

/// An error in words: what right is missing, where it is one.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            format!("this kernel does not tell them without CAP_NET_ADMIN ({error})")
        }
        _ => error.to_string(),
    }
}

/// Names in `/proc/net/dev`: what stands before the colon, below two lines of heading.
pub(super) fn names(text: &str) -> Vec<String> {
    let lines = text.lines().skip(2);
    let names = lines.filter_map(|line| line.rsplit_once(':').map(|(name, _)| name.trim()));
    names.filter(|name| (1..16).contains(&name.len())).map(str::to_owned).collect()
}

fn driver(ask: &mut (dyn Ask + Send), interface: &str) -> io::Result<String> {
    let mut request = [0; DRVINFO];
    request[..4].copy_from_slice(&GDRVINFO.to_ne_bytes());
    let answer = ask.ask(interface, &request)?;
    Ok(name(answer.get(DRIVER).unwrap_or_default()))
}

/// How many counters there are, and where those stand that are wanted.
fn nic(ask: &mut (dyn Ask + Send), interface: &str) -> io::Result<Nic> {
    let words: [u32; 5] = [GSSET_INFO, 0, 0, 0, 0];
    let mut request: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
    request[8..16].copy_from_slice(&(1_u64 << SS_STATS).to_ne_bytes());
    let answer = ask.ask(interface, &request)?;
    // A driver without counters takes their bit out of the mask.
    let counters = if word(answer, 8) == 1 << SS_STATS { word(answer, 16) as usize } else { 0 };
    if counters > MAX_COUNTERS {
        return Err(io::Error::other(format!("it says that it has {counters} counters")));
    }
    let mut wanted = Vec::new();
    if counters > 0 {
        let words = [GSTRINGS, SS_STATS, counters as u32];
        let mut request: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        request.resize(request.len() + counters * NAME, 0);
        let answer = ask.ask(interface, &request)?;
        let names = answer.get(12..).unwrap_or_default().chunks_exact(NAME).take(counters);
        let known =
            names.enumerate().filter_map(|(at, octets)| Some((Counter::find(&name(octets))?, at)));
        wanted.extend(known);
    }
    Ok(Nic { name: interface.to_owned(), counters, wanted })
}

/// What the wanted counters stand at.
fn statistics(ask: &mut (dyn Ask + Send), nic: &Nic) -> io::Result<Vec<(Counter, u64)>> {
    let words = [GSTATS, nic.counters as u32];
    let mut request: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
    request.resize(request.len() + nic.counters * 8, 0);
    let answer = ask.ask(&nic.name, &request)?;
    // Queues that came or went move the counters.
    if word(answer, 4) as usize != nic.counters {
        return Err(io::Error::other("its counters are others than before"));
    }
    let value = |at: usize| {
        let octets = answer.get(8 + at * 8..).and_then(<[u8]>::first_chunk::<8>);
        octets.map(|octets| u64::from_ne_bytes(*octets))
    };
    Ok(nic.wanted.iter().filter_map(|&(counter, at)| Some((counter, value(at)?))).collect())
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let octets = bytes.get(at..).and_then(<[u8]>::first_chunk::<4>);
    octets.map_or(0, |octets| u32::from_ne_bytes(*octets))
}

/// A name that ends at the first octet of nothing, or at the end.
fn name(octets: &[u8]) -> String {
    let end = octets.iter().position(|&octet| octet == 0).unwrap_or(octets.len());
    String::from_utf8_lossy(&octets[..end]).into_owned()
}

#[cfg(test)]
pub(super) mod tests;
