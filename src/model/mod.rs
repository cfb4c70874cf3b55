//! The vocabulary that every stage shares: plain values, no I/O, no state.

mod address;
mod capacity;
pub mod extended_error;
mod message;

mod name;
mod packet;
mod ports;
mod registry;
mod time;

pub use address::{Address, Endpoint};
pub use capacity::Capacity;
pub use message::{Message, MessageFlags, Rcode, malformed, qtype};
pub use name::{FOLD_LIMIT, Name, NameHasher, display_name, fold_into, label_count, labels};
pub use packet::{Direction, LinkType, PacketMeta};
pub use ports::DnsPorts;
pub use registry::{opcode, qclass};
pub use time::{Span, Timestamp};
