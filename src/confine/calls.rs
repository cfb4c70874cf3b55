//! Seccomp: system calls that a capture never makes once all is open. They fail with EPERM and end
//! nothing, so that a C library that tries one goes on without. All others stay allowed: which ones a C
//! library needs changes from version to version, which ones do harm hardly does.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

use super::Confined;

/// Never made, whatever the arguments.
const FORBIDDEN: &[c_long] = &[
    // Other programs.
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_memfd_create,
    // Other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    // Sockets: those that are needed are open.
    libc::SYS_socket,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    // Mounts and namespaces.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_mount_setattr,
    libc::SYS_open_by_handle_at,
    // The kernel.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_io_uring_setup,
    libc::SYS_userfaultfd,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_syslog,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_personality,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    // Other users.
    libc::SYS_setuid,
    libc::SYS_setgid,
    libc::SYS_setreuid,
    libc::SYS_setregid,
    libc::SYS_setresuid,
    libc::SYS_setresgid,
    libc::SYS_setgroups,
    libc::SYS_capset,
    libc::SYS_fchownat,
];

/// The same, of this architecture only.
#[cfg(target_arch = "x86_64")]
const FORBIDDEN_HERE: &[c_long] = &[
    libc::SYS_fork,
    libc::SYS_vfork,
    libc::SYS_chown,
    libc::SYS_lchown,
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_modify_ldt,
    libc::SYS_uselib,
    libc::SYS_kexec_file_load,
];
#[cfg(not(target_arch = "x86_64"))]
const FORBIDDEN_HERE: &[c_long] = &[];

/// x86-64 numbers all calls twice: with this bit they are those of the x32 ABI.
#[cfg(target_arch = "x86_64")]
const AGAIN: Option<c_long> = Some(0x4000_0000);
#[cfg(not(target_arch = "x86_64"))]
const AGAIN: Option<c_long> = None;

/// Characters put into a terminal as if they were typed there.
const TYPE_INTO_TERMINAL: [u64; 2] = [libc::TIOCSTI, libc::TIOCLINUX];

/// Confines this thread, those that it starts, and those that run already.
pub(super) fn confine(confined: &mut Confined) {
    // Arguments of clone3 lie where no filter sees them; without it, C libraries use clone.
    let missing = filter([(libc::SYS_clone3, Vec::new())].into(), libc::ENOSYS);
    let forbidden = rules().and_then(|rules| filter(rules, libc::EPERM));
    for program in [missing, forbidden] {
        let applied = program.and_then(|program| {
            seccompiler::apply_filter_all_threads(&program).map_err(|error| error.to_string())
        });
        if let Err(why) = applied {
            confined.notes.push(format!("seccomp: {why}: system calls are not confined"));
            return;
        }
    }
    confined.calls = true;
}

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// What is forbidden, and under which conditions: none stands for always.
fn rules() -> Result<Rules, String> {
    let mut rules = Rules::new();
    for &call in FORBIDDEN.iter().chain(FORBIDDEN_HERE) {
        rules.insert(call, Vec::new());
    }
    let typing = TYPE_INTO_TERMINAL.map(|command| when(1, SeccompCmpOp::Eq, command));
    rules.insert(libc::SYS_ioctl, typing.into_iter().collect::<Result<_, _>>()?);
    // Threads, yes; processes and namespaces, no.
    let thread = libc::CLONE_THREAD as u64;
    rules.insert(libc::SYS_clone, vec![when(0, SeccompCmpOp::MaskedEq(thread), 0)?]);
    // Memory that was written is never run.
    let run = libc::PROT_EXEC as u64;
    for call in [libc::SYS_mmap, libc::SYS_mprotect, libc::SYS_pkey_mprotect] {
        rules.insert(call, vec![when(2, SeccompCmpOp::MaskedEq(run), run)?]);
    }
    if let Some(again) = AGAIN {
        let twice: Vec<_> =
            rules.iter().map(|(call, rules)| (call | again, rules.clone())).collect();
        rules.extend(twice);
    }
    Ok(rules)
}

fn when(argument: u8, compared: SeccompCmpOp, value: u64) -> Result<SeccompRule, String> {
    let condition = SeccompCondition::new(argument, SeccompCmpArgLen::Dword, compared, value);
    let condition = condition.map_err(|error| error.to_string())?;
    SeccompRule::new(vec![condition]).map_err(|error| error.to_string())
}

/// A program that fails these calls with an error, and allows all others.
fn filter(rules: Rules, error: i32) -> Result<BpfProgram, String> {
    let here = TargetArch::try_from(std::env::consts::ARCH).map_err(|error| error.to_string())?;
    let fail = SeccompAction::Errno(error as u32);
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, fail, here);
    filter.and_then(TryInto::try_into).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_filters_fit_into_the_kernel() {
        /// `BPF_MAXINSNS`.
        const MOST: usize = 4_096;
        let rules = rules().unwrap();
        assert!(rules.len() > 70);
        let program = filter(rules, libc::EPERM).unwrap();
        assert!(program.len() < MOST / 4, "{}", program.len());
        assert!(filter([(libc::SYS_clone3, Vec::new())].into(), libc::ENOSYS).is_ok());
    }

    #[test]
    fn nothing_that_a_capture_needs_is_forbidden() {
        let rules = rules().unwrap();
        for call in [
            libc::SYS_read,
            libc::SYS_write,
            libc::SYS_openat,
            libc::SYS_renameat2,
            libc::SYS_poll,
            libc::SYS_futex,
            libc::SYS_getsockopt,
            libc::SYS_recvmsg,
            libc::SYS_sendto,
            libc::SYS_tgkill,
            libc::SYS_rt_sigaction,
            libc::SYS_munmap,
            libc::SYS_exit_group,
        ] {
            assert!(!rules.contains_key(&call), "{call}");
        }
    }
}
