//! Starts the process that is confined, and looks at it from outside.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::child::{APART, PLAN};

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A folder that goes away again.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// How it is started.
pub(crate) struct Start {
    scratch: Scratch,
    sudo: Option<u32>,
    user: String,
    owner: Option<u32>,
    setpriv: Vec<String>,
}

impl Start {
    pub(crate) fn new(name: &str) -> Start {
        let name = format!("dnspect-confine-{name}-{}", std::process::id());
        let scratch = Scratch(std::env::temp_dir().join(name));
        for folder in ["own", "other", "asked"] {
            fs::create_dir_all(scratch.0.join(folder)).unwrap();
        }
        for open in ["other", "asked"] {
            let open = scratch.0.join(open);
            fs::set_permissions(open, fs::Permissions::from_mode(0o777)).unwrap();
        }
        fs::write(scratch.0.join("own/old.pcapng"), "old").unwrap();
        Start { scratch, sudo: None, user: String::new(), owner: None, setpriv: Vec::new() }
    }

    /// Its folder for outputs belongs to this user.
    pub(crate) fn owned_by(mut self, uid: u32) -> Start {
        self.owner = Some(uid);
        self
    }

    /// Its folder for outputs is open to all, as /tmp is, and root's report is there already.
    pub(crate) fn for_all(self) -> Start {
        let own = self.scratch.0.join("own");
        fs::write(own.join("report.json"), "old").unwrap();
        fs::set_permissions(own, fs::Permissions::from_mode(0o1777)).unwrap();
        self
    }

    /// As if this user had called sudo.
    pub(crate) fn sudo(mut self, uid: u32) -> Start {
        self.sudo = Some(uid);
        self
    }

    /// With `--user`.
    pub(crate) fn user(mut self, name: &str) -> Start {
        name.clone_into(&mut self.user);
        self
    }

    /// As this user, with these capabilities only; nothing where that cannot be arranged.
    pub(crate) fn by_setpriv(mut self, uid: u32, capabilities: &str) -> Option<Start> {
        if !is_root() || Command::new("setpriv").arg("--version").output().is_err() {
            println!("skipped: needs root and setpriv");
            return None;
        }
        let all = format!("{}{capabilities}", if capabilities == "-all" { "" } else { "-all," });
        let words = [
            "--reuid".to_owned(),
            uid.to_string(),
            "--regid".to_owned(),
            uid.to_string(),
            "--clear-groups".to_owned(),
            format!("--inh-caps={all}"),
            format!("--ambient-caps={all}"),
            format!("--bounding-set={all}"),
        ];
        self.setpriv = words.to_vec();
        Some(self)
    }

    pub(crate) fn run(self) -> Process {
        let own = self.scratch.0.join("own");
        if let Some(uid) = self.owner.filter(|_| is_root()) {
            chown(&own, Some(uid), Some(uid)).unwrap();
            chown(own.join("old.pcapng"), Some(uid), Some(uid)).unwrap();
        }
        // Where the tests are built others may have no business.
        let program = self.scratch.0.join("program");
        // By a process of its own: what this one has open for writing, a child that another test begins
        // at this moment has open too, and then the program cannot be run ("Text file busy").
        let copied =
            Command::new("cp").arg(std::env::current_exe().unwrap()).arg(&program).status();
        assert!(copied.unwrap().success());
        let mut command = if self.setpriv.is_empty() {
            Command::new(&program)
        } else {
            let mut command = Command::new("setpriv");
            command.args(&self.setpriv).arg(&program);
            command
        };
        for name in ["SUDO_UID", "SUDO_GID"] {
            match self.sudo {
                Some(uid) => command.env(name, uid.to_string()),
                None => command.env_remove(name),
            };
        }
        let plan = format!("{}{APART}{}", self.scratch.0.display(), self.user);
        let child =
            command.env(PLAN, plan).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        Process::listen(child, self.scratch)
    }
}

/// A line of what `/proc` says of a thread.
pub(crate) struct Status(String);

impl Status {
    pub(crate) fn field(&self, name: &str) -> &str {
        let mut lines = self.0.lines();
        let line = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_else(|| panic!("{name}: {}", self.0)).trim()
    }
}

/// The process, waiting for its end.
pub(crate) struct Process {
    child: Child,
    lines: Vec<String>,
    _scratch: Scratch,
}

impl Process {
    fn listen(mut child: Child, scratch: Scratch) -> Process {
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut lines = Vec::new();
        for line in output.lines() {
            let line = line.unwrap();
            let last = line == "ready";
            lines.push(line);
            if last {
                break;
            }
        }
        assert!(lines.iter().any(|line| line == "ready" || line == "refused"), "{lines:#?}");
        Process { child, lines, _scratch: scratch }
    }

    fn after(&self, prefix: &str) -> impl Iterator<Item = &str> {
        self.lines.iter().filter_map(move |line| line.strip_prefix(prefix))
    }

    pub(crate) fn tried(&self, what: &str) -> &str {
        let prefix = format!("tried {what}: ");
        let found = self.lines.iter().find_map(|line| line.strip_prefix(&prefix));
        found.unwrap_or_else(|| panic!("{what}: {:#?}", self.lines))
    }

    pub(crate) fn said(&self, what: &str) -> bool {
        self.after("said ").any(|said| said == what)
    }

    pub(crate) fn refused(&self) -> bool {
        self.lines.iter().any(|line| line == "refused")
    }

    pub(crate) fn words(&self) -> String {
        self.after("word ").collect::<Vec<_>>().join("\n")
    }

    /// What it said of itself before it gave anything up.
    pub(crate) fn before(&self, field: &str) -> String {
        let all = self.after("before ").collect::<Vec<_>>().join("\n");
        Status(all).field(field).to_owned()
    }

    pub(crate) fn status(&self) -> Status {
        let path = format!("/proc/{}/status", self.child.id());
        Status(fs::read_to_string(path).unwrap())
    }

    pub(crate) fn threads(&self) -> Vec<Status> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let status = |task: fs::DirEntry| fs::read_to_string(task.path().join("status"));
        tasks.filter_map(|task| status(task.unwrap()).ok()).map(Status).collect()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
