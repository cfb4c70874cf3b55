//! Addresses and names that stand for others: in reports and in written captures alike, since packets are
//! rewritten before anybody else sees them.
//!
//! [`Anonymized`] wraps a source. Every frame is taken apart as `decode` does, and put together again from
//! zeros: only what is understood and names nobody is taken over, addresses and names are replaced, and
//! everything else stays zero (`pane`). No state is kept, so it costs no order: the same key and the same
//! octets give the same result, on any thread and on any node.
//!
//! Kept: times, sizes, ports, IDs, TTLs, flags, sequence numbers, types, RCODEs; words that are the same
//! everywhere (`label`), addresses that have a meaning (`address`).

mod address;
mod data;
mod key;
mod label;
mod link;
mod message;
mod network;
mod pane;
mod segment;
#[cfg(test)]
mod tests;
mod transport;

pub use key::{Key, KeyError};

use std::sync::{Arc, Mutex, PoisonError};

use crate::capture::{Block, Blocks, Interface, Notes};
use crate::model::{Address, DnsPorts, LinkType};
use pane::Pane;

/// How many tunnels are around.
type Depth = u8;

/// Replaces addresses and names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anonymizer {
    key: Key,
    ports: DnsPorts,
}

impl Anonymizer {
    /// With this secret; DNS is spoken on these ports.
    pub fn new(key: Key, ports: &[u16]) -> Anonymizer {
        Anonymizer { key, ports: DnsPorts::new(ports) }
    }

    /// The address that stands for this one, for those that options name.
    pub fn address(&self, address: Address) -> Address {
        address::address(&self.key, address)
    }

    /// Rewrites a frame. `scratch` is reused.
    fn frame(&self, link_type: LinkType, frame: &mut [u8], scratch: &mut Vec<u8>) {
        scratch.clear();
        scratch.extend_from_slice(frame);
        frame.fill(0);
        // Where it ends early, the rest is zeros.
        let _ = self.link(link_type, Pane { from: scratch, to: frame }, 0);
    }

    fn interface(&self, interface: &Interface) -> Interface {
        let name = interface.name.as_deref().map(|name| label::interface(&self.key, name));
        Interface { name, ..interface.clone() }
    }
}

/// A source whose packets have been rewritten.
pub struct Anonymized<'a> {
    source: &'a dyn Blocks,
    anonymizer: &'a Anonymizer,
    /// The interfaces as they are and as they are called now: they rarely change.
    interfaces: Mutex<[Arc<Vec<Interface>>; 2]>,
}

impl<'a> Anonymized<'a> {
    /// Rewrites what `source` hands out.
    pub fn new(source: &'a dyn Blocks, anonymizer: &'a Anonymizer) -> Anonymized<'a> {
        Anonymized { source, anonymizer, interfaces: Mutex::default() }
    }

    fn interfaces(&self, known: &Arc<Vec<Interface>>) -> Arc<Vec<Interface>> {
        let mut cached = self.interfaces.lock().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&cached[0], known) {
            let renamed = known.iter().map(|one| self.anonymizer.interface(one)).collect();
            *cached = [Arc::clone(known), Arc::new(renamed)];
        }
        Arc::clone(&cached[1])
    }
}

impl Blocks for Anonymized<'_> {
    fn fill(&self, block: &mut Block) -> bool {
        if !self.source.fill(block) {
            return false;
        }
        let mut scratch = Vec::new();
        for record in &block.records {
            let start = record.offset as usize;
            let link_type = block.interfaces[usize::from(record.interface)].link_type;
            if let Some(frame) = block.data.get_mut(start..start + record.captured as usize) {
                self.anonymizer.frame(link_type, frame, &mut scratch);
            }
        }
        block.interfaces = self.interfaces(&block.interfaces);
        true
    }

    fn notes(&self) -> Notes {
        let mut notes = self.source.notes();
        for interface in &mut notes.interfaces {
            let hidden = self.anonymizer.interface(interface);
            if let (Some(name), Some(hidden)) = (&interface.name, &hidden.name)
                && name != hidden
            {
                for text in notes.files.iter_mut().chain(&mut notes.warnings) {
                    *text = text.replace(name, hidden);
                }
            }
            *interface = hidden;
        }
        notes
    }

    fn waits(&self) -> bool {
        self.source.waits()
    }

    fn progress(&self) -> (u64, Option<u64>) {
        self.source.progress()
    }
}
