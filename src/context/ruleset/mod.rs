//! `iptables-save`, `ip6tables-save`, `iptables -S` and `nft list ruleset`: what a node's firewall does to
//! a DNS packet. One file may hold several of them, one after the other.

mod nft;
mod rule;
mod save;
mod walk;

use super::{Malformed, Text};
use crate::model::Address;
pub use rule::{Action, Family, Match, Protocol, Range, Rule};
pub use walk::{Hit, Packet, Point};

/// How Services become addresses of pods on this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyMode {
    /// kube-proxy's chains of iptables.
    Iptables,
    /// The few rules that kube-proxy has beside IPVS.
    Ipvs,
    /// kube-proxy's table of nftables.
    Nftables,
}

impl ProxyMode {
    /// As kube-proxy's configuration calls it.
    pub fn name(self) -> &'static str {
        match self {
            ProxyMode::Iptables => "iptables",
            ProxyMode::Ipvs => "ipvs",
            ProxyMode::Nftables => "nftables",
        }
    }
}

/// A chain: where it hangs, and its rules in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    /// Family and table, as in `ip filter`.
    table: String,
    family: Family,
    name: String,
    /// Where packets enter it by themselves.
    point: Option<Point>,
    /// Whether what falls through is dropped, and the line that says so.
    drops: Option<u64>,
    rules: Vec<Rule>,
}

/// The rules of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ruleset {
    file: String,
    chains: Vec<Chain>,
    /// By table and name; what a jump looks up.
    places: std::collections::HashMap<(String, String), usize>,
}

impl Ruleset {
    /// Reads the rules.
    pub fn parse(text: Text<'_>) -> Result<Ruleset, Malformed> {
        let mut rules = Ruleset { file: text.file.to_owned(), ..Ruleset::default() };
        let mut state = save::State::default();
        let mut lines = text.lines().peekable();
        let mut last = 1;
        while let Some((number, line)) = lines.next() {
            last = number;
            match line {
                "" => {}
                _ if line.starts_with("table ") || line.starts_with("add table ") => {
                    nft::table(&mut rules, text, (number, line), &mut lines)?;
                }
                _ => save::line(&mut rules, &mut state, text, number, line)?,
            }
        }
        if rules.chains.is_empty() {
            let what = "no chain in this file: expected the output of `iptables-save`, `ip6tables-save` or \
                        `nft list ruleset`, as root";
            return Err(text.malformed(last, what));
        }
        Ok(rules)
    }

    /// The file.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// All rules.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.chains.iter().flat_map(|chain| &chain.rules)
    }

    /// The chain of this name in this table, made where it is missing.
    fn chain(&mut self, table: &str, family: Family, name: &str) -> usize {
        let key = (table.to_owned(), name.to_owned());
        if let Some(&place) = self.places.get(&key) {
            return place;
        }
        let (table, name) = key.clone();
        self.chains.push(Chain { table, family, name, ..Chain::default() });
        self.places.insert(key, self.chains.len() - 1);
        self.chains.len() - 1
    }

    /// How kube-proxy works here, where its traces are.
    pub fn proxy_mode(&self) -> Option<ProxyMode> {
        let begins = |what: &str| self.chains.iter().any(|chain| chain.name.starts_with(what));
        let sets = |what: &str| self.rules().any(|rule| rule.text.contains(what));
        match () {
            () if begins("KUBE-SVC-") => Some(ProxyMode::Iptables),
            () if sets("KUBE-CLUSTER-IP") => Some(ProxyMode::Ipvs),
            () if self.chains.iter().any(|chain| chain.table.ends_with(" kube-proxy")) => {
                Some(ProxyMode::Nftables)
            }
            () if begins("KUBE-SERVICES") => Some(ProxyMode::Iptables),
            () => None,
        }
    }

    /// Addresses that this node's rules send questions for `server` to instead, over UDP.
    pub fn endpoints(&self, server: Address) -> Vec<Address> {
        let packet = Packet::question(Address::default(), server, Protocol::Udp);
        let packet = Packet { from_anybody: true, ..packet };
        let mut found: Vec<Address> = Vec::new();
        for hit in self.walk(&[Point::Prerouting], &packet) {
            if let Some(Action::Dnat(addresses)) = hit.rule.map(|rule| &rule.action) {
                found.extend(addresses);
            }
        }
        // kube-proxy's nftables go through maps; its chains are named after the Service.
        let of_dns = |chain: &&Chain| chain.name.contains("kube-system/kube-dns/udp/");
        let chains: Vec<&Chain> = self.chains.iter().filter(of_dns).collect();
        let rules = || chains.iter().flat_map(|chain| &chain.rules);
        if found.is_empty() && rules().any(|rule| rule.is_to(&packet)) {
            for rule in rules() {
                if let Action::Dnat(addresses) = &rule.action {
                    found.extend(addresses);
                }
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

#[cfg(test)]
mod tests;
