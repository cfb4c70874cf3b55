//! Reading captures through the library: formats, damage, several threads and files, real captures.

// Helpers of tests are tests: what they cannot do ends them.
#![allow(clippy::unwrap_used)]

mod build;
#[cfg(feature = "compressed")]
mod corpus;
mod damage;
mod formats;
mod paths;
mod read;
mod several;
mod threads;
