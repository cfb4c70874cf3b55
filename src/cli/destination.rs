//! Where the report goes: standard output, or a file that is there only when it is complete.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write, stdout};
use std::path::{Path, PathBuf};

use super::replacement::Replacement;
use crate::error::Error;

/// Where the report goes.
#[derive(Debug)]
pub(super) enum Destination {
    StandardOutput,
    /// A regular file, replaced as a whole.
    File(PathBuf),
    /// A device or a pipe: nothing that could be replaced.
    Device(PathBuf),
}

impl Destination {
    /// Finds out what can be found out before there is a report.
    pub(super) fn new(output: Option<&Path>, inputs: &[PathBuf]) -> Result<Destination, Error> {
        let Some(path) = output else { return Ok(Destination::StandardOutput) };
        if path == Path::new("-") {
            return Ok(Destination::StandardOutput);
        }
        let fail = |source| Error::WriteReport { path: path.to_owned(), source };
        // A link is followed: what it points to is replaced, not the link.
        let Ok(target) = fs::canonicalize(path) else {
            return match folder(path).metadata() {
                Ok(folder) if folder.is_dir() => Ok(Destination::File(path.to_owned())),
                Ok(_) => Err(fail(ErrorKind::NotADirectory.into())),
                Err(source) => Err(fail(source)),
            };
        };
        let kind = fs::metadata(&target).map_err(fail)?.file_type();
        if kind.is_dir() {
            return Err(fail(ErrorKind::IsADirectory.into()));
        }
        if !kind.is_file() {
            return Ok(Destination::Device(target));
        }
        if inputs.iter().any(|input| fs::canonicalize(input).is_ok_and(|input| input == target)) {
            return Err(Error::OutputIsInput(path.to_owned()));
        }
        Ok(Destination::File(target))
    }

    /// The file; none for standard output.
    #[cfg(feature = "live")]
    pub(super) fn path(&self) -> Option<&Path> {
        match self {
            Destination::StandardOutput => None,
            Destination::File(path) | Destination::Device(path) => Some(path),
        }
    }

    pub(super) fn is_standard_output(&self) -> bool {
        matches!(self, Destination::StandardOutput)
    }

    /// Writes the report. A reader that has seen enough (`| head`) is no error.
    pub(super) fn put(&self, bytes: &[u8]) -> Result<(), Error> {
        match self {
            Destination::StandardOutput => {
                let mut out = stdout().lock();
                match out.write_all(bytes).and_then(|()| out.flush()) {
                    Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                        Err(Error::WriteOutput(error))
                    }
                    _ => Ok(()),
                }
            }
            Destination::File(path) => replace(path, bytes)
                .map_err(|source| Error::WriteReport { path: path.clone(), source }),
            Destination::Device(path) => File::options()
                .write(true)
                .open(path)
                .and_then(|mut device| device.write_all(bytes))
                .map_err(|source| Error::WriteReport { path: path.clone(), source }),
        }
    }
}

/// The folder of a file; that of a bare name is the current one.
pub(super) fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// Replaces a file as a whole. The report is short and what the reading was for: it is on the disk
/// before the old one goes.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut replacement = Replacement::begin(path)?;
    replacement.file.write_all(bytes)?;
    replacement.file.sync_all()?;
    replacement.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("dnspect-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn a_report_replaces_the_old_one_and_leaves_nothing_else() {
        let folder = scratch("replace");
        let path = folder.join("report.json");
        for text in ["first", "second"] {
            Destination::new(Some(&path), &[]).unwrap().put(text.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_capture_is_never_overwritten() {
        let folder = scratch("input");
        let path = folder.join("node.pcap");
        fs::write(&path, "packets").unwrap();
        let error = Destination::new(Some(&path), std::slice::from_ref(&path)).unwrap_err();
        assert!(matches!(error, Error::OutputIsInput(_)), "{error}");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_cannot_be_written_is_known_beforehand() {
        let folder = scratch("missing");
        for path in [folder.join("none/report.txt"), folder.clone()] {
            let error = Destination::new(Some(&path), &[]).unwrap_err().to_string();
            assert!(error.starts_with("cannot write the report to "), "{error}");
        }
        fs::remove_dir_all(folder).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_device_is_written_to_not_replaced() {
        let null = Path::new("/dev/null");
        let destination = Destination::new(Some(null), &[]).unwrap();
        assert!(matches!(destination, Destination::Device(_)));
        destination.put(b"report").unwrap();
        assert!(!fs::metadata(null).unwrap().is_file());
    }
}
