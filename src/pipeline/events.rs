//! The events of a unit, each made where it stays: copied about, they would cost more than what is
//! decoded for them.

use super::unit::Event;

/// Events in the order of their frames. Places are reused from one block to the next.
#[derive(Default)]
pub(super) struct Events {
    places: Vec<Event>,
    count: usize,
}

impl Events {
    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.count = 0;
    }

    /// The place of the next event. It holds an old one, and counts only once it is [kept](Self::keep).
    pub(super) fn next(&mut self) -> &mut Event {
        if self.count == self.places.len() {
            self.places.push(Event::default());
        }
        &mut self.places[self.count]
    }

    /// Keeps what was put into the next place.
    pub(super) fn keep(&mut self) {
        self.count += 1;
    }
}

impl std::ops::Deref for Events {
    type Target = [Event];

    fn deref(&self) -> &[Event] {
        &self.places[..self.count]
    }
}

impl std::ops::DerefMut for Events {
    fn deref_mut(&mut self) -> &mut [Event] {
        &mut self.places[..self.count]
    }
}
