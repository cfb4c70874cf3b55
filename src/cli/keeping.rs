//! `-w`, `--ring` and what goes with them: which packets of a live run are kept, and where.

use std::path::{Path, PathBuf};

use clap::Args;

use super::value;
use crate::capture::live::Opened;
use crate::capture::record::{self, OnFinding, Recording, Rotation};
use crate::error::Error;
use crate::model::{Span, Timestamp};

/// How much is held before a finding, and written after it, where `--ring` does not say: most losses
/// are known after the query timeout, 5 s, and the next look.
const RING: Span = Span::from_secs(30);

/// Where help lists them.
const HEADING: &str = "What is kept";

/// The options.
#[derive(Debug, Args)]
pub(super) struct Keeping {
    /// Also keep the packets in FILE, as pcapng
    ///
    /// With names of interfaces, what was dropped, and the findings as comments. The file is replaced.
    #[arg(short, long, value_name = "FILE", help_heading = HEADING)]
    write: Option<PathBuf>,

    /// Begin the next file when one is larger than this, in millions of bytes: 100, 64MiB
    ///
    /// Files are called FILE, FILE1, FILE2 and so on; with -W they have numbers of equal length, from 0 on.
    #[arg(short = 'C', long, value_name = "SIZE", value_parser = value::file_size)]
    #[arg(help_heading = HEADING)]
    rotate_size: Option<u64>,

    /// Begin the next file after so many seconds; FILE has the time in it, as in dns-%H%M%S.pcapng
    #[arg(short = 'G', long, value_name = "SECONDS", value_parser = value::seconds)]
    #[arg(help_heading = HEADING)]
    rotate_seconds: Option<Span>,

    /// With -C, write so many files in turn; with -G alone, end after so many
    #[arg(short = 'W', long, value_name = "COUNT", value_parser = value::files)]
    #[arg(help_heading = HEADING)]
    file_count: Option<u32>,

    /// When something is found, write the moments before and after it to a file named after FILE
    ///
    /// One file for each cause, the first time it is found: fault.pcapng becomes
    /// fault-1-random_loss.pcapng, at most 16 in a run.
    #[arg(long, value_name = "FILE", help_heading = HEADING)]
    on_finding: Option<PathBuf>,

    /// How much before and after is written with --on-finding [default: 30s]
    #[arg(long, value_name = "DUR", requires = "on_finding", value_parser = value::length)]
    #[arg(help_heading = HEADING)]
    ring: Option<Span>,

    /// In how much memory it is held: 64MiB, 1GiB [default: 64MiB]
    #[arg(long, value_name = "SIZE", requires = "on_finding", value_parser = value::ring_size)]
    #[arg(help_heading = HEADING)]
    ring_size: Option<usize>,
}

impl Keeping {
    /// Whether looks are needed although nobody wants to see them.
    pub(super) fn watches(&self) -> bool {
        self.on_finding.is_some()
    }

    /// Refuses what cannot be, before anything is opened. `others`: files that are written besides.
    pub(super) fn check(&self, others: &[Option<&Path>], memory: usize) -> Result<(), Error> {
        if self.memory() > memory / 2 {
            return Err(Error::Keep(
                "--ring-size, and 32 MiB for packets that wait to be written, take more than half of \
                 --max-memory: give a smaller ring, or more memory",
            ));
        }
        let rotates = [self.rotate_size.is_some(), self.rotate_seconds.is_some()];
        match &self.write {
            None if rotates.contains(&true) || self.file_count.is_some() => {
                Err(Error::Keep("-C, -G and -W are about the file of -w FILE, which is missing"))
            }
            Some(path) if path == Path::new("-") => Err(Error::Keep(
                "-w -: standard output is for the report. Give a FILE, or a pipe that mkfifo made",
            )),
            Some(_) if self.file_count.is_some() && rotates == [false; 2] => {
                Err(Error::Keep("-W COUNT needs -C SIZE or -G SECONDS: without, there is one file"))
            }
            Some(path) if others.contains(&Some(path)) => {
                Err(Error::Keep("-w and another option name the same file: choose two"))
            }
            _ => Ok(()),
        }
    }

    /// Octets that it may take, of those of `--max-memory`.
    pub(super) fn memory(&self) -> usize {
        if self.write.is_none() && self.on_finding.is_none() {
            return 0;
        }
        let ring = self.on_finding.as_ref().map(|_| self.ring_size.unwrap_or(record::RING_SIZE));
        record::MAX_QUEUED.saturating_add(ring.unwrap_or(0))
    }

    /// Opens what has to be open. `told`: the filter may be told.
    pub(super) fn open(&self, opened: &Opened, told: bool) -> Result<Option<Recording>, Error> {
        if self.write.is_none() && self.on_finding.is_none() {
            return Ok(None);
        }
        let on_finding = self.on_finding.clone().map(|file| OnFinding {
            file,
            span: self.ring.unwrap_or(RING),
            size: self.ring_size.unwrap_or(record::RING_SIZE),
        });
        let recording = Recording::open(record::Options {
            file: self.write.clone(),
            rotation: Rotation {
                size: self.rotate_size,
                period: self.rotate_seconds,
                count: self.file_count,
            },
            on_finding,
            filter: opened.filter().filter(|_| told),
            now: now(),
            count: opened.count(),
        })?;
        Ok(Some(recording))
    }
}

/// The time in the name of the first file, which is there before the first packet.
#[allow(clippy::disallowed_methods, reason = "no packet has told the time yet")]
fn now() -> Timestamp {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Timestamp(now.map_or(0, |now| i64::try_from(now.as_nanos()).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Only {
        #[command(flatten)]
        keeping: Keeping,
    }

    fn keeping(arguments: &[&str]) -> Keeping {
        let all = ["dnspect"].iter().chain(arguments);
        <Only as clap::Parser>::try_parse_from(all).unwrap().keeping
    }

    #[test]
    fn what_cannot_be_is_refused_in_words() {
        for (arguments, words) in [
            (&["-C", "1"][..], "-w FILE"),
            (&["-W", "3"], "-w FILE"),
            (&["-w", "-"], "standard output is for the report"),
            (&["-w", "a", "-W", "3"], "-C SIZE or -G SECONDS"),
            (&["-w", "report.txt"], "the same file"),
            (&["--on-finding", "a", "--ring-size", "1GiB"], "--max-memory"),
        ] {
            let refused =
                keeping(arguments).check(&[Some(Path::new("report.txt")), None], 256 << 20);
            let error = refused.unwrap_err().to_string();
            assert!(error.contains(words), "{arguments:?}: {error}");
        }
        for arguments in
            [&[][..], &["-w", "a"], &["-w", "a", "-C", "1", "-W", "3"], &["-w", "a", "-G", "60"]]
        {
            assert!(keeping(arguments).check(&[None], 256 << 20).is_ok(), "{arguments:?}");
        }
    }
}
