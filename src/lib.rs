//! dnspect reads packet captures and says what is wrong with DNS.
//!
//! The modules are the path of a packet:
//! `capture → decode → matcher → classify → aggregate → verdict → report`,
//! with [`model`] as their shared vocabulary and [`pipeline`] as the only place with threads.
//! ARCHITECTURE.md is the map.

pub mod aggregate;
mod analysis;
pub mod capture;
pub mod classify;
pub mod cli;
pub mod config;
pub mod confine;
pub mod context;
pub mod decode;
pub mod error;
pub mod matcher;
pub mod model;
#[cfg(all(feature = "live", target_os = "linux"))]
pub mod node;
pub mod pipeline;
pub mod progress;
pub mod report;
pub mod transactions;
pub mod verdict;

pub use analysis::{analyse, analyse_blocks, analyse_into};

/// Captures made from nothing, for the tests of the causes.
#[cfg(test)]
#[path = "../tests/forge/mod.rs"]
pub(crate) mod forge;
