//! The command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use super::forge::Link;

/// Writes a capture of DNS traffic as a Kubernetes node sees it, the same for the same seed, and
/// prints as JSON what is in it.
#[derive(Clone, Debug, Parser)]
pub struct Options {
    /// How many packets the file holds.
    #[arg(long, default_value_t = 1_000_000)]
    pub packets: u64,
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The capture.
    #[arg(long, short)]
    pub output: PathBuf,
    /// Writes the truth here, too.
    #[arg(long)]
    pub truth: Option<PathBuf>,
    #[arg(long, value_enum, default_value_t = LinkName::Ethernet)]
    pub link: LinkName,
    #[arg(long, value_enum, default_value_t = Format::Pcap)]
    pub format: Format,
    /// Numbers of the file in network order.
    #[arg(long)]
    pub big_endian: bool,
    /// Cuts packets to this length.
    #[arg(long, default_value_t = super::forge::file::SNAP_LENGTH)]
    pub snap_length: u32,
    #[arg(long, value_enum, default_value_t = Profile::Kubernetes)]
    pub profile: Profile,
    /// Packets a second of capture time [kubernetes: 40000, attack: 500000].
    #[arg(long)]
    pub pps: Option<f64>,
    /// Pods, or attackers [kubernetes: 2000, attack: 1000000].
    #[arg(long)]
    pub clients: Option<usize>,
    /// On how many interfaces each message is seen, from the pod's to CoreDNS'.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=5))]
    pub copies: u8,
    /// Fraction of packets that are foreign: TCP and UDP on 443, ICMP, ARP.
    #[arg(long, default_value_t = 0.0, value_parser = fraction)]
    pub noise: f64,
    /// Fraction of exchanges that go over TCP.
    #[arg(long, default_value_t = 0.02, value_parser = fraction)]
    pub tcp: f64,
    /// Fraction of UDP questions whose first transmission gets no answer
    /// [kubernetes: 0.005, attack: 0.6].
    #[arg(long, value_parser = fraction)]
    pub timeouts: Option<f64>,
    /// Fraction of UDP questions that fail at the server.
    #[arg(long, default_value_t = 0.001, value_parser = fraction)]
    pub servfail: f64,
    /// Fraction of pods with IPv6.
    #[arg(long, default_value_t = 0.05, value_parser = fraction)]
    pub ipv6: f64,
    /// Fraction of pods behind a VLAN tag (Ethernet only).
    #[arg(long, default_value_t = 0.03, value_parser = fraction)]
    pub vlan: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LinkName {
    Ethernet,
    Sll,
    Sll2,
    Raw,
    Null,
    Loop,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Microseconds.
    Pcap,
    /// Nanoseconds.
    PcapNs,
    /// Nanoseconds and named interfaces.
    Pcapng,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Profile {
    /// Pods that look up names through CoreDNS.
    Kubernetes,
    /// A flood: every question for another name, from very many clients, mostly unanswered.
    Attack,
}

impl Options {
    pub fn link(&self) -> Link {
        match self.link {
            LinkName::Ethernet => Link::Ethernet,
            LinkName::Sll => Link::Sll,
            LinkName::Sll2 => Link::Sll2,
            LinkName::Raw => Link::Raw,
            LinkName::Null => Link::Null,
            LinkName::Loop => Link::Loop,
        }
    }

    /// The precision of the file's times, in nanoseconds.
    pub fn unit(&self) -> u64 {
        if self.format == Format::Pcap { 1000 } else { 1 }
    }

    /// Whether the file says on which interface a packet was seen.
    pub fn tells_interfaces(&self) -> bool {
        self.link == LinkName::Sll2 || self.format == Format::Pcapng
    }

    pub fn pps(&self) -> f64 {
        self.pps.unwrap_or(if self.profile == Profile::Attack { 500_000.0 } else { 40_000.0 })
    }

    pub fn clients(&self) -> usize {
        self.clients
            .unwrap_or(if self.profile == Profile::Attack { 1_000_000 } else { 2000 })
            .max(1)
    }

    pub fn timeouts(&self) -> f64 {
        self.timeouts.unwrap_or(if self.profile == Profile::Attack { 0.6 } else { 0.005 })
    }
}

fn fraction(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if (0.0..1.0).contains(&number) => Ok(number),
        _ => Err("a number from 0 to less than 1".into()),
    }
}
