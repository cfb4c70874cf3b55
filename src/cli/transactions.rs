//! Where transactions go: a file that is there only when it is complete, or a device or pipe.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::destination::{Destination, folder};
use super::replacement::Replacement;
use crate::error::Error;
use crate::transactions::{Format, Sink};

/// The file of `--transactions`, open.
#[derive(Debug)]
pub(super) struct Output {
    path: PathBuf,
    format: Format,
    place: Place,
}

#[derive(Debug)]
enum Place {
    File(Replacement),
    Device(File),
}

impl Output {
    /// Opens it, before the analysis: an hour of reading must not end in rows that have no place.
    pub(super) fn open(
        path: &Path,
        inputs: &[PathBuf],
        report: &Destination,
    ) -> Result<Output, Error> {
        let format = Format::of(path)
            .map_err(|source| Error::TransactionsFormat { path: path.to_owned(), source })?;
        let fail = |source| Error::WriteTransactions { path: path.to_owned(), source };
        let destination = Destination::new(Some(path), inputs).map_err(|error| match error {
            Error::OutputIsInput(path) => Error::TransactionsAreInput(path),
            Error::WriteReport { source, .. } => fail(source),
            other => other,
        })?;
        let place = match &destination {
            Destination::File(target) => {
                if matches!(report, Destination::File(report) if is_same(report, target)) {
                    return Err(Error::SameOutput(path.to_owned()));
                }
                Place::File(Replacement::begin(target).map_err(fail)?)
            }
            Destination::Device(target) => {
                Place::Device(File::options().write(true).open(target).map_err(fail)?)
            }
            // `-` has no ending that tells the format.
            Destination::StandardOutput => return Err(fail(io::ErrorKind::Unsupported.into())),
        };
        Ok(Output { path: path.to_owned(), format, place })
    }

    /// What the analysis writes to.
    pub(super) fn sink(&mut self) -> Sink<'_> {
        let out = match &mut self.place {
            Place::File(replacement) => &mut replacement.file,
            Place::Device(file) => file,
        };
        Sink { format: self.format, out }
    }

    /// The file that will be written, or replaced.
    #[cfg(feature = "live")]
    pub(super) fn target(&self) -> PathBuf {
        match &self.place {
            Place::File(replacement) => replacement.target().to_owned(),
            Place::Device(_) => self.path.clone(),
        }
    }

    /// What is open already.
    #[cfg(feature = "live")]
    pub(super) fn begun(&self) -> std::os::fd::BorrowedFd<'_> {
        use std::os::fd::AsFd;
        match &self.place {
            Place::File(replacement) => replacement.file.as_fd(),
            Place::Device(file) => file.as_fd(),
        }
    }

    /// Names the file in what went wrong with it.
    pub(super) fn name(path: Option<&Path>, error: Error) -> Error {
        match (error, path) {
            (Error::Rows(source), Some(path)) => {
                Error::WriteTransactions { path: path.to_owned(), source }
            }
            (other, _) => other,
        }
    }

    /// Puts the file in its place.
    pub(super) fn commit(self) -> Result<(), Error> {
        match self.place {
            // Not synchronised with the disk first, unlike a report: it may be gigabytes, and
            // whoever loses it to a power cut has the capture.
            Place::File(replacement) => replacement
                .commit()
                .map_err(|source| Error::WriteTransactions { path: self.path, source }),
            Place::Device(_) => Ok(()),
        }
    }
}

/// Whether two files that may not be there yet will be the same.
fn is_same(one: &Path, other: &Path) -> bool {
    let place =
        |path: &Path| Some((folder(path).canonicalize().ok()?, path.file_name()?.to_owned()));
    one == other || place(one).is_some_and(|one| Some(one) == place(other))
}
