//! Live capture of real traffic, in network namespaces made for the test. Needs root; without it, and
//! where namespaces or tcpdump are missing, a test says so and passes.

#![cfg(all(target_os = "linux", feature = "live"))]
#![allow(clippy::unwrap_used)] // A test may panic, in its helpers too.

mod ending;
mod equality;
mod filters;
#[path = "../forge/mod.rs"]
mod forge;
mod keeping;
mod net;
mod overload;
mod places;
mod process;
mod resolver;
mod traffic;

/// Ends the test, with the reason, where it cannot run.
macro_rules! net_or_skip {
    () => {
        match crate::net::Net::new() {
            Ok(net) => net,
            Err(why) => {
                eprintln!("skipped: {why}");
                return;
            }
        }
    };
}
pub(crate) use net_or_skip;
