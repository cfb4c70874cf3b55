//! The ioctl `SIOCETHTOOL`, with `unsafe` code. No crate offers the counters of
//! `ethtool -S`, and netlink does not tell them.

#![expect(unsafe_code, reason = "an ioctl whose answer the kernel writes through a pointer")]

use std::ffi::c_void;
use std::io;
use std::os::fd::OwnedFd;
use std::ptr::{self, NonNull};

use rustix::ioctl::{Ioctl, IoctlOutput, Opcode};
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags};
use rustix::net::{AddressFamily, SocketFlags, SocketType};

use super::Ask;

/// `SIOCETHTOOL` of `linux/sockios.h`.
const SIOCETHTOOL: Opcode = 0x8946;

/// `IFNAMSIZ`: names of interfaces, with the octet that ends them.
const IFNAMSIZ: usize = 16;

/// Room for an answer: 16,384 names of 32 octets, and some for the heading.
const ROOM: usize = (16_384 * 32) + (64 << 10);

/// Behind it, memory that nobody may write. The largest pages that Linux has are of 64 KiB, so this is at
/// least one.
const GUARD: usize = 64 << 10;

/// `struct ifreq` as this ioctl uses it: a name, a pointer, and what else the union has room for.
#[repr(C)]
struct Request {
    name: [u8; IFNAMSIZ],
    data: *mut c_void,
    rest: [u8; 16],
}

/// `struct ifreq` has 40 octets, and 32 where pointers have four.
const _: () = assert!(size_of::<Request>() >= 24 + 2 * size_of::<usize>());

// SAFETY: `SIOCETHTOOL` takes a `struct ifreq`, which `Request` is at least as long as (asserted above),
// reads name and pointer of it, and writes only through the pointer. Where that leads is for whoever
// makes the request to answer for. There is no output besides.
unsafe impl Ioctl for Request {
    type Output = ();

    const IS_MUTATING: bool = true;

    fn opcode(&self) -> Opcode {
        SIOCETHTOOL
    }

    fn as_ptr(&mut self) -> *mut c_void {
        ptr::from_mut(self).cast()
    }

    unsafe fn output_from_ptr(_: IoctlOutput, _: *mut c_void) -> rustix::io::Result<()> {
        Ok(())
    }
}

/// Memory that an answer goes to. The kernel does not ask how much there is: a driver that has got more
/// counters since it was asked for their number writes more. It writes from the beginning on, so that
/// it meets the guard behind before anything else, and gives up with EFAULT.
struct Room {
    start: NonNull<u8>,
}

// SAFETY: the memory belongs to this value alone; no thread is tied to it.
unsafe impl Send for Room {}

impl Room {
    fn new() -> io::Result<Room> {
        let (read_write, private) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
        // SAFETY: a new mapping at a place that the kernel chooses overlaps nothing.
        let start = unsafe {
            rustix::mm::mmap_anonymous(ptr::null_mut(), ROOM + GUARD, read_write, private)
        }?;
        let room = Room { start: NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)? };
        // SAFETY: `ROOM` is a multiple of all page sizes up to 64 KiB, and `ROOM + GUARD` octets are mapped
        // from `start` on; nothing refers to the last `GUARD` of them, now or later.
        unsafe {
            let guard = room.start.as_ptr().add(ROOM).cast();
            rustix::mm::mprotect(guard, GUARD, MprotectFlags::empty())?;
        }
        Ok(room)
    }

    fn octets(&mut self) -> &mut [u8] {
        // SAFETY: `ROOM` octets from `start` on are mapped, readable, writable and set (a new mapping is all
        // zeroes) as long as `self` lives, and the borrow of `self` keeps others away meanwhile.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), ROOM) }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        // SAFETY: exactly what was mapped in `new`; nobody can refer to it any more.
        let _ = unsafe { rustix::mm::munmap(self.start.as_ptr().cast(), ROOM + GUARD) };
    }
}

/// A socket to ask by: any one does. It belongs to the network namespace that it was opened in.
pub(in crate::node) struct Socket {
    socket: OwnedFd,
    room: Room,
}

impl Socket {
    pub(in crate::node) fn open() -> io::Result<Socket> {
        let family = AddressFamily::INET;
        let socket =
            rustix::net::socket_with(family, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
        Ok(Socket { socket, room: Room::new()? })
    }
}

impl Ask for Socket {
    fn ask(&mut self, interface: &str, request: &[u8]) -> io::Result<&[u8]> {
        let mut name = [0; IFNAMSIZ];
        if interface.len() >= IFNAMSIZ || request.len() > ROOM {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        name[..interface.len()].copy_from_slice(interface.as_bytes());
        self.room.octets()[..request.len()].copy_from_slice(request);
        let data = self.room.start.as_ptr().cast();
        // SAFETY: the opcode goes with `Request`, as said there. `data` points to `ROOM` octets that nothing
        // refers to now, and behind them stands the guard.
        unsafe { rustix::ioctl::ioctl(&self.socket, Request { name, data, rest: [0; 16] }) }?;
        Ok(self.room.octets())
    }
}
