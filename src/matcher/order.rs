//! Which places of a table are in use, and in which order: a list through numbers, of which any one can be
//! moved to the end. Its two ends meet in place 0, which nobody is given, so that no step has a branch.

#[derive(Clone, Copy, Default)]
struct Link {
    previous: u32,
    /// Of a free place: the next one that is free.
    next: u32,
    /// How often the place was freed.
    generation: u32,
}

/// The order of the places of a table.
#[derive(Clone)]
pub(super) struct Order {
    links: Vec<Link>,
    /// The place that was freed last; 0 is none.
    free: u32,
    count: usize,
}

impl Order {
    pub(super) fn new() -> Order {
        Order { links: vec![Link::default()], free: 0, count: 0 }
    }

    /// How many places are in use.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Gives the place that was freed last, or one behind all others, and puts it at the end.
    #[inline]
    pub(super) fn add(&mut self) -> u32 {
        let mut at = self.free;
        if at == 0 {
            at = self.links.len() as u32;
            self.links.push(Link::default());
        } else {
            self.free = self.links[at as usize].next;
        }
        self.count += 1;
        self.append(at);
        at
    }

    /// Takes a place out.
    #[inline]
    pub(super) fn free(&mut self, at: u32) {
        self.unlink(at);
        let link = &mut self.links[at as usize];
        link.generation = link.generation.wrapping_add(1);
        link.next = self.free;
        self.free = at;
        self.count -= 1;
    }

    /// Moves a place to the end.
    pub(super) fn touch(&mut self, at: u32) {
        self.unlink(at);
        self.append(at);
    }

    /// The first place.
    pub(super) fn first(&self) -> Option<u32> {
        let first = self.links[0].next;
        (first != 0).then_some(first)
    }

    /// All of them, from the end.
    pub(super) fn last_first(&self) -> impl Iterator<Item = u32> {
        let before = |at: u32| {
            let previous = self.links[at as usize].previous;
            (previous != 0).then_some(previous)
        };
        std::iter::successors(before(0), move |&at| before(at))
    }

    /// Which use of a place this is: tells it from its later self.
    pub(super) fn generation(&self, at: u32) -> u32 {
        self.links[at as usize].generation
    }

    #[inline]
    fn append(&mut self, at: u32) {
        let last = self.links[0].previous;
        let link = &mut self.links[at as usize];
        (link.previous, link.next) = (last, 0);
        self.links[last as usize].next = at;
        self.links[0].previous = at;
    }

    #[inline]
    fn unlink(&mut self, at: u32) {
        let Link { previous, next, .. } = self.links[at as usize];
        self.links[previous as usize].next = next;
        self.links[next as usize].previous = previous;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_place_can_leave_or_move_and_the_others_keep_their_order() {
        let mut order = Order::new();
        let mut plain: Vec<u32> = Vec::new();
        for step in 0..2_000_usize {
            let chosen = plain.get(step * 7 % plain.len().max(1)).copied();
            match (step % 5, chosen) {
                (0, Some(at)) => {
                    order.free(at);
                    plain.retain(|&other| other != at);
                }
                (1, Some(at)) => {
                    order.touch(at);
                    plain.retain(|&other| other != at);
                    plain.push(at);
                }
                _ if plain.len() < 40 => plain.push(order.add()),
                _ => order.free(plain.remove(0)),
            }
            assert_eq!(order.first(), plain.first().copied());
            assert_eq!(order.len(), plain.len());
            assert!(order.last_first().eq(plain.iter().rev().copied()), "{step}");
        }
        assert!(order.links.len() <= 41, "places are used again");
    }

    #[test]
    fn a_place_that_is_used_again_is_another_one() {
        let mut order = Order::new();
        let (at, before) = (order.add(), order.generation(1));
        order.free(at);
        assert_eq!((order.add(), order.first()), (at, Some(at)));
        assert_ne!(order.generation(at), before);
    }
}
