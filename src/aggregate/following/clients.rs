//! What each client wanted.

use crate::aggregate::counting::Asker;
use crate::aggregate::marks::Frames;
use crate::classify::{Ended, Ending};
use crate::model::Address;

/// Clients at most; what comes beyond is counted together. Each comes with a pair, of which there are half as
/// many: 9 MB at worst.
pub(super) const MAX_CLIENTS: usize = 1 << 16;

/// Search suffixes kept of one client.
const MAX_SUFFIXES: usize = 8;

/// One client's lookups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Client {
    /// Its address.
    pub address: Address,
    /// Lookups.
    pub lookups: u64,
    /// Lookups that walked a search list.
    pub walks: u64,
    /// Walks that ended with records.
    pub walks_resolved: u64,
    /// Walks for a name that already ended in one of the suffixes.
    pub doubled: u64,
    /// Transactions of all lookups.
    pub transactions: u64,
    /// Transactions for steps before the last.
    pub extra: u64,
    /// Lookups that ended resolved, NODATA, missing, failed and unanswered: as [`Ending`] counts.
    pub endings: [u64; 5],
    /// Lookups whose A was fine and whose AAAA was empty.
    pub only_ipv4: u64,
    /// Its questions, known once all have been counted.
    pub asker: Asker,
    /// Most dots of a name that went through the list first: ndots is larger.
    pub dots_searched: Option<u8>,
    /// Fewest dots of a name that was tried as it is first: ndots is not larger.
    pub dots_as_is: Option<u8>,
    /// Most suffixes that one walk tried: the search list is at least as long.
    pub longest_walk: u8,
    /// Frames of walks.
    pub walk_frames: Frames,
    /// Walks that went on after a step with empty answers only, and after one with NXDOMAIN only.
    pub passed: [u64; 2],
    /// Walks that ended within the search list at such a step.
    pub stopped: [u64; 2],
    /// Its questions that were cut before their end: nobody can say which lookups they belonged to.
    pub cut_questions: u64,
    suffixes: [u16; MAX_SUFFIXES],
    suffix_count: u8,
}

impl Client {
    /// A client with this address.
    pub fn new(address: Address) -> Client {
        Client { address, ..Client::default() }
    }

    /// Counts a lookup that has ended.
    pub fn count(&mut self, ended: &Ended<'_>) {
        self.lookups += 1;
        self.transactions += u64::from(ended.transactions);
        self.extra += u64::from(ended.extra);
        self.endings[ended.ending as usize] += 1;
        self.only_ipv4 += u64::from(ended.only_ipv4);
        if ended.steps > 1 {
            self.walks += 1;
            self.walks_resolved += u64::from(ended.ending == Ending::Resolved);
            self.longest_walk = self.longest_walk.max(ended.suffixes.len() as u8);
            self.walk_frames.note(ended.frame);
        }
        for (sum, &steps) in self.passed.iter_mut().zip(&ended.passed) {
            *sum += u64::from(steps);
        }
        self.stopped[0] += u64::from(ended.within && ended.all_empty);
        self.stopped[1] += u64::from(ended.within && ended.ending == Ending::Missing);
        self.doubled += u64::from(ended.doubled);
        match ended.dots {
            Some(dots) if ended.as_is_first => {
                self.dots_as_is = Some(self.dots_as_is.map_or(dots, |least| least.min(dots)));
            }
            Some(dots) => self.dots_searched = self.dots_searched.max(Some(dots)),
            None => {}
        }
        for &suffix in ended.suffixes {
            let count = usize::from(self.suffix_count);
            if count < MAX_SUFFIXES && !self.suffixes[..count].contains(&suffix) {
                self.suffixes[count] = suffix;
                self.suffix_count += 1;
            }
        }
    }

    /// Indexes of the suffixes that it was seen to use, in their order of appearance.
    pub fn suffixes(&self) -> &[u16] {
        &self.suffixes[..usize::from(self.suffix_count)]
    }

    /// Lookups with this ending.
    pub fn ending(&self, ending: Ending) -> u64 {
        self.endings[ending as usize]
    }
}
