//! Network namespaces: a handle stays in the namespace in which it was opened, so it is enough that a
//! thread goes there for the time of opening. The rest of the process stays where it is.

use std::fs::File;
use std::path::PathBuf;

use super::LiveError;

/// Where `ip netns add` keeps namespaces that have a name.
const NAMED: &str = "/run/netns";

/// A network namespace, other than this process's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// By the name that `ip netns` gives it.
    Name(String),
    /// By a file that stands for it.
    Path(PathBuf),
    /// That of a process, as this machine numbers it.
    Process(u32),
}

impl Place {
    fn path(&self) -> PathBuf {
        match self {
            Place::Name(name) => PathBuf::from(NAMED).join(name),
            Place::Path(path) => path.clone(),
            Place::Process(id) => PathBuf::from(format!("/proc/{id}/ns/net")),
        }
    }

    /// In words: for messages.
    pub fn words(&self) -> String {
        match self {
            Place::Name(name) => format!("the network namespace {name}"),
            Place::Path(path) => format!("the network namespace {}", path.display()),
            Place::Process(id) => format!("the network namespace of process {id}"),
        }
    }

    fn fail(&self, message: &str) -> LiveError {
        LiveError::Namespace { place: self.words(), message: message.to_owned() }
    }

    /// What of it is missing.
    fn missing(&self) -> LiveError {
        let mut named: Vec<String> = std::fs::read_dir(NAMED)
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        named.sort();
        self.fail(&match self {
            Place::Process(_) => "there is no such process; `crictl inspect CONTAINER` tells the \
                                  process of a container as `info.pid`"
                .to_owned(),
            Place::Name(_) if !named.is_empty() => {
                format!("there is none of that name. There are: {}", named.join(", "))
            }
            _ => "it does not exist".to_owned(),
        })
    }
}

/// Does `work` in the namespace.
#[cfg(target_os = "linux")]
pub fn inside<T: Send>(
    place: &Place,
    work: impl FnOnce() -> Result<T, LiveError> + Send,
) -> Result<T, LiveError> {
    use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
    use std::io::ErrorKind;
    use std::os::fd::AsFd;

    const RIGHTS: &str = "entering another namespace needs the capability CAP_SYS_ADMIN, and for that of \
                          another user's process CAP_SYS_PTRACE: run it with sudo";
    let namespace = File::open(place.path()).map_err(|error| match error.kind() {
        ErrorKind::NotFound => place.missing(),
        ErrorKind::PermissionDenied => place.fail(RIGHTS),
        _ => place.fail(&error.to_string()),
    })?;
    std::thread::scope(|scope| {
        let there = scope.spawn(|| {
            let kind = Some(LinkNameSpaceType::Network);
            move_into_link_name_space(namespace.as_fd(), kind).map_err(|error| match error {
                rustix::io::Errno::PERM => place.fail(RIGHTS),
                rustix::io::Errno::INVAL => place.fail("this is not a network namespace"),
                other => place.fail(&other.to_string()),
            })?;
            work()
        });
        there.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

#[cfg(not(target_os = "linux"))]
pub fn inside<T: Send>(
    place: &Place,
    _: impl FnOnce() -> Result<T, LiveError> + Send,
) -> Result<T, LiveError> {
    Err(place.fail("only Linux has them"))
}
