//! Doubly linked lists through slot numbers: the order in which connections were last seen.

/// No slot.
pub(super) const NONE: u32 = u32::MAX;

/// The neighbours of a slot in its list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    newer: u32,
    older: u32,
}

impl Link {
    pub(super) const ALONE: Link = Link { newer: NONE, older: NONE };
}

#[derive(Clone, Copy, Debug)]
pub(super) struct List {
    newest: u32,
    pub(super) oldest: u32,
    pub(super) length: usize,
}

impl List {
    pub(super) const EMPTY: List = List { newest: NONE, oldest: NONE, length: 0 };

    /// Puts a slot that is in no list at the new end.
    pub(super) fn push(&mut self, slot: u32, links: &mut [Link]) {
        links[slot as usize] = Link { newer: NONE, older: self.newest };
        match links.get_mut(self.newest as usize) {
            Some(link) => link.newer = slot,
            None => self.oldest = slot,
        }
        self.newest = slot;
        self.length += 1;
    }

    /// Takes a slot of this list out of it.
    pub(super) fn remove(&mut self, slot: u32, links: &mut [Link]) {
        let Link { newer, older } = links[slot as usize];
        match links.get_mut(newer as usize) {
            Some(link) => link.older = older,
            None => self.newest = older,
        }
        match links.get_mut(older as usize) {
            Some(link) => link.newer = newer,
            None => self.oldest = newer,
        }
        links[slot as usize] = Link::ALONE;
        self.length -= 1;
    }

    /// Moves a slot of this list to the new end.
    pub(super) fn touch(&mut self, slot: u32, links: &mut [Link]) {
        if self.newest != slot {
            self.remove(slot, links);
            self.push(slot, links);
        }
    }
}
