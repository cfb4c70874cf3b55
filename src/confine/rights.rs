//! User, groups and capabilities. The calls are those of the kernel, which concern one thread; others
//! that run already keep what they have, and it is said that they do.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD, FileType};
use rustix::process::{Gid, Uid};
use rustix::thread::{self, CapabilitySet, CapabilitySets};

use super::{Confined, Error, Places, Plan, User, UserError, folder, user};

/// Capabilities that may be kept, by name.
const NAMES: [(CapabilitySet, &str); 3] = [
    (CapabilitySet::NET_ADMIN, "CAP_NET_ADMIN"),
    (CapabilitySet::DAC_OVERRIDE, "CAP_DAC_OVERRIDE"),
    (CapabilitySet::FOWNER, "CAP_FOWNER"),
];

/// Of a folder: only owners may remove and replace what is in it.
const STICKY: u32 = 0o1000;

/// A kernel has no more capabilities than fit into 64 bits.
const CAPABILITIES: u32 = 64;

/// Gives up all but what the plan needs.
pub(super) fn give_up(plan: &Plan<'_>, confined: &mut Confined) -> Result<(), Error> {
    let kept = |what| move |source: rustix::io::Errno| Error::Kept { what, source: source.into() };
    let had = thread::capabilities(None).map_err(kept("capabilities"))?.permitted;
    note_other_threads(confined);
    leave_bounding_set(had, confined);
    thread::set_keep_capabilities(true).map_err(kept("capabilities"))?;
    become_user(plan, confined)?;
    hand_over(plan, had, confined);
    // From here on without any effective capability: what may be written now needs none.
    let none = CapabilitySet::empty();
    let sets = CapabilitySets { effective: none, permitted: had, inheritable: none };
    thread::set_capabilities(None, sets).map_err(kept("capabilities"))?;
    let keep = needed(plan) & had;
    let sets = CapabilitySets { effective: keep, permitted: keep, inheritable: none };
    thread::set_capabilities(None, sets).map_err(kept("capabilities"))?;
    let _ = thread::clear_ambient_capability_set();
    thread::set_no_new_privs(true).map_err(kept("the way to new rights"))?;
    let now = thread::capabilities(None).map_err(kept("capabilities"))?;
    if now.permitted != keep {
        let source = io::Error::other("the kernel still lists others");
        return Err(Error::Kept { what: "capabilities", source });
    }
    let names = NAMES.iter().filter(|(one, _)| keep.contains(*one));
    confined.kept = names.map(|(_, name)| *name).collect();
    Ok(())
}

/// What a file of `/proc` says of this process.
fn status(field: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    line.trim().parse().ok()
}

fn note_other_threads(confined: &mut Confined) {
    if let Some(threads) = status("Threads").filter(|&threads| threads > 1) {
        confined
            .notes
            .push(format!("{} threads were running already and keep their rights", threads - 1));
    }
}

/// What is not in the bounding set cannot come back. It takes CAP_SETPCAP; without that, `no_new_privs`
/// has to do.
fn leave_bounding_set(had: CapabilitySet, confined: &mut Confined) {
    if !had.contains(CapabilitySet::SETPCAP) {
        return;
    }
    for number in 0..CAPABILITIES {
        let one = CapabilitySet::from_bits_retain(1 << number);
        // The first that the kernel does not know is behind the last.
        let Ok(present) = thread::capability_is_in_bounding_set(one) else { break };
        if present && let Err(error) = thread::remove_capability_from_bounding_set(one) {
            confined.notes.push(format!("capabilities may come back by a program: {error}"));
            break;
        }
    }
}

/// Becomes somebody else, if this is root.
fn become_user(plan: &Plan<'_>, confined: &mut Confined) -> Result<(), Error> {
    if !rustix::process::geteuid().is_root() {
        return match &plan.user {
            Some(name) => Err(UserError::NotRoot(name.clone()).into()),
            None => Ok(()),
        };
    }
    let variable = |name| std::env::var(name).ok();
    let (uid, gid) = (variable("SUDO_UID"), variable("SUDO_GID"));
    let passwd = fs::read("/etc/passwd").unwrap_or_default();
    let passwd = String::from_utf8_lossy(&passwd);
    let chosen = user::chosen(plan.user.as_deref(), (uid.as_deref(), gid.as_deref()), &passwd)?;
    if chosen.uid == 0 {
        return Ok(());
    }
    match switch(chosen) {
        Ok(()) => confined.user = Some(chosen),
        // One who named a user means it; a container may know no other, or not allow it.
        Err(source) if plan.user.is_some() => {
            return Err(Error::Kept { what: "the user root", source: source.into() });
        }
        Err(error) => confined.notes.push(format!(
            "stays user 0, without its rights: becoming user {} is not allowed here ({error})",
            chosen.uid
        )),
    }
    Ok(())
}

fn switch(User { uid, gid }: User) -> rustix::io::Result<()> {
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    thread::set_thread_groups(&[])?;
    thread::set_thread_res_gid(gid, gid, gid)?;
    thread::set_thread_res_uid(uid, uid, uid)
}

/// Files that root began are of the new user from now on, so that it may put them in their places.
fn hand_over(plan: &Plan<'_>, had: CapabilitySet, confined: &mut Confined) {
    let Some(User { uid, gid }) = confined.user else { return };
    let sets = CapabilitySets {
        effective: had & CapabilitySet::CHOWN,
        permitted: had,
        inheritable: CapabilitySet::empty(),
    };
    let given = thread::set_capabilities(None, sets).and_then(|()| {
        let owner = (Uid::from_raw(uid), Gid::from_raw(gid));
        plan.begun.iter().try_for_each(|file| {
            let is_file = rustix::fs::fstat(file)
                .is_ok_and(|known| FileType::from_raw_mode(known.st_mode) == FileType::RegularFile);
            if is_file { rustix::fs::fchown(file, Some(owner.0), Some(owner.1)) } else { Ok(()) }
        })
    });
    if let Err(error) = given {
        confined.notes.push(format!("files that were begun stay root's: {error}"));
    }
}

/// Capabilities without which the plan cannot be carried out.
fn needed(plan: &Plan<'_>) -> CapabilitySet {
    let mut needed = CapabilitySet::empty();
    if plan.net_admin {
        needed |= CapabilitySet::NET_ADMIN;
    }
    let places = Places::of(&plan.outputs);
    let closed = |folder: &PathBuf| !is_writable(folder, Access::WRITE_OK | Access::EXEC_OK);
    let deaf = |device: &PathBuf| !is_writable(device, Access::WRITE_OK);
    if places.folders.iter().any(closed) || places.devices.iter().any(deaf) {
        needed |= CapabilitySet::DAC_OVERRIDE;
    }
    if plan.outputs.iter().any(|output| belongs_to_another(output)) {
        needed |= CapabilitySet::FOWNER;
    }
    needed
}

/// Whether this may be done with the rights of now.
fn is_writable(path: &Path, access: Access) -> bool {
    // An old kernel cannot say it of the rights of now: then they are kept.
    rustix::fs::accessat(CWD, path, access, AtFlags::EACCESS).is_ok()
}

/// Whether a file is there that only its owner may replace.
fn belongs_to_another(output: &Path) -> bool {
    let Ok(file) = fs::symlink_metadata(output) else { return false };
    let own = rustix::process::geteuid().as_raw();
    fs::metadata(folder(output))
        .is_ok_and(|folder| folder.mode() & STICKY != 0 && folder.uid() != own && file.uid() != own)
}
