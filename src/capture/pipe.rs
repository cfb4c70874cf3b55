//! A capture that is written while it is read: `tcpdump -w - | dnspect read -`.
//!
//! Ctrl-C goes to both ends of such a pipe. The writer then writes what it still holds (tcpdump has up to 4 KiB,
//! which is all there is on a quiet node) and closes the pipe, and all of that is part of the capture. A writer
//! that goes on must not keep whoever wants an answer now.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};

use super::Stop;

/// So often a reader that waits looks whether it is to end: a signal may reach any thread, and wakes that one only.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
/// So long the writer has for what it still holds: over a network, a round trip or two.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The reading end.
pub(super) struct Pipe {
    file: File,
    stop: Stop,
    /// When it was first seen that reading is to end.
    stopped: Option<Instant>,
}

impl Pipe {
    /// Reads `file` until it ends, or until `stop`.
    pub(super) fn new(file: File, stop: &Stop) -> Pipe {
        Pipe { file, stop: stop.clone(), stopped: None }
    }

    /// The pipe at `path`, which need not have a writer yet.
    pub(super) fn open(path: &Path, stop: &Stop) -> io::Result<Pipe> {
        // Else opening would wait for the writer, and hear nothing meanwhile.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::open(path, flags, Mode::empty())?;
        Ok(Pipe::new(File::from(file), stop))
    }

    /// Waits until there is something to read, or the end.
    fn wait(&mut self) -> io::Result<()> {
        loop {
            let mut ends = [PollFd::new(&self.file, PollFlags::IN)];
            let ready = match poll(&mut ends, Some(&LOOK)) {
                Ok(ready) => ready > 0,
                Err(rustix::io::Errno::INTR) => false,
                Err(error) => return Err(error.into()),
            };
            if self.stop.is_stopped() {
                let since = *self.stopped.get_or_insert_with(now);
                if since.elapsed() >= LAST_WORDS {
                    return Err(io::Error::other("interrupted, and its writer goes on"));
                }
            }
            if ready {
                return Ok(());
            }
        }
    }
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.wait()?;
            match self.file.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return read,
            }
        }
    }
}

/// The clock of whoever waits; the analysis knows only the capture's clock.
#[allow(
    clippy::disallowed_methods,
    reason = "an end that was asked for comes by the time of the machine"
)]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::thread;

    use super::*;

    fn pipe(stop: &Stop) -> (Pipe, io::PipeWriter) {
        let (reader, writer) = io::pipe().unwrap();
        (Pipe::new(File::from(std::os::fd::OwnedFd::from(reader)), stop), writer)
    }

    #[test]
    fn what_the_writer_still_holds_is_read() {
        let stop = Stop::default();
        let (mut pipe, mut writer) = pipe(&stop);
        let mut read = [0; 8];
        writer.write_all(b"first").unwrap();
        assert_eq!(pipe.read(&mut read).unwrap(), 5);
        stop.stop();
        let late = thread::spawn(move || {
            thread::sleep(LAST_WORDS / 10);
            writer.write_all(b"last").unwrap();
        });
        let mut rest = Vec::new();
        pipe.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, b"last");
        late.join().unwrap();
    }

    #[test]
    fn a_writer_that_goes_on_is_left() {
        for talks in [false, true] {
            let stop = Stop::default();
            let (mut pipe, mut writer) = pipe(&stop);
            stop.stop();
            let (over, is_over) = std::sync::mpsc::channel::<()>();
            let goes_on = thread::spawn(move || {
                while is_over.try_recv().is_err() {
                    if talks {
                        writer.write_all(b"more").unwrap();
                    }
                    thread::sleep(Duration::from_millis(1));
                }
            });
            let error = pipe.read_to_end(&mut Vec::new()).unwrap_err();
            assert!(error.to_string().contains("goes on"), "{error}");
            over.send(()).unwrap();
            goes_on.join().unwrap();
        }
    }

    #[test]
    fn nobody_waits_for_a_stop_that_does_not_come() {
        let (mut pipe, writer) = pipe(&Stop::default());
        drop(writer);
        assert_eq!(pipe.read(&mut [0; 8]).unwrap(), 0);
    }
}
