//! A run of `dnspect live` in a namespace.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};

use rustix::process::{Pid, Signal, kill_process};

use crate::namespace::{Namespace, works};

/// What `/proc` says of a thread.
pub(crate) struct Status(pub(crate) String);

impl Status {
    pub(crate) fn field(&self, name: &str) -> &str {
        let mut lines = self.0.lines();
        let line = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_else(|| panic!("{name}: {}", self.0)).trim()
    }
}

/// The run, its report in a folder of its own.
pub(crate) struct Live {
    child: Child,
    errors: Option<JoinHandle<()>>,
    folder: PathBuf,
}

fn command(namespace: &Namespace, before: &[String], program: &str) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", namespace.name()]).args(before).arg(program).arg("live");
    command.env_remove("SUDO_UID").env_remove("SUDO_GID");
    command
}

/// How setpriv makes somebody with these capabilities only.
fn setpriv(uid: u32, capabilities: &str) -> Option<Vec<String>> {
    if !works("setpriv", &["--version"]) {
        println!("skipped: needs setpriv");
        return None;
    }
    let uid = uid.to_string();
    let words = ["setpriv", "--reuid", &uid, "--regid", &uid, "--clear-groups"];
    let sets = ["inh-caps", "ambient-caps", "bounding-set"];
    let sets = sets.map(|set| format!("--{set}={capabilities}"));
    Some(words.into_iter().map(str::to_owned).chain(sets).collect())
}

/// A folder for a run that all may enter, owned by this user, with the program in it: where it was built
/// others may have no business.
fn folder(namespace: &Namespace, owner: u32) -> (PathBuf, String) {
    let folder = std::env::temp_dir().join(format!("dnspect-{}", namespace.name()));
    fs::create_dir_all(&folder).unwrap();
    let program = folder.join("dnspect");
    fs::copy(env!("CARGO_BIN_EXE_dnspect"), &program).unwrap();
    chown(&folder, Some(owner), Some(owner)).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    (folder, program.display().to_string())
}

impl Live {
    /// Starts it, as root, and waits until it captures and has read the node.
    pub(crate) fn start(
        namespace: &Namespace,
        environment: &[(&str, &str)],
        arguments: &[&str],
    ) -> Live {
        let owner = environment.iter().find(|(name, _)| *name == "SUDO_UID");
        let owner = owner.map_or(0, |(_, uid)| uid.parse().unwrap());
        let (folder, program) = folder(namespace, owner);
        let mut command = command(namespace, &[], &program);
        command.args(arguments).envs(environment.iter().copied());
        Live::wait(command, folder)
    }

    /// Starts it, as root, where this test runs.
    pub(crate) fn outside(arguments: &[&str], namespace: &Namespace) -> Live {
        let (folder, program) = folder(namespace, 0);
        let mut command = Command::new(program);
        command.arg("live").args(arguments);
        Live::wait(command, folder)
    }

    /// The same as somebody with these capabilities only.
    pub(crate) fn with_capabilities(
        namespace: &Namespace,
        uid: u32,
        capabilities: &str,
    ) -> Option<Live> {
        let setpriv = setpriv(uid, capabilities)?;
        let (folder, program) = folder(namespace, uid);
        Some(Live::wait(command(namespace, &setpriv, &program), folder))
    }

    /// What it says to somebody without any capability.
    pub(crate) fn refused(namespace: &Namespace, uid: u32) -> Option<String> {
        let setpriv = setpriv(uid, "-all")?;
        let (folder, program) = folder(namespace, uid);
        let output = command(namespace, &setpriv, &program).output().unwrap();
        fs::remove_dir_all(folder).unwrap();
        assert_eq!(output.status.code(), Some(2));
        Some(String::from_utf8(output.stderr).unwrap())
    }

    fn wait(mut command: Command, folder: PathBuf) -> Live {
        command.args(["--interval", "200ms", "--output"]).arg(folder.join("report.txt"));
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = Vec::new();
        // The first line with figures comes when everything runs.
        let figures = |line: &str| line.contains("packets/s");
        for line in lines.by_ref() {
            said.push(line.unwrap());
            if said.last().is_some_and(|line| figures(line)) {
                break;
            }
        }
        assert!(said.last().is_some_and(|line| figures(line)), "{said:#?}");
        let errors = thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                println!("{line}");
            }
        });
        Live { child, errors: Some(errors), folder }
    }

    /// What `/proc` says of all its threads.
    pub(crate) fn threads(&self) -> Vec<Status> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let status = |task: fs::DirEntry| fs::read_to_string(task.path().join("status"));
        tasks.filter_map(|task| status(task.unwrap()).ok()).map(Status).collect()
    }

    /// Ends it as Ctrl-C does: its exit status and its report.
    pub(crate) fn end(mut self) -> (i32, String) {
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
        let status = self.child.wait().unwrap();
        if let Some(errors) = self.errors.take() {
            let _ = errors.join();
        }
        let report = fs::read_to_string(self.folder.join("report.txt")).unwrap();
        (status.code().unwrap_or_else(|| panic!("{status}")), report)
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
