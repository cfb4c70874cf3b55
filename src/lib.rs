//! dnspect reads packet captures and says what is wrong with DNS.
//!
//! The modules are the path of a packet:
//! `capture → decode → matcher → classify → aggregate → verdict → report`,
//! with [`model`] as their shared vocabulary and [`pipeline`] as the only place with threads.
//! ARCHITECTURE.md is the map.

pub mod aggregate;
mod analysis;
pub mod anonymize;
pub mod capture;
pub mod classify;
pub mod cli;
pub mod config;
#[cfg(any(feature = "live", feature = "sandbox"))]
pub mod confine;
pub mod context;
pub mod decode;
pub mod error;
#[cfg(feature = "live")]
pub mod live;
pub mod matcher;
pub mod model;
#[cfg(feature = "live")]
#[cfg_attr(not(target_os = "linux"), path = "node/elsewhere.rs")]
pub mod node;
pub mod pipeline;
pub mod progress;
pub mod report;
pub mod transactions;
pub mod verdict;
#[cfg(feature = "live")]
pub mod view;

pub use analysis::{analyse, analyse_blocks, analyse_into, judge, observe};

/// Captures made from nothing, for the tests of the causes.
#[cfg(test)]
#[path = "../tests/forge/mod.rs"]
pub(crate) mod forge;
