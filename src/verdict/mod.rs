//! From what was measured to what is wrong.

mod cause;
pub mod causes;
pub mod evidence;
mod finding;

pub use cause::Cause;
pub use finding::{
    Alternative, Evidence, Finding, Mitigation, Scope, Severity, Status, Verdict, Window,
};
