//! `resolv.conf`: whom a client asks, and how it goes on when nobody answers (resolv.conf(5)).

use super::{Malformed, Text, quoted};
use crate::model::Address;

/// The limits of glibc: what is more is not used, or cut down to them.
pub const NAMESERVERS: usize = 3;
/// Dots.
pub const NDOTS: u32 = 15;
/// Seconds.
pub const TIMEOUT: u32 = 30;
/// Rounds.
pub const ATTEMPTS: u32 = 5;

/// A `resolv.conf`, as glibc takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvConf {
    file: String,
    /// Nameservers that are asked, with their lines: the first three.
    pub nameservers: Vec<(Address, u64)>,
    /// Nameservers behind these, which glibc and musl leave out.
    pub unused: Vec<(Address, u64)>,
    /// Search domains, of the last `search` or `domain` line.
    pub search: Vec<String>,
    /// `ndots`: names with fewer dots go through the search list first.
    pub ndots: u32,
    /// Seconds until a question is sent again.
    pub timeout: u32,
    /// Rounds over the nameservers.
    pub attempts: u32,
    /// Options without a value, as they stand there: `rotate`, `single-request-reopen`, `use-vc`, ….
    pub flags: Vec<String>,
}

impl ResolvConf {
    /// Reads it.
    pub fn parse(text: Text<'_>) -> Result<ResolvConf, Malformed> {
        let mut conf = ResolvConf {
            file: text.file.to_owned(),
            nameservers: Vec::new(),
            unused: Vec::new(),
            search: Vec::new(),
            ndots: 1,
            timeout: 5,
            attempts: 2,
            flags: Vec::new(),
        };
        let (mut known, mut last) = (false, 1);
        for (number, line) in text.lines() {
            last = number;
            if line.is_empty() || line.starts_with(['#', ';']) {
                continue;
            }
            let mut words = line.split_whitespace();
            let keyword = words.next().unwrap_or_default();
            match keyword {
                "nameserver" => conf.nameserver(text, number, words.next().unwrap_or_default())?,
                "search" | "domain" => {
                    let domains = words.map(|word| word.trim_end_matches('.').to_ascii_lowercase());
                    let domains = domains.filter(|domain| !domain.is_empty());
                    conf.search =
                        domains.take(if keyword == "domain" { 1 } else { usize::MAX }).collect();
                }
                "options" => words.for_each(|option| conf.option(option)),
                // Of other systems, and of older times.
                "sortlist" | "family" | "lookup" | "port" | "search_order" | "timeout" => {}
                _ => {
                    let what = format!(
                        "expected nameserver, search, domain or options, found {}",
                        quoted(line)
                    );
                    return Err(text.malformed(number, what));
                }
            }
            known = true;
        }
        if !known {
            return Err(text.malformed(last, "nothing is set in this file: expected a resolv.conf"));
        }
        Ok(conf)
    }

    fn nameserver(&mut self, text: Text<'_>, number: u64, word: &str) -> Result<(), Malformed> {
        // A scope says which link, not which server.
        let address = word.split_once('%').map_or(word, |(address, _)| address);
        let Ok(address) = address.parse() else {
            let what = format!("expected the address of a nameserver, found {}", quoted(word));
            return Err(text.malformed(number, what));
        };
        let list = if self.nameservers.len() < NAMESERVERS {
            &mut self.nameservers
        } else {
            &mut self.unused
        };
        list.push((address, number));
        Ok(())
    }

    /// An option; what glibc cannot read it passes over.
    fn option(&mut self, option: &str) {
        let Some((name, value)) = option.split_once(':') else {
            if !self.flags.iter().any(|flag| flag == option) {
                self.flags.push(option.to_owned());
            }
            return;
        };
        let Ok(value) = value.parse::<u32>() else { return };
        match name {
            "ndots" => self.ndots = value.min(NDOTS),
            "timeout" => self.timeout = value.clamp(1, TIMEOUT),
            "attempts" => self.attempts = value.clamp(1, ATTEMPTS),
            _ => {}
        }
    }

    /// The file.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Whether an option without a value is set.
    pub fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|one| one == flag)
    }

    /// Whether it is that of a pod with the cluster's DNS: it searches `svc.<zone>`.
    pub fn is_of_pod(&self) -> bool {
        self.cluster_zone().is_some()
    }

    /// The cluster's zone, by its search list.
    pub fn cluster_zone(&self) -> Option<&str> {
        self.search.iter().find_map(|domain| domain.strip_prefix("svc."))
    }
}

#[cfg(test)]
mod tests;
