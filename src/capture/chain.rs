//! A value that is handed from block to block in order: the serial part of parallel reading.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Hands `T` to the holders of the numbers 0, 1, 2… one after the other.
///
/// Each number must be waited for by someone, else those behind wait for ever.
#[derive(Debug)]
pub(super) struct Chain<T> {
    state: Mutex<State<T>>,
    passed_on: Condvar,
}

#[derive(Debug)]
struct State<T> {
    turn: u64,
    finished: bool,
    /// So many wait: mostly nobody does, and nobody is called then, which takes a system call.
    waiting: usize,
    value: T,
}

/// The exclusive use of the value during one's turn. Dropped without [`Turn::pass_on`], by a panic
/// too, it ends the chain, so that no one waits for ever.
pub(super) struct Turn<'a, T> {
    chain: &'a Chain<T>,
    state: MutexGuard<'a, State<T>>,
    passed_on: bool,
}

impl<T> Chain<T> {
    /// A chain that begins with number 0.
    pub(super) fn new(value: T) -> Chain<T> {
        Chain {
            state: Mutex::new(State { turn: 0, finished: false, waiting: 0, value }),
            passed_on: Condvar::new(),
        }
    }

    /// Waits until it is the turn of `number`; `None` when the chain was finished before.
    pub(super) fn wait_for(&self, number: u64) -> Option<Turn<'_, T>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // The lock is held during a turn: no one else can be served meanwhile.
        state.waiting += 1;
        let mut state = self
            .passed_on
            .wait_while(state, |state| !state.finished && state.turn != number)
            .unwrap_or_else(PoisonError::into_inner);
        state.waiting -= 1;
        (!state.finished).then_some(Turn { chain: self, state, passed_on: false })
    }

    /// Looks at the value, whoever's turn it is.
    pub(super) fn look<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.state.lock().unwrap_or_else(PoisonError::into_inner).value)
    }
}

impl<T> Turn<'_, T> {
    /// The value.
    pub(super) fn value(&mut self) -> &mut T {
        &mut self.state.value
    }

    /// Ends this turn.
    pub(super) fn pass_on(mut self) {
        self.state.turn += 1;
        self.passed_on = true;
    }

    /// Ends this turn and the chain.
    pub(super) fn finish(mut self) {
        self.state.finished = true;
    }
}

impl<T> Drop for Turn<'_, T> {
    fn drop(&mut self) {
        self.state.finished |= !self.passed_on;
        if self.state.waiting > 0 {
            self.chain.passed_on.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn turns_come_in_order_and_end_for_all() {
        let chain = Chain::new(Vec::new());
        let next = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        let Some(mut turn) = chain.wait_for(number) else { return };
                        turn.value().push(number);
                        if number == 999 {
                            turn.finish();
                        } else {
                            turn.pass_on();
                        }
                    }
                });
            }
        });
        assert!(chain.look(|seen| seen.iter().copied().eq(0..1_000)));
    }
}
