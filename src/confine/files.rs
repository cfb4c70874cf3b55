//! Landlock: which files may still be opened.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd,
    Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};

use super::{Confined, Places};

/// What is asked of the kernel; an older one does what it can.
const WANTED: ABI = ABI::V6;

/// Read to the end: libpcap asks an interface's drop counters in /sys each time, and the standard library
/// its own process and its limits of CPU.
const READ: [&str; 2] = ["/sys", "/proc/self"];

/// Devices: the terminal, and nothing.
const DEVICES: [&str; 2] = ["/dev/tty", "/dev/null"];

/// Confines this thread and those that it starts.
pub(super) fn confine(places: &Places, folders: &[PathBuf], confined: &mut Confined) {
    match restrict(places, folders) {
        Ok(RulesetStatus::FullyEnforced) => confined.files = true,
        Ok(RulesetStatus::PartiallyEnforced) => {
            confined.files = true;
            let note =
                "landlock: this kernel knows a part of it only (Linux 6.12 or newer knows all)";
            confined.notes.push(note.to_owned());
        }
        Ok(RulesetStatus::NotEnforced) => {
            let note =
                "landlock: this kernel has none, or it is switched off: files are not confined";
            confined.notes.push(note.to_owned());
        }
        Err(error) => {
            confined.notes.push(format!("landlock: {error}: files are not confined"));
        }
        // The crate may learn of further states.
        #[allow(unreachable_patterns)]
        Ok(_) => {}
    }
}

fn restrict(places: &Places, folders: &[PathBuf]) -> Result<RulesetStatus, RulesetError> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let device = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::IoctlDev;
    // A new file takes the place of an old one by its name: it is made, filled, and the old one goes.
    let write =
        read | AccessFs::WriteFile | AccessFs::Truncate | AccessFs::MakeReg | AccessFs::RemoveFile;
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(WANTED))?
        .handle_access(AccessNet::from_all(WANTED))?
        .scope(Scope::from_all(WANTED))?
        .create()?;
    for path in READ {
        rules = allow(rules, Path::new(path), read)?;
    }
    for path in DEVICES.iter().map(Path::new).chain(places.devices.iter().map(PathBuf::as_path)) {
        rules = allow(rules, path, device)?;
    }
    for folder in places.folders.iter().chain(folders) {
        rules = allow(rules, folder, write)?;
    }
    Ok(rules.restrict_self()?.ruleset)
}

/// What is not there needs no rule.
fn allow(
    rules: RulesetCreated,
    path: &Path,
    access: BitFlags<AccessFs>,
) -> Result<RulesetCreated, RulesetError> {
    match PathFd::new(path) {
        Ok(opened) => rules.add_rule(PathBeneath::new(opened, access)),
        Err(_) => Ok(rules),
    }
}
