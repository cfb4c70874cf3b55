//! What a transaction came to, and which transactions belong to one lookup.

mod listed;
mod lookup;
mod outcome;
mod search;
mod zone;

pub use listed::made_from;
pub use lookup::{Ended, Ending, Lookups, Question, Twin};
pub use outcome::Outcome;
pub use search::{MAX_SUFFIXES, Suffix, Suffixes};
pub use zone::Zone;
