//! Which packets the kernel hands over: DNS wherever it is, and what explains it.
//!
//! `port 53` alone loses the later fragments of large answers, ICMP errors, and whatever stands behind a
//! VLAN tag or in a tunnel. The filter looks into tunnels rather than letting all of them through: on the
//! node of an overlay network they carry everything that pods say.

use pcap::{Capture, Linktype};

use super::LiveError;
use super::handle::{LINUX_SLL2, words};
use crate::model::{Address, LinkType};

/// The part that is the same everywhere: what README.md gives tcpdump.
pub const BESIDE_PORTS: &str = "icmp or icmp6 or (ip[6:2] & 0x1fff != 0) or ip6 proto 44";

/// Services on addresses of their own that share the limit of the ENI.
const LINK_LOCAL: &str = "(ip and net 169.254.169.0/24) or net fd00:ec2::/32";

/// All that may be a tunnel, looked into or not.
const ALL_TUNNELS: &str = "udp port 4789 or udp port 8472 or udp port 4790 or udp port 6081 or ip proto 4 or \
                           ip proto 41 or ip proto 47 or ip6 proto 4 or ip6 proto 41";

const ETHERNET: u16 = 1;

/// What is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Ports that DNS is spoken on.
    pub ports: Vec<u16>,
    /// Whether to take all that counts towards the limit of the ENI, DNS or not.
    pub link_local: bool,
    /// Addresses of the VPC resolver, besides the well-known ones.
    pub vpc_dns: Vec<Address>,
    /// The user's own, which narrows it.
    pub user: Option<String>,
}

/// The most instructions that the kernel runs (`BPF_MAXINSNS`). A longer program is run by libpcap, on copies
/// of all packets.
const MAX_INSTRUCTIONS: usize = 4_096;

/// What is done with packets of tunnels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tunnels {
    /// They are looked into.
    Within,
    /// All of them are taken.
    Whole,
    /// None of them.
    Not,
}

impl Filter {
    /// The expression for handles of this link type. `length`: how many instructions an expression takes
    /// there, if it can be compiled; it differs between a live handle and a dead one.
    pub(super) fn text(
        &self,
        link_type: LinkType,
        length: impl Fn(&str) -> Option<usize>,
    ) -> String {
        let within = self.text_with(link_type, Tunnels::Within);
        // With many ports, looking into tunnels becomes too long for libpcap, or for the kernel: it rather
        // hands over too much.
        match length(&within) {
            Some(..=MAX_INSTRUCTIONS) => within,
            _ => self.text_with(link_type, Tunnels::Whole),
        }
    }

    fn text_with(&self, link_type: LinkType, tunnels: Tunnels) -> String {
        let any = self.body(tunnels);
        match link_type.0 {
            // The word `vlan` moves the rest of the expression behind the tag: the second one is nested.
            // Tunnels are looked for in front only: the kernel has taken the outer tag off before.
            ETHERNET => {
                let plain = self.body(Tunnels::Not);
                format!("({any}) or (vlan and (({plain}) or (vlan and ({plain}))))")
            }
            // There is no such word for cooked headers. The kernel takes the outer tag off before; the inner
            // one of two stands where the IP header would be. What the header names then differs between
            // the kernel's filter and libpcap's, which both have to let a packet through at first: it is
            // not asked.
            LINUX_SLL2 => {
                let ip = |at: &str| format!("(link[{at}:2] = 0x0800 or link[{at}:2] = 0x86dd)");
                let (one, two) = (self.behind_tag(24), self.behind_tag(28));
                let user =
                    self.user.as_ref().map(|user| format!("({user}) and ")).unwrap_or_default();
                let (outer, inner) = (ip("22"), ip("26"));
                format!("({any}) or ({user}(({outer} and {one}) or ({inner} and {two})))")
            }
            _ => any,
        }
    }

    /// Whether libpcap understands the user's part.
    pub(super) fn check(&self) -> Result<(), LiveError> {
        let Some(user) = &self.user else { return Ok(()) };
        // Words that exist for one link type only are found out when its handle is opened.
        let Err(message) = understood(user) else { return Ok(()) };
        let words: Vec<&str> = user.split_whitespace().collect();
        let known = (1..words.len()).rev().find(|&end| understood(&words[..end].join(" ")).is_ok());
        let at = known.map(|end| {
            let (good, bad) = (words[..end].join(" "), words[end..].join(" "));
            format!("understood: {good}\n    not understood from here on: {bad}")
        });
        Err(LiveError::Filter { message, at })
    }

    /// One level of headers: the user's part, and what is wanted there.
    fn body(&self, tunnels: Tunnels) -> String {
        let wanted = self.wanted(tunnels);
        match &self.user {
            Some(user) => format!("({user}) and ({wanted})"),
            None => wanted,
        }
    }

    fn wanted(&self, tunnels: Tunnels) -> String {
        let ports = self.ports.iter().map(|port| format!("port {port}"));
        let mut terms: Vec<String> = ports.collect();
        terms.push(BESIDE_PORTS.to_owned());
        if self.link_local {
            terms.push(LINK_LOCAL.to_owned());
            terms.extend(self.vpc_dns.iter().map(|address| format!("host {address}")));
        }
        match tunnels {
            Tunnels::Within => terms.extend(self.tunnels()),
            Tunnels::Whole => terms.push(ALL_TUNNELS.to_owned()),
            Tunnels::Not => {}
        }
        terms.join(" or ")
    }

    /// DNS within tunnels. A load behind the end of a packet ends a filter with no, so these stand last.
    /// What is rare and cannot be reckoned with is let through: options of the outer IP header, GRE with
    /// checksums or sequence numbers.
    fn tunnels(&self) -> [String; 8] {
        // UDP, then 8 octets of VXLAN or Geneve, then an Ethernet frame.
        let vxlan = "udp port 4789 or udp port 8472 or udp port 4790";
        let options = "((udp[8] & 0x3f) << 2)";
        let v6 = |port: u16| format!("ip6[40:2] = {port} or ip6[42:2] = {port}");
        let v6_vxlan = [4789, 8472, 4790].map(v6).join(" or ");
        let v6_options = "((ip6[48] & 0x3f) << 2)";
        // Behind GRE's header stands an IP packet or an Ethernet frame.
        let gre = |base: u8| {
            format!(
                "(((ip[22:2] = 0x0800 or ip[22:2] = 0x86dd) and {}) or (ip[22:2] = 0x6558 and {}))",
                self.within("ip", &base.to_string()),
                self.within("ip", &(base + 14).to_string())
            )
        };
        [
            format!("(({vxlan}) and {})", self.within("udp", "30")),
            format!("(udp port 6081 and {})", self.within("udp", &format!("{options} + 30"))),
            format!("(ip6 proto 17 and ({v6_vxlan}) and {})", self.within("ip6", "70")),
            format!(
                "(ip6 proto 17 and ({}) and {})",
                v6(6081),
                self.within("ip6", &format!("{v6_options} + 70"))
            ),
            format!("((ip proto 4 or ip proto 41) and {})", self.within("ip", "20")),
            format!("((ip6 proto 4 or ip6 proto 41) and {})", self.within("ip6", "40")),
            // Without flags, or with a key.
            format!(
                "(ip proto 47 and ((ip[20:2] = 0 and {}) or (ip[20:2] = 0x2000 and {}) \
                 or (ip[20:2] != 0 and ip[20:2] != 0x2000)))",
                gre(24),
                gre(28)
            ),
            "((ip proto 4 or ip proto 41 or ip proto 47) and ip[0] != 0x45)".to_owned(),
        ]
    }

    /// [`Filter::within`] a cooked frame. libpcap moves constant offsets to where the kernel has the packet, and
    /// leaves computed ones as they are: so options of IPv4 are not looked behind, but let through.
    fn behind_tag(&self, base: u16) -> String {
        let at = |offset: u16| format!("link[{}]", base + offset);
        let word = |offset: u16| format!("link[{}:2]", base + offset);
        let ports = |offset: u16| {
            let (from, to) = (word(offset), word(offset + 2));
            let any = |port: &u16| format!("{from} = {port} or {to} = {port}");
            self.ports.iter().map(any).collect::<Vec<_>>().join(" or ")
        };
        let (first, protocol, fragment, next) = (at(0), at(9), word(6), at(6));
        let (v4, v6) = (ports(20), ports(40));
        format!(
            "(({first} = 0x45 and ({fragment} & 0x1fff != 0 or {protocol} = 1 \
             or (({protocol} = 17 or {protocol} = 6) and ({v4})))) \
             or ({first} & 0xf0 = 0x40 and {first} != 0x45) \
             or ({first} & 0xf0 = 0x60 and ({next} = 44 or {next} = 58 \
             or (({next} = 17 or {next} = 6) and ({v6})))))"
        )
    }

    /// Whether an IP packet at `base` of what `of` counts from is wanted: DNS, a later fragment, ICMP.
    fn within(&self, of: &str, base: &str) -> String {
        let ports = |at: &str| {
            let any = |port: &u16| format!("{of}[{at}:2] = {port} or {of}[{at} + 2 : 2] = {port}");
            self.ports.iter().map(any).collect::<Vec<_>>().join(" or ")
        };
        let v4 = ports(&format!("{base} + (({of}[{base}] & 0xf) << 2)"));
        let v6 = ports(&format!("{base} + 40"));
        let (protocol, next) = (format!("{of}[{base} + 9]"), format!("{of}[{base} + 6]"));
        format!(
            "(({of}[{base}] & 0xf0 = 0x40 and ({of}[{base} + 6 : 2] & 0x1fff != 0 or {protocol} = 1 \
             or (({protocol} = 17 or {protocol} = 6) and ({v4})))) \
             or ({of}[{base}] & 0xf0 = 0x60 and ({next} = 44 or {next} = 58 \
             or (({next} = 17 or {next} = 6) and ({v6})))))"
        )
    }
}

/// Whether libpcap understands an expression; what it says where it does not.
fn understood(text: &str) -> Result<(), String> {
    let dead = Capture::dead(Linktype::ETHERNET).map_err(|error| words(&error))?;
    dead.compile(text, true).map(|_| ()).map_err(|error| words(&error))
}

#[cfg(test)]
mod tests;
