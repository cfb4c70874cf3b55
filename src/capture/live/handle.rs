//! Handles of libpcap: opened, filtered, and never waited for inside libpcap.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex};

use pcap::{Active, Capture, Device, Linktype};

use super::board::Board;
#[cfg(target_os = "linux")]
use super::fanout;
use super::{LiveError, Options, clock};
use crate::capture::Interface;
use crate::model::{LinkType, Timestamp};

/// libpcap's name for all interfaces at once.
pub(super) const ANY: &str = "any";

/// The kernel hands over a block of its ring when it is full or this old. It bounds how late a packet is
/// seen; the wait itself is `poll`'s, because a ring without packets is never handed over (libpcap waits
/// without end on a quiet interface).
pub(super) const RETIRE_MS: u16 = 40;

/// A handle and what it captures.
pub(super) struct Handle {
    pub(super) capture: Capture<Active>,
    /// The same socket: for `poll`, and to ask for names of interfaces.
    pub(super) socket: OwnedFd,
    pub(super) name: String,
    pub(super) tap: usize,
    pub(super) interface: Interface,
    /// The number of its only interface; `None` where packets name theirs.
    pub(super) number: Option<u16>,
    /// The filter, in the words of libpcap.
    pub(super) filter: String,
    /// Numbers of the interfaces that packets name, shared by the handles of `any`.
    pub(super) seats: Seats,
    /// Whether the counter of the interface itself means the interface that is captured on, and nobody else
    /// adds it.
    pub(super) counts_interface: bool,
    /// Nothing from before this counts: until then some of several handles were not there yet.
    pub(super) since: Timestamp,
}

/// Index on the host and number of interfaces.
pub(super) type Seats = Arc<Mutex<Vec<(u32, u16)>>>;

/// Opens all handles on all of these interfaces, in the namespace that the thread is in.
pub(super) fn open_all(
    names: &[String],
    options: &Options,
    board: &Board,
) -> Result<Vec<Handle>, LiveError> {
    let threads = options.threads.max(1);
    let ring = options.ring(names.len() * threads);
    let mut handles = Vec::new();
    for name in names {
        let mut first = open(name, handles.len(), ring, options)?;
        let interface = first.interface.clone();
        // Behind a header of the second version each packet has an interface of its own.
        let cooked = interface.link_type.0 == LINUX_SLL2;
        first.number = (!cooked).then(|| board.add_interface(interface));
        first.counts_interface = options.place.is_none();
        let mut group = vec![first];
        for _ in 1..threads {
            let mut next = open(name, handles.len() + group.len(), ring, options)?;
            (next.number, next.seats) = (group[0].number, Arc::clone(&group[0].seats));
            group.push(next);
        }
        share(&group).map_err(|error| LiveError::Handle {
            name: name.clone(),
            message: format!("several threads cannot share its packets: {error}"),
        })?;
        handles.append(&mut group);
    }
    if handles.len() > 1 {
        let since = clock::wall();
        for handle in &mut handles {
            handle.since = since;
        }
    }
    Ok(handles)
}

/// Has handles of one interface share its packets.
#[cfg(target_os = "linux")]
fn share(handles: &[Handle]) -> io::Result<()> {
    let [first, others @ ..] = handles else { return Ok(()) };
    if others.is_empty() {
        return Ok(());
    }
    let group = fanout::begin(&first.socket)?;
    others.iter().try_for_each(|handle| fanout::join(&handle.socket, group))
}

#[cfg(not(target_os = "linux"))]
fn share(handles: &[Handle]) -> io::Result<()> {
    if handles.len() > 1 { Err(io::ErrorKind::Unsupported.into()) } else { Ok(()) }
}

/// Opens a handle.
fn open(name: &str, tap: usize, ring: u32, options: &Options) -> Result<Handle, LiveError> {
    let fail = |error: pcap::Error| explain(name, &error);
    let inactive = Capture::from_device(name).map_err(fail)?;
    let inactive = inactive
        .snaplen(i32::try_from(options.snap_length).unwrap_or(i32::MAX))
        .buffer_size(i32::try_from(ring).unwrap_or(i32::MAX))
        // The pseudo interface has no such mode, and libpcap would refuse.
        .promisc(options.promiscuous && name != ANY)
        .timeout(i32::from(RETIRE_MS));
    // Not immediate: that would have libpcap use the older, slower ring.
    #[cfg(target_os = "linux")]
    let inactive = inactive.precision(pcap::Precision::Nano);
    let mut capture = inactive.open().map_err(fail)?;
    if capture.get_datalink() == Linktype::LINUX_SLL {
        // The second version names the interface of each packet. Older libraries do not have it.
        let _ = capture.set_datalink(SLL2);
    }
    let link_type = link_type(capture.get_datalink());
    let length = |text: &str| Some(capture.compile(text, true).ok()?.get_instructions().len());
    let filter = options.filter.text(link_type, length);
    capture.filter(&filter, true).map_err(|error| LiveError::Handle {
        name: name.to_owned(),
        message: format!("the filter does not fit this kind of interface: {}", words(&error)),
    })?;
    let capture = capture.setnonblock().map_err(fail)?;
    let socket = capture.as_fd().try_clone_to_owned().map_err(LiveError::Thread)?;
    let interface = Interface {
        name: Some(name.to_owned()),
        link_type,
        snap_length: options.snap_length,
        file: 0,
    };
    Ok(Handle {
        capture,
        socket,
        name: name.to_owned(),
        tap,
        interface,
        number: None,
        filter,
        seats: Seats::default(),
        counts_interface: false,
        since: Timestamp::MIN,
    })
}

/// The number of the registry, which is what files have: raw IP has another one on a live handle.
fn link_type(datalink: Linktype) -> LinkType {
    const DLT_RAW: i32 = 12;
    let number = if datalink.0 == DLT_RAW { Linktype::RAW.0 } else { datalink.0 };
    LinkType(u16::try_from(number).unwrap_or(u16::MAX))
}

/// `LINKTYPE_LINUX_SLL2`.
pub(super) const LINUX_SLL2: u16 = 276;
const SLL2: Linktype = Linktype(LINUX_SLL2 as i32);

/// libpcap's message, without the name of the crate's variant around it.
pub(super) fn words(error: &pcap::Error) -> String {
    match error {
        pcap::Error::PcapError(message) => message.clone(),
        other => other.to_string(),
    }
}

/// Finds out what is behind an error of opening.
fn explain(name: &str, error: &pcap::Error) -> LiveError {
    let name = name.to_owned();
    let message = words(error);
    if ["CAP_NET_RAW", "ermission", "not permitted"].iter().any(|sign| message.contains(sign)) {
        return LiveError::NotPermitted { name };
    }
    let known = interfaces();
    if name != ANY && !known.contains(&name) {
        return LiveError::NoInterface { name, known };
    }
    if message.contains("is not up") || message.contains("Network is down") {
        return LiveError::Down { name };
    }
    LiveError::Handle { name, message }
}

/// Names of the interfaces that are there. Empty where libpcap cannot tell.
fn interfaces() -> Vec<String> {
    let devices = Device::list().unwrap_or_default();
    // libpcap lists devices that are no network interfaces, too.
    let network = |name: &String| {
        !["bluetooth", "dbus-", "nflog", "nfqueue", "usbmon"].iter().any(|p| name.starts_with(p))
    };
    devices.into_iter().map(|device| device.name).filter(network).collect()
}
