//! From what was measured to what is wrong.

mod cause;
pub mod causes;
mod corroborate;
pub mod crowd;
mod facts;
pub mod filter;
mod finding;
mod judge;
pub mod outage;
pub mod refusals;
mod sample;
pub mod silence;
mod stub;
mod unexplained;
pub mod words;

pub use cause::Cause;
pub use facts::{FEW, FLAWED_CONFIDENCE, Facts};
pub use finding::{
    Alternative, Evidence, Finding, Mitigation, Scope, Severity, Status, Verdict, Window,
};
pub use judge::{findings, verdict};
pub use stub::{Kinds, StubKind};

#[cfg(test)]
pub(crate) mod tests;
