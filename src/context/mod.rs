//! What an operator has at hand besides the capture: counters of the interface, objects of the cluster,
//! rules of the firewall, configuration of resolvers. Text in, values out.
//!
//! It makes verdicts surer and never takes the place of packets: what comes from here is said to come
//! from here. Nothing in these texts is trusted: they come from other machines, as packets do.

pub mod corefile;
pub mod ethtool;
pub mod interface;
pub mod kernel;
pub mod kube;
pub mod resolv_conf;
pub mod ruleset;
pub mod series;

use std::fmt;

pub use corefile::Corefile;
pub use ethtool::Ethtool;
pub use kernel::Kernel;
pub use kube::Kube;
pub use resolv_conf::ResolvConf;
pub use ruleset::Ruleset;

/// Everything that was given. Nothing is by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// `--ethtool`, or a live capture: counters of the ENI.
    pub ethtool: Option<Ethtool>,
    /// `--kube`: objects of the cluster.
    pub kube: Option<Kube>,
    /// `--iptables`: rules of the node.
    pub iptables: Option<Ruleset>,
    /// `--corefile`: CoreDNS' configuration.
    pub corefile: Option<Corefile>,
    /// `--resolv-conf`: a client's configuration.
    pub resolv_conf: Option<ResolvConf>,
    /// A live capture: counters of the node's kernel.
    pub kernel: Option<Kernel>,
    /// A live capture: the node's own configuration, which CoreDNS and pods without cluster DNS have, too.
    pub node_resolv_conf: Option<ResolvConf>,
}

/// A file of context as it was read.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a> {
    /// Its name, for messages.
    pub file: &'a str,
    /// What stands in it.
    pub text: &'a str,
}

impl<'a> Text<'a> {
    /// Its lines with their numbers, from 1, without white space around them.
    pub(crate) fn lines(self) -> impl Iterator<Item = (u64, &'a str)> {
        (1..).zip(self.text.lines().map(str::trim))
    }

    /// An error at a line.
    pub(crate) fn malformed(self, line: u64, what: impl Into<String>) -> Malformed {
        Malformed { file: self.file.to_owned(), line, what: what.into() }
    }
}

/// Why a text is not what its option asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: u64,
    /// What is wrong there.
    pub what: String,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line {}: {}", self.file, self.line, self.what)
    }
}

impl std::error::Error for Malformed {}

/// A piece of a line for a message: as long as one reads, with whatever would act on a terminal
/// escaped.
pub(crate) fn quoted(text: &str) -> String {
    const MOST: usize = 60;
    let mut short: String = text.chars().take(MOST).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("{short:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_file_and_line() {
        let text = Text { file: "eth0.txt", text: "one\n two \n" };
        assert_eq!(text.lines().collect::<Vec<_>>(), [(1, "one"), (2, "two")]);
        let error = text.malformed(2, format!("{} is no counter", quoted("\x1b[31m")));
        assert_eq!(error.to_string(), "eth0.txt, line 2: \"\\u{1b}[31m\" is no counter");
        assert_eq!(quoted(&"é".repeat(100)).chars().count(), 63);
    }
}
