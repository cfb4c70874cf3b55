//! What the node tells beside the packets: read each second, told before each report.

use std::time::Duration;

use crate::config::Config;
use crate::node::Node;

/// How often it is read: the limits of AWS are of seconds.
const EVERY: Duration = Duration::from_secs(1);

/// The node, if anybody wants to know.
pub(super) struct Beside {
    node: Option<Node>,
    due: Duration,
}

impl Beside {
    /// Reads it for the first time.
    pub(super) fn new(mut node: Option<Node>) -> Beside {
        if let Some(node) = &mut node {
            node.sample();
        }
        Beside { node, due: EVERY }
    }

    /// Reads it, if a second has gone by since it was. `elapsed` is since the capture began.
    pub(super) fn read_if_due(&mut self, elapsed: Duration) {
        if elapsed >= self.due {
            self.read();
            self.due = elapsed + EVERY;
        }
    }

    /// Reads it now.
    pub(super) fn read(&mut self) {
        if let Some(node) = &mut self.node {
            node.sample();
        }
    }

    /// Puts what is known beside what the operator gave. Addresses that the node names do not go into a
    /// report whose own are replaced.
    pub(super) fn tell(&self, config: &mut Config) {
        if let Some(node) = &self.node {
            node.tell(&mut config.context);
            if config.anonymizer.is_some() {
                config.context.node_resolv_conf = None;
            }
        }
    }
}
