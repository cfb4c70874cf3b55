//! From the verdict to bytes: text for people, JSON and YAML for programs.

mod document;

pub use document::{Capture, DnsMessages, Document, Latency, ResolverRate, Search, Traffic};
