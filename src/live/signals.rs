//! What a live run hears from outside: Ctrl-C and SIGTERM end it, SIGUSR1 asks for what there is so far.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};
use signal_hook::flag;

use crate::capture::live::Stop;

/// Signals that are listened to, for the rest of the process.
#[derive(Debug, Default)]
pub struct Signals {
    asked: Arc<AtomicBool>,
}

impl Signals {
    /// Begins to listen. The first Ctrl-C or SIGTERM ends the capture by `stop`; when it ends already, as
    /// after a first one, the next does what it does by default: it kills.
    pub fn listen(stop: &Stop) -> io::Result<Signals> {
        let signals = Signals::default();
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal finds the flag down.
            flag::register_conditional_default(signal, stop.flag())?;
            flag::register(signal, stop.flag())?;
        }
        flag::register(SIGUSR1, Arc::clone(&signals.asked))?;
        Ok(signals)
    }

    /// Whether somebody has asked since the last time.
    pub fn take_asked(&self) -> bool {
        self.asked.swap(false, Ordering::AcqRel)
    }
}
