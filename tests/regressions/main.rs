//! Bugs of other DNS tools that dnspect must not have, and the finer points of matching.
//!
//! Each test is named after the behaviour; where a peer's bug taught it, the issue stands beside it
//! (`../shared/knowledge/peers.md` has the list).

// A test may panic anywhere; Clippy knows only the functions marked as tests.
#![allow(clippy::unwrap_used)]

#[path = "../forge/mod.rs"]
mod forge;

mod copies;
mod fragments;
mod links;
mod lookups;
mod matching;
mod messages;
mod samples;
mod seen;
mod streams;
mod time;
