//! dnspect reads packet captures and says what is wrong with DNS.
//!
//! The modules are the path of a packet:
//! `capture → decode → matcher → classify → aggregate → verdict → report`,
//! with [`model`] as their shared vocabulary and [`pipeline`] as the only place with threads.
//! ARCHITECTURE.md is the map.

pub mod aggregate;
pub mod capture;
pub mod classify;
pub mod decode;
pub mod matcher;
pub mod model;
pub mod pipeline;
pub mod report;
pub mod verdict;
