//! The live view, drawn without a terminal and, where there are root and tmux, in one.

#![cfg(feature = "tui")]
#![allow(clippy::unwrap_used)] // A test may panic, in its helpers too.

#[path = "../forge/mod.rs"]
mod forge;
mod glances;
mod hostile;
mod keys;
#[cfg(target_os = "linux")]
#[path = "../live/net.rs"]
#[allow(dead_code)]
mod net;
#[cfg(target_os = "linux")]
mod piped;
mod screens;
#[path = "../snapshot/mod.rs"]
mod snapshot;
mod stream;
#[cfg(target_os = "linux")]
mod tmux;
#[cfg(target_os = "linux")]
#[path = "../live/traffic.rs"]
#[allow(dead_code)]
mod traffic;
