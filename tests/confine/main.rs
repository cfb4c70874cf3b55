//! Giving up rights, in a process of its own: what /proc says of it afterwards, and what it may still do.
//! Root for most of it; without, those parts are skipped with a word.
//!
//! No harness: libtest runs tests in threads beside its own, which would keep their rights.

#![allow(clippy::unwrap_used, clippy::expect_used)] // A test may panic, in its helpers too.

#[cfg(all(feature = "sandbox", target_os = "linux"))]
mod child;
#[cfg(all(feature = "sandbox", target_os = "linux"))]
mod process;

#[cfg(not(all(feature = "sandbox", target_os = "linux")))]
fn main() {
    println!("skipped: without the feature `sandbox`, or not on Linux");
}

#[cfg(all(feature = "sandbox", target_os = "linux"))]
fn main() {
    use std::panic::catch_unwind;

    if let Some(plan) = std::env::var_os(child::PLAN) {
        return child::run(&plan.into_string().unwrap());
    }
    let tests: [(&str, fn()); 7] = [
        ("where_each_may_touch_only_its_own", where_each_may_touch_only_its_own),
        ("root_becomes_somebody_without_rights", root_becomes_somebody_without_rights),
        ("a_folder_of_root_is_still_written_in", a_folder_of_root_is_still_written_in),
        ("root_may_stay_root_without_rights", root_may_stay_root_without_rights),
        ("one_capability_is_given_up_too", one_capability_is_given_up_too),
        ("who_has_no_rights_is_confined_all_the_same", who_has_no_rights_is_confined_all_the_same),
        ("a_user_that_cannot_be_is_refused", a_user_that_cannot_be_is_refused),
    ];
    let mut failed = 0;
    for (name, test) in tests {
        let passed = catch_unwind(test).is_ok();
        println!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
        failed += i32::from(!passed);
    }
    assert_eq!(failed, 0, "tests failed");
}

#[cfg(all(feature = "sandbox", target_os = "linux"))]
use process::{Process, Start, is_root};

/// Nobody of this number is on any machine.
#[cfg(all(feature = "sandbox", target_os = "linux"))]
const CALLER: u32 = 47_113;

/// All capabilities gone, and no way back.
#[cfg(all(feature = "sandbox", target_os = "linux"))]
fn assert_bare(process: &Process, keeps: &str) {
    let threads = process.threads();
    assert!(threads.len() > 1, "a thread was started");
    for status in threads {
        for (field, value) in [
            ("CapEff", keeps),
            ("CapPrm", keeps),
            ("CapInh", "0000000000000000"),
            ("CapAmb", "0000000000000000"),
            ("NoNewPrivs", "1"),
        ] {
            assert_eq!(status.field(field), value, "{field} of {}", status.field("Pid"));
        }
        if process.said("seccomp") {
            assert_eq!(status.field("Seccomp"), "2");
        }
    }
}

/// What may be done by whoever is confined, and what may not.
#[cfg(all(feature = "sandbox", target_os = "linux"))]
fn assert_confined(process: &Process) {
    assert_eq!(process.tried("own what was begun"), "ok");
    assert_eq!(process.tried("place what was begun"), "ok");
    for may in
        ["thread", "own folder", "replace", "rename old away", "own status", "written before"]
    {
        assert_eq!(process.tried(may), "ok", "{may}");
    }
    assert_eq!(process.tried("folder asked for"), "ok");
    if process.said("landlock") {
        assert_eq!(process.tried("sys"), "ok");
        for not in ["passwd", "other folder", "other process", "make a folder"] {
            assert_eq!(process.tried(not), "EACCES", "{not}");
        }
    } else {
        println!("skipped: no landlock here");
    }
    let here = std::path::Path::new("/proc/sys/kernel/seccomp/actions_avail").exists();
    assert_eq!(process.said("seccomp"), here, "{}", process.words());
    if here {
        for not in ["socket", "program", "type into terminal"] {
            assert_eq!(process.tried(not), "EPERM", "{not}");
        }
    } else {
        println!("skipped: no seccomp here");
    }
}

#[cfg(all(feature = "sandbox", target_os = "linux"))]
fn root_becomes_somebody_without_rights() {
    if !is_root() {
        return println!("skipped: needs root");
    }
    let process = Start::new("sudo").owned_by(CALLER).sudo(CALLER).run();
    let status = process.status();
    let all = format!("{CALLER}\t{CALLER}\t{CALLER}\t{CALLER}");
    assert_eq!((status.field("Uid"), status.field("Gid")), (all.as_str(), all.as_str()));
    assert_eq!(status.field("Groups"), "");
    assert_eq!(status.field("CapBnd"), "0000000000000000");
    assert_bare(&process, "0000000000000000");
    assert_confined(&process);
}

/// A folder that only root may write in: of all rights the one to do so is kept, and landlock holds it to
/// that folder.
#[cfg(all(feature = "sandbox", target_os = "linux"))]
fn a_folder_of_root_is_still_written_in() {
    if !is_root() {
        return println!("skipped: needs root");
    }
    let process = Start::new("root-folder").sudo(CALLER).run();
    assert!(process.status().field("Uid").starts_with(&CALLER.to_string()));
    assert_bare(&process, "0000000000000002");
    assert!(process.words().contains("keeps CAP_DAC_OVERRIDE"), "{}", process.words());
    assert_confined(&process);
}

/// A folder as /tmp: what root left there can only be replaced with a right that is kept for it.
#[cfg(all(feature = "sandbox", target_os = "linux"))]
fn where_each_may_touch_only_its_own() {
    if !is_root() {
        return println!("skipped: needs root");
    }
    let process = Start::new("sticky").for_all().sudo(CALLER).run();
    assert_bare(&process, "0000000000000008");
    assert!(process.words().contains("keeps CAP_FOWNER"), "{}", process.words());
    assert_confined(&process);
}

#[cfg(all(feature = "sandbox", target_os = "linux"))]
fn root_may_stay_root_without_rights() {
    if !is_root() {
        return println!("skipped: needs root");
    }
    let process = Start::new("stays").sudo(CALLER).user("root").run();
    assert_eq!(process.status().field("Uid"), "0\t0\t0\t0");
    assert_bare(&process, "0000000000000000");
    assert_confined(&process);
}

/// CAP_NET_RAW alone, as `setcap` or a container gives it: it goes once the capture is open.
#[cfg(all(feature = "sandbox", target_os = "linux"))]
fn one_capability_is_given_up_too() {
    let start = Start::new("raw").owned_by(CALLER);
    let Some(start) = start.by_setpriv(CALLER, "+net_raw") else { return };
    let process = start.run();
    assert_eq!(process.before("CapEff"), "0000000000002000");
    assert_bare(&process, "0000000000000000");
    assert_confined(&process);
}

#[cfg(all(feature = "sandbox", target_os = "linux"))]
fn who_has_no_rights_is_confined_all_the_same() {
    let process = if is_root() {
        let start = Start::new("plain").owned_by(CALLER);
        let Some(start) = start.by_setpriv(CALLER, "-all") else { return };
        start.run()
    } else {
        Start::new("plain").run()
    };
    assert_bare(&process, "0000000000000000");
    assert_confined(&process);
}

#[cfg(all(feature = "sandbox", target_os = "linux"))]
fn a_user_that_cannot_be_is_refused() {
    let process = Start::new("nobody").user("no-such-user-here").run();
    let why = if is_root() { "no such user" } else { "only root" };
    assert!(process.words().contains(why), "{}", process.words());
    assert!(process.refused());
}
