//! Options about the rights of a live capture, and giving them up.

use std::os::fd::BorrowedFd;
use std::path::PathBuf;

use clap::Args;

use crate::confine::{self, Plan};
use crate::error::Error;

/// Where help lists them.
const HEADING: &str = "Rights";

/// The options.
#[derive(Debug, Args)]
pub(super) struct Rights {
    /// Who to become once all is open, when started as root [default: who called sudo, or nobody]
    ///
    /// A name of /etc/passwd, or a number; `root` stays root, without root's rights.
    #[arg(long, value_name = "NAME", help_heading = HEADING)]
    user: Option<String>,

    /// Keep all rights: user, capabilities, files and system calls
    ///
    /// Without it, once all is open, dnspect becomes --user, gives up all capabilities, may write only
    /// where its outputs are (landlock), and may start no program and open no socket (seccomp).
    #[arg(long, help_heading = HEADING, conflicts_with = "user")]
    no_sandbox: bool,
}

impl Rights {
    /// Gives up what is not needed to go on; what there is to say of it, a line each.
    pub(super) fn give_up(
        &self,
        outputs: Vec<PathBuf>,
        begun: Vec<BorrowedFd<'_>>,
        folders: Vec<PathBuf>,
        net_admin: bool,
    ) -> Result<Vec<String>, Error> {
        if self.no_sandbox {
            return Ok(Vec::new());
        }
        let plan = Plan { user: self.user.clone(), outputs, begun, folders, net_admin };
        let confined = confine::confine(&plan)?;
        let mut lines = vec![confined.summary()];
        lines.extend(confined.notes.into_iter().map(|note| format!("note: {note}")));
        Ok(lines)
    }
}
