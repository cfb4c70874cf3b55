//! From what was measured to what is wrong.

pub mod addresses;
pub mod answers;
mod cause;
pub mod causes;
pub mod chance;
pub mod commands;
mod corroborate;
pub mod crowd;
mod ends;
mod facts;
pub mod filter;
mod finding;
mod halts;
mod judge;
pub mod load;
mod missing;
mod naming;
mod node_facts;
pub mod node_local;
pub mod outage;
pub mod refusals;
mod sample;
pub mod seconds;
pub mod silence;
mod stub;
pub mod times;
mod types;
mod unexplained;
mod vantage;
pub mod words;
pub mod zones;

pub use cause::Cause;
pub use ends::{Between, Ends};
pub use facts::{Detected, FEW, FLAWED_CONFIDENCE, Facts};
pub use finding::{
    Alternative, Evidence, Finding, Mitigation, Scope, Severity, Status, Verdict, Window,
};
pub use judge::{findings, verdict};
pub use naming::takes_part;
pub use stub::{Kinds, StubKind};
pub use vantage::{Place, Taps, Vantage};

#[cfg(test)]
pub(crate) mod tests;
