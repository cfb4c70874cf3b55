//! A file that is there only when it is complete: until then whoever looks finds the old one, or none.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::destination::folder;

/// What is to become of a file. Dropped without [`Replacement::commit`], it leaves nothing behind.
#[derive(Debug)]
pub(super) struct Replacement {
    target: PathBuf,
    temporary: Option<PathBuf>,
    pub(super) file: File,
}

impl Replacement {
    /// Begins a file beside its target, where a rename is one step.
    pub(super) fn begin(target: &Path) -> io::Result<Replacement> {
        let name = target.file_name().ok_or(ErrorKind::InvalidFilename)?.to_string_lossy();
        let temporary = folder(target).join(format!(".{name}.{}.part", std::process::id()));
        let file = File::options().write(true).create_new(true).open(&temporary)?;
        Ok(Replacement { target: target.to_owned(), temporary: Some(temporary), file })
    }

    /// What it will be.
    #[cfg(feature = "live")]
    pub(super) fn target(&self) -> &Path {
        &self.target
    }

    /// Puts it in its place.
    pub(super) fn commit(mut self) -> io::Result<()> {
        let Some(temporary) = &self.temporary else { return Ok(()) };
        if let Ok(old) = fs::metadata(&self.target) {
            // The mode somebody gave the old file stays.
            fs::set_permissions(temporary, old.permissions())?;
        }
        fs::rename(temporary, &self.target)?;
        self.temporary = None;
        Ok(())
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            // The first error is the one to tell of.
            let _ = fs::remove_file(temporary);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn what_is_not_committed_was_never_there() {
        let folder = std::env::temp_dir().join(format!("dnspect-part-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let target = folder.join("rows.csv");
        let mut first = Replacement::begin(&target).unwrap();
        first.file.write_all(b"half").unwrap();
        assert!(!target.exists());
        drop(first);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
        let mut second = Replacement::begin(&target).unwrap();
        second.file.write_all(b"all").unwrap();
        second.commit().unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "all");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        fs::remove_dir_all(folder).unwrap();
    }
}
