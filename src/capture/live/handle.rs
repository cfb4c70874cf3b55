//! One handle of libpcap: opened, filtered, and never waited for inside libpcap.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use pcap::{Active, Capture, Device, Linktype};

use super::board::Board;
use super::{LiveError, Options};
use crate::capture::Interface;
use crate::model::LinkType;

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
}

/// Opens a handle and enters its interface.
pub(super) fn open(
    name: &str,
    tap: usize,
    options: &Options,
    board: &Arc<Board>,
) -> Result<Handle, LiveError> {
    let fail = |error: pcap::Error| explain(name, &error);
    let inactive = Capture::from_device(name).map_err(fail)?;
    let inactive = inactive
        .snaplen(i32::try_from(options.snap_length).unwrap_or(i32::MAX))
        .buffer_size(i32::try_from(options.buffer_size).unwrap_or(i32::MAX))
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
    // Behind a header of the second version each packet has an interface of its own.
    let number = (link_type.0 != LINUX_SLL2).then(|| board.add_interface(interface.clone()));
    Ok(Handle { capture, socket, name: name.to_owned(), tap, interface, number, filter })
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
