//! Facts of the node, where it is no Linux: there are none.

use crate::context::{Context, Kernel};

/// Nothing to read.
#[derive(Debug)]
pub struct Node;

impl Node {
    /// Opens nothing.
    pub fn open(_: &[String]) -> Node {
        Node
    }

    /// Opens nothing.
    pub fn open_place(&mut self, _: &str) {}

    /// No.
    pub fn needs_net_admin(&self) -> bool {
        false
    }

    /// Reads nothing.
    pub fn sample(&mut self) {}

    /// Says that nothing was read.
    pub fn tell(&self, context: &mut Context) {
        let absent = vec!["counters of the node are read on Linux only".to_owned()];
        context.kernel = Some(Kernel { places: Vec::new(), absent });
    }
}
