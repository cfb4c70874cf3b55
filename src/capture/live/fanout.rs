//! Several handles that share the packets of one interface (`PACKET_FANOUT`, packet(7)).
//!
//! The kernel gives a packet to one handle of the group, by the hash of its flow, and to the next where
//! that one's ring is full. It does not matter which one it is: their packets are merged by time.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

/// A group of handles.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group(u16);

/// Begins a group, with a number that nobody else has.
pub(super) fn begin(socket: &OwnedFd) -> io::Result<Group> {
    let kind = libc::PACKET_FANOUT_HASH | libc::PACKET_FANOUT_FLAG_ROLLOVER;
    set(socket, (kind | libc::PACKET_FANOUT_FLAG_UNIQUEID) << 16)?;
    // The number is in the lower half.
    get(socket).map(|value| Group((value & 0xffff) as u16))
}

/// Has a further handle join it.
pub(super) fn join(socket: &OwnedFd, group: Group) -> io::Result<()> {
    let kind = libc::PACKET_FANOUT_HASH | libc::PACKET_FANOUT_FLAG_ROLLOVER;
    set(socket, (kind << 16) | u32::from(group.0))
}

#[expect(unsafe_code, reason = "no safe crate sets PACKET_FANOUT")]
fn set(socket: &OwnedFd, value: u32) -> io::Result<()> {
    let size = size_of::<u32>() as libc::socklen_t;
    let place = (&raw const value).cast::<libc::c_void>();
    // SAFETY: the descriptor is open as long as `socket` lives; `place` points to `size` octets that live
    // to the end of this function, and the kernel only reads them.
    let result = unsafe {
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_PACKET, libc::PACKET_FANOUT, place, size)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[expect(unsafe_code, reason = "no safe crate reads PACKET_FANOUT")]
fn get(socket: &OwnedFd) -> io::Result<u32> {
    let mut value = 0_u32;
    let mut size = size_of::<u32>() as libc::socklen_t;
    let place = (&raw mut value).cast::<libc::c_void>();
    // SAFETY: the descriptor is open as long as `socket` lives; `place` points to `size` octets that may be
    // written to, the kernel writes no more than that, and an integer may hold any of them.
    let result = unsafe {
        let (fd, option) = (socket.as_raw_fd(), libc::PACKET_FANOUT);
        libc::getsockopt(fd, libc::SOL_PACKET, option, place, &raw mut size)
    };
    if result == 0 { Ok(value) } else { Err(io::Error::last_os_error()) }
}
