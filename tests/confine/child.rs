//! The process that is confined: gives up its rights, tries what it may do, and says how it went.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use dnspect::confine::{Plan, confine};

/// What it is told by: its folder, and the user to become.
pub(crate) const PLAN: &str = "DNSPECT_TEST_CONFINE";

/// Parts of the plan stand apart by this.
pub(crate) const APART: char = '\n';

fn result<T>(tried: io::Result<T>) -> String {
    match tried {
        Ok(_) => "ok".to_owned(),
        Err(error) => match error.raw_os_error() {
            Some(1) => "EPERM".to_owned(),
            Some(13) => "EACCES".to_owned(),
            _ => error.to_string(),
        },
    }
}

fn tried(what: &str, how: impl FnOnce() -> String) {
    println!("tried {what}: {}", how());
}

pub(crate) fn run(plan: &str) {
    let (folder, user) = plan.split_once(APART).unwrap();
    let own = Path::new(folder).join("own");
    let before = fs::read_to_string("/proc/self/status").unwrap();
    before.lines().for_each(|line| println!("before {line}"));
    let mut early = File::create(own.join("early.pcapng")).unwrap();
    let outputs = vec![own.join("early.pcapng"), own.join("report.json")];
    let folders = vec![Path::new(folder).join("asked")];
    let user = (!user.is_empty()).then(|| user.to_owned());
    // What root began, the user goes on with: also where each may touch only its own.
    let part = File::create(own.join(".rows.part")).unwrap();
    let begun = vec![early.as_fd(), part.as_fd()];
    match confine(&Plan { user, outputs, begun, folders, net_admin: false }) {
        Ok(confined) => {
            println!("word {}", confined.summary());
            confined.notes.iter().for_each(|line| println!("word {line}"));
            if confined.files {
                println!("said landlock");
            }
            if confined.calls {
                println!("said seccomp");
            }
        }
        Err(error) => {
            println!("word {error}");
            println!("refused");
            return;
        }
    }
    // Those that work come later: they have no more rights than the one that gave them up.
    let folder = PathBuf::from(folder);
    let worker = thread::Builder::new().spawn(move || attempts(&folder, &own));
    tried("thread", || result(worker.map(|worker| worker.join().unwrap())));
    tried("written before", || result(early.write_all(b"packets")));
    let (keep, waits) = std::sync::mpsc::channel::<()>();
    thread::spawn(move || waits.recv());
    println!("ready");
    io::stdout().flush().unwrap();
    // Until whoever looks at this process has seen enough.
    let _ = io::stdin().read(&mut [0]);
    drop(keep);
}

fn attempts(folder: &Path, own: &Path) {
    tried("own status", || result(fs::read("/proc/self/status")));
    tried("sys", || result(fs::read("/sys/class/net/lo/mtu")));
    tried("passwd", || result(File::open("/etc/passwd")));
    tried("other process", || result(File::open("/proc/1/status")));
    tried("other folder", || result(File::create(folder.join("other/file"))));
    tried("folder asked for", || result(File::create(folder.join("asked/file"))));
    tried("make a folder", || result(fs::create_dir(own.join("folder"))));
    tried("own folder", || result(fs::write(own.join("report.json.tmp"), "{}")));
    tried("replace", || result(fs::rename(own.join("report.json.tmp"), own.join("report.json"))));
    let mode = fs::Permissions::from_mode(0o640);
    tried("own what was begun", || result(fs::set_permissions(own.join(".rows.part"), mode)));
    tried("place what was begun", || result(fs::rename(own.join(".rows.part"), own.join("rows"))));
    tried("rename old away", || result(fs::remove_file(own.join("old.pcapng"))));
    tried("socket", || result(UdpSocket::bind("127.0.0.1:0")));
    tried("program", || result(Command::new("/bin/true").status()));
    tried("type into terminal", || result(type_into_terminal()));
}

/// The ioctl is refused before anybody looks whether this is a terminal.
fn type_into_terminal() -> io::Result<()> {
    use rustix::ioctl::{Opcode, Setter, ioctl};
    const TIOCSTI: Opcode = 0x5412;
    // SAFETY: TIOCSTI reads one octet.
    #[allow(unsafe_code)]
    let done = unsafe { ioctl(io::stdin(), Setter::<TIOCSTI, u8>::new(b'x')) };
    Ok(done?)
}
