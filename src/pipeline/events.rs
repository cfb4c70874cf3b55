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
    /// Forgets all. Places for so many events, which hold old ones and count only once they are
    /// [kept](Self::keep).
    pub(super) fn places(&mut self, most: usize) -> &mut [Event] {
        self.count = 0;
        if self.places.len() < most {
            self.places.resize_with(most, Event::default);
        }
        &mut self.places[..most]
    }

    /// Keeps what was put into the first places.
    pub(super) fn keep(&mut self, count: usize) {
        self.count = count.min(self.places.len());
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
