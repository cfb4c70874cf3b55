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
        let kind = match fs::metadata(path) {
            Ok(known) => known.file_type(),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let target = end_of(path).map_err(fail)?;
                return match folder(&target).metadata() {
                    Ok(folder) if folder.is_dir() => Ok(Destination::File(target)),
                    Ok(_) => Err(fail(ErrorKind::NotADirectory.into())),
                    Err(source) => Err(fail(source)),
                };
            }
            Err(source) => return Err(fail(source)),
        };
        if kind.is_dir() {
            return Err(fail(ErrorKind::IsADirectory.into()));
        }
        // A link is followed: what it points to is replaced, not the link. What is open and has no name, as a pipe
        // or a deleted file behind /dev/stdout, is written to.
        let target = fs::canonicalize(path).ok().filter(|_| kind.is_file());
        let Some(target) = target else { return Ok(Destination::Device(path.to_owned())) };
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

/// What a path leads to that does not exist yet.
fn end_of(path: &Path) -> io::Result<PathBuf> {
    /// As many as Linux follows.
    const MOST_LINKS: usize = 40;
    let mut end = path.to_owned();
    for _ in 0..MOST_LINKS {
        if !end.is_symlink() {
            return Ok(end);
        }
        end = folder(&end).join(fs::read_link(&end)?);
    }
    Err(io::Error::other("too many links"))
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

    #[cfg(target_os = "linux")]
    #[test]
    fn a_link_is_never_replaced_by_what_it_leads_to() {
        use std::io::{Read, Seek, SeekFrom};
        use std::os::fd::AsRawFd;
        use std::os::unix::fs::symlink;

        let folder = scratch("links");
        let link = |name: &str, to: &str| {
            let link = folder.join(name);
            symlink(to, &link).unwrap();
            link
        };
        // As /dev/stdout: to a pipe, and to a file that has no name any more.
        let (mut reader, writer) = io::pipe().unwrap();
        let pipe = link("pipe", &format!("/proc/self/fd/{}", writer.as_raw_fd()));
        Destination::new(Some(&pipe), &[]).unwrap().put(b"report").unwrap();
        drop(writer);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "report");
        let gone = folder.join("gone");
        let mut file = File::options().read(true).write(true).create_new(true).open(&gone).unwrap();
        fs::remove_file(&gone).unwrap();
        let open = link("open", &format!("/proc/self/fd/{}", file.as_raw_fd()));
        Destination::new(Some(&open), &[]).unwrap().put(b"again").unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        text.clear();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "again");
        // To what is not there yet, by way of another link, and in a circle.
        let (first, second) = (link("first", "second"), link("second", "new.json"));
        Destination::new(Some(&first), &[]).unwrap().put(b"new").unwrap();
        assert_eq!(fs::read_to_string(folder.join("new.json")).unwrap(), "new");
        let round = link("round", "round");
        assert!(Destination::new(Some(&round), &[]).is_err());
        assert!([pipe, open, first, second, round].iter().all(|link| link.is_symlink()));
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
