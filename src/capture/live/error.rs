//! Why a live capture cannot begin, each with the sentence that helps further.

use std::io;

use thiserror::Error;

/// Why capturing could not begin.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LiveError {
    /// No such interface.
    #[error("there is no interface {name:?} here. There are: {}", known.join(", "))]
    NoInterface {
        /// What was asked for.
        name: String,
        /// Those that are there.
        known: Vec<String>,
    },
    /// The interface is there, but down.
    #[error(
        "the interface {name:?} is down: `ip link set {name} up` brings it up, if that is wanted"
    )]
    Down {
        /// The interface.
        name: String,
    },
    /// The process may not capture.
    #[error(
        "capturing on {name} needs the capability CAP_NET_RAW, which this process does not have. \
         Either of these gives it:\n\n    sudo dnspect live ...\n    \
         sudo setcap cap_net_raw=ep \"$(command -v dnspect)\"\n\n\
         In a container: add NET_RAW to securityContext.capabilities."
    )]
    NotPermitted {
        /// The interface.
        name: String,
    },
    /// Another network namespace cannot be entered.
    #[error("cannot enter {place}: {message}")]
    Namespace {
        /// Which one, in words.
        place: String,
        /// Why.
        message: String,
    },
    /// The user's filter is wrong.
    #[error("the filter cannot be used: {message}{}", at.as_ref().map(|at| format!("\n\n    {at}")).unwrap_or_default())]
    Filter {
        /// What libpcap says.
        message: String,
        /// What of it is understood, and what is not.
        at: Option<String>,
    },
    /// libpcap says no.
    #[error("cannot capture on {name}: {message}")]
    Handle {
        /// The interface.
        name: String,
        /// What libpcap says.
        message: String,
    },
    /// More interfaces than anybody means.
    #[error(
        "{count} handles, for interfaces and threads: at most {limit}; `-i any` is all interfaces at once"
    )]
    TooMany {
        /// How many there would be.
        count: usize,
        /// How many may be.
        limit: usize,
    },
    /// No thread could be started.
    #[error("cannot start a thread to capture: {0}")]
    Thread(#[source] io::Error),
}
