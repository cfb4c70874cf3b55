//! What a live capture gives up once all is open: root, capabilities, the way to get them back, files
//! that are none of its business, and system calls that a capture never makes. What reads packets of
//! strangers should be able to do little.
//!
//! In the order of what may still be done: user and groups, capabilities, `no_new_privs`, landlock
//! (files), seccomp (system calls). Threads that are started afterwards inherit all of it; those that
//! run already would not, so it is done before any is started.

#[cfg(all(feature = "sandbox", target_os = "linux"))]
mod calls;
#[cfg(all(feature = "sandbox", target_os = "linux"))]
mod files;
#[cfg(all(feature = "sandbox", target_os = "linux"))]
mod rights;
mod user;

use std::io;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;

pub use user::{User, UserError};

/// What is needed until the end.
#[derive(Clone, Debug, Default)]
pub struct Plan<'a> {
    /// `--user`: whom to become when started as root; else the one who called sudo, or nobody.
    pub user: Option<String>,
    /// Files that will be written, or replaced, or opened anew by rotation: their folders are all that may
    /// be written in. Of a device or a pipe it is the thing itself.
    pub outputs: Vec<PathBuf>,
    /// Files that were begun already: they are given to the user who goes on with them.
    pub begun: Vec<BorrowedFd<'a>>,
    /// Folders in which files may be made that are asked for on the way. No right is kept for them: the user
    /// has to be allowed to.
    pub folders: Vec<PathBuf>,
    /// Whether statistics are to be asked that need CAP_NET_ADMIN each time.
    pub net_admin: bool,
}

/// What was given up, and what could not be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Confined {
    /// The user and group from now on, where they changed.
    pub user: Option<User>,
    /// Capabilities that are kept.
    pub kept: Vec<&'static str>,
    /// Whether files are confined (landlock).
    pub files: bool,
    /// Whether system calls are (seccomp).
    pub calls: bool,
    /// What could not be done, and why: a sentence each.
    pub notes: Vec<String>,
}

/// Why it cannot go on: rights that should have gone are still there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// `--user` names nobody, or may not be used.
    #[error(transparent)]
    User(#[from] UserError),
    /// The kernel refuses to take a right away.
    #[error("cannot give up {what}: {source}. --no-sandbox keeps all rights")]
    Kept {
        /// Which.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
}

impl Confined {
    /// What was given up, in a line.
    pub fn summary(&self) -> String {
        let mut parts = Vec::new();
        if let Some(User { uid, gid }) = self.user {
            parts.push(format!("runs as user {uid}, group {gid}"));
        }
        parts.push(match self.kept.as_slice() {
            [] => "keeps no capability".to_owned(),
            some => format!("keeps {} to write its outputs or read counters", some.join(", ")),
        });
        let closed = match (self.files, self.calls) {
            (true, true) => Some("confined by landlock and seccomp"),
            (true, false) => Some("confined by landlock"),
            (false, true) => Some("confined by seccomp"),
            (false, false) => None,
        };
        parts.extend(closed.map(str::to_owned));
        parts.join("; ")
    }
}

/// Gives up what the plan does not need. What this kernel cannot do is noted and no error; a right that
/// stays although it should have gone is one.
#[cfg(all(feature = "sandbox", target_os = "linux"))]
pub fn confine(plan: &Plan<'_>) -> Result<Confined, Error> {
    let mut confined = Confined::default();
    rights::give_up(plan, &mut confined)?;
    files::confine(&Places::of(&plan.outputs), &plan.folders, &mut confined);
    calls::confine(&mut confined);
    Ok(confined)
}

/// Not built in here.
#[cfg(not(all(feature = "sandbox", target_os = "linux")))]
pub fn confine(plan: &Plan<'_>) -> Result<Confined, Error> {
    if let Some(name) = &plan.user {
        return Err(UserError::NotHere(name.clone()).into());
    }
    let note =
        "rights are kept: this dnspect was built without the feature `sandbox`, or not for Linux";
    Ok(Confined { notes: vec![note.to_owned()], ..Confined::default() })
}

/// Where outputs go.
#[cfg(all(feature = "sandbox", target_os = "linux"))]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Places {
    /// Folders in which something new appears, or takes the place of something old.
    folders: Vec<PathBuf>,
    /// Devices and pipes: nothing that could be replaced.
    devices: Vec<PathBuf>,
}

#[cfg(all(feature = "sandbox", target_os = "linux"))]
impl Places {
    fn of(outputs: &[PathBuf]) -> Places {
        let mut places = Places::default();
        for output in outputs {
            let is_device = |kind: std::fs::FileType| !kind.is_file() && !kind.is_dir();
            match std::fs::metadata(output) {
                Ok(known) if is_device(known.file_type()) => places.devices.push(output.clone()),
                _ => places.folders.push(folder(output)),
            }
        }
        places.folders.sort_unstable();
        places.folders.dedup();
        places
    }
}

/// The folder of a file; that of a bare name is the current one.
#[cfg(all(feature = "sandbox", target_os = "linux"))]
fn folder(output: &std::path::Path) -> PathBuf {
    match output.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

#[cfg(all(test, feature = "sandbox", target_os = "linux"))]
mod tests;
