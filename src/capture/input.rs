//! The inputs behind the paths that were given: files, the files of a directory, standard input.

use std::collections::HashSet;
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Seek};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::held::Held;
use super::pipe::Pipe;
use super::{OpenError, Stop};

/// The path that stands for standard input.
const STANDARD_INPUT: &str = "-";

/// One file or pipe.
pub(super) struct Input {
    /// As it is called in messages.
    pub(super) name: String,
    /// As it was given, or found in a directory.
    pub(super) path: PathBuf,
    /// Its length, if it is a regular file.
    pub(super) size: Option<u64>,
    /// Whether it was named, not found in a directory: then it must be a capture.
    pub(super) named: bool,
    source: Source,
}

enum Source {
    /// Can be opened as often as needed: a thousand files are not open at once.
    Path,
    /// Can be read only once: what was looked at is kept and read again.
    Held(Held),
    /// Standard input from a regular file.
    Redirected(Held, File),
}

/// All inputs that `paths` stand for, in this order, and what is to be said of them.
pub(super) fn collect(
    paths: &[PathBuf],
    stop: &Stop,
) -> Result<(Vec<Input>, Vec<String>), OpenError> {
    let mut inputs = Vec::new();
    let mut warnings = Vec::new();
    let mut standard_input = false;
    for path in paths {
        if path.as_os_str() == STANDARD_INPUT {
            if std::mem::replace(&mut standard_input, true) {
                return Err(OpenError::StandardInputTwice);
            }
            let open = |error| OpenError::from_io(PathBuf::from("standard input"), error);
            inputs.push((None, Input::standard_input(stop).map_err(open)?));
            continue;
        }
        let open = |error| OpenError::from_io(path.clone(), error);
        let metadata = fs::metadata(path).map_err(open)?;
        if metadata.is_dir() {
            for file in files_of(path).map_err(open)? {
                match fs::metadata(&file) {
                    Ok(metadata) if metadata.is_file() => {
                        let input = Input::regular(&file, &metadata, false);
                        inputs.push((Some((metadata.dev(), metadata.ino())), input));
                    }
                    Ok(_) => {}
                    Err(error) => warnings.push(format!("{}: {error}, skipped", file.display())),
                }
            }
        } else if metadata.is_file() {
            let input = Input::regular(path, &metadata, true);
            inputs.push((Some((metadata.dev(), metadata.ino())), input));
        } else {
            inputs.push((None, Input::pipe(path, stop).map_err(open)?));
        }
    }
    let mut seen = HashSet::new();
    inputs.retain(|(identity, input)| {
        let new = identity.is_none_or(|identity| seen.insert(identity));
        if !new {
            warnings.push(format!("{} is the same file as another one, skipped", input.name));
        }
        new
    });
    Ok((inputs.into_iter().map(|(_, input)| input).collect(), warnings))
}

/// Whether one of `paths` is written while it is read: a pipe, a socket, a terminal.
pub fn any_pipe(paths: &[PathBuf]) -> bool {
    let is_pipe = |metadata: io::Result<Metadata>| {
        metadata.is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
    };
    paths.iter().any(|path| {
        if path.as_os_str() == STANDARD_INPUT {
            is_pipe(standard_input().and_then(|file| file.metadata()))
        } else {
            is_pipe(fs::metadata(path))
        }
    })
}

fn standard_input() -> io::Result<File> {
    Ok(File::from(io::stdin().as_fd().try_clone_to_owned()?))
}

/// What is directly inside a directory, by name.
fn files_of(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files =
        fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    files.sort();
    Ok(files)
}

impl Input {
    fn regular(path: &Path, metadata: &Metadata, named: bool) -> Input {
        Input {
            name: path.display().to_string(),
            path: path.to_owned(),
            size: Some(metadata.len()),
            named,
            source: Source::Path,
        }
    }

    fn pipe(path: &Path, stop: &Stop) -> io::Result<Input> {
        let held = Held::new(Box::new(Pipe::open(path, stop)?));
        let name = path.display().to_string();
        Ok(Input {
            name,
            path: path.to_owned(),
            size: None,
            named: true,
            source: Source::Held(held),
        })
    }

    fn standard_input(stop: &Stop) -> io::Result<Input> {
        let mut file = standard_input()?;
        let metadata = file.metadata()?;
        let at_start = metadata.is_file() && file.stream_position().is_ok_and(|at| at == 0);
        let held = Held::new(Box::new(Pipe::new(file.try_clone()?, stop)));
        let source = if at_start { Source::Redirected(held, file) } else { Source::Held(held) };
        Ok(Input {
            size: at_start.then_some(metadata.len()),
            source,
            ..Input::reader("standard input", Box::new(io::empty()))
        })
    }

    /// An input that is read from `reader`.
    pub(super) fn reader(name: &str, reader: Box<dyn Read + Send>) -> Input {
        Input {
            name: name.to_owned(),
            path: PathBuf::from(name),
            size: None,
            named: true,
            source: Source::Held(Held::new(reader)),
        }
    }

    /// A reader of the raw bytes to have a first look; what it reads can be read again.
    pub(super) fn look(&self) -> io::Result<Box<dyn Read + Send>> {
        Ok(match &self.source {
            Source::Path => Box::new(File::open(&self.path)?),
            Source::Held(held) | Source::Redirected(held, _) => Box::new(held.look()),
        })
    }

    /// The reader of the raw bytes from the beginning, which counts what it reads in `read`.
    pub(super) fn open(&self, read: &Arc<AtomicU64>) -> io::Result<Box<dyn Read + Send>> {
        let source: Box<dyn Read + Send> = match &self.source {
            Source::Path => Box::new(File::open(&self.path)?),
            Source::Held(held) | Source::Redirected(held, _) => Box::new(held.replay()),
        };
        Ok(Box::new(Counted { source, read: Arc::clone(read), left: self.size.unwrap_or(0) }))
    }

    /// The file, if it can be read at any place.
    pub(super) fn file(&self) -> Option<io::Result<File>> {
        match &self.source {
            Source::Path => Some(File::open(&self.path)),
            Source::Redirected(_, file) => Some(file.try_clone()),
            Source::Held(_) => None,
        }
    }
}

/// Counts for the progress line.
struct Counted {
    source: Box<dyn Read + Send>,
    read: Arc<AtomicU64>,
    left: u64,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.left = self.left.saturating_sub(count as u64);
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

impl Drop for Counted {
    /// A file that is not read to its end, because it is damaged, is done with all the same.
    fn drop(&mut self) {
        self.read.fetch_add(self.left, Ordering::Relaxed);
    }
}
