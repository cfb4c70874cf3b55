//! What a live run hears from outside: Ctrl-C and SIGTERM end it, SIGUSR1 asks for what there is so far.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::SIGUSR1;
use signal_hook::flag;

use crate::capture::Stop;

/// Signals that are listened to, for the rest of the process.
#[derive(Debug, Default)]
pub struct Signals {
    asked: Arc<AtomicBool>,
}

impl Signals {
    /// Begins to listen. Ctrl-C and SIGTERM end the capture by `stop`.
    pub fn listen(stop: &Stop) -> io::Result<Signals> {
        let signals = Signals::default();
        stop.hear_signals()?;
        flag::register(SIGUSR1, Arc::clone(&signals.asked))?;
        Ok(signals)
    }

    /// Whether somebody has asked since the last time.
    pub fn take_asked(&self) -> bool {
        self.asked.swap(false, Ordering::AcqRel)
    }
}
