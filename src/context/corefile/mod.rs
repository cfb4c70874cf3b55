//! CoreDNS' Corefile: server blocks, their plugins, the options of these.
//!
//! Snippets are kept as blocks of their own; what an `import` brings in from another file is not there.

use super::{Malformed, Text, quoted};
use crate::model::{Address, Span};

/// A line of a block: its words, and the lines of its own block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directive {
    /// Its line in the file.
    pub line: u64,
    /// Its words, the name first.
    pub words: Vec<String>,
    /// What stands in its braces.
    pub block: Vec<Directive>,
}

impl Directive {
    /// Its name.
    pub fn name(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    /// The value of an option in its block.
    fn option(&self, name: &str) -> Option<&Directive> {
        self.block.iter().find(|one| one.name() == name)
    }

    /// As it stands in the file, without its block.
    pub fn text(&self) -> String {
        self.words.join(" ")
    }
}

/// A Corefile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Corefile {
    file: String,
    /// Server blocks and snippets.
    pub servers: Vec<Directive>,
}

/// Blocks in blocks: server, plugin, options, and one to spare.
const MAX_NESTING: usize = 8;

impl Corefile {
    /// Reads it.
    pub fn parse(text: Text<'_>) -> Result<Corefile, Malformed> {
        // Blocks that are open: the lines before each, and the directive that it belongs to.
        let mut open: Vec<(Vec<Directive>, Directive)> = Vec::new();
        let mut lines: Vec<Directive> = Vec::new();
        let mut last = 1;
        for (number, line) in text.lines() {
            last = number;
            if number == 1 && (line.starts_with("apiVersion:") || line.starts_with('{')) {
                let what = "this is an object of Kubernetes; the Corefile is in its data: `kubectl -n \
                            kube-system get configmap coredns -o jsonpath='{.data.Corefile}'`";
                return Err(text.malformed(number, what));
            }
            let Some(mut words) = words(line) else {
                return Err(text.malformed(number, "a quote is not closed"));
            };
            if words.first().is_some_and(|word| word == "}") {
                let Some((before, mut owner)) = open.pop() else {
                    return Err(text.malformed(number, "a } without its {"));
                };
                owner.block = std::mem::replace(&mut lines, before);
                lines.push(owner);
                words.remove(0);
                if !words.is_empty() {
                    let what = format!("unexpected {} behind }}", quoted(&words.join(" ")));
                    return Err(text.malformed(number, what));
                }
                continue;
            }
            let opens = words.last().is_some_and(|word| word == "{");
            if opens {
                words.pop();
            }
            if words.is_empty() && !opens {
                continue;
            }
            if open.is_empty() && !opens && !lists_zones(&words) {
                let what = format!("expected `ZONE... {{`, found {}", quoted(line));
                return Err(text.malformed(number, what));
            }
            let directive = Directive { line: number, words, block: Vec::new() };
            if opens {
                if open.len() == MAX_NESTING {
                    return Err(text.malformed(number, "blocks are nested too deep"));
                }
                open.push((std::mem::take(&mut lines), directive));
            } else {
                lines.push(directive);
            }
        }
        if let Some((_, owner)) = open.last() {
            return Err(text.malformed(owner.line, "this { is not closed"));
        }
        let servers: Vec<Directive> =
            lines.into_iter().filter(|one| !one.block.is_empty()).collect();
        if servers.is_empty() {
            return Err(text.malformed(last, "no server block: expected a Corefile of CoreDNS"));
        }
        Ok(Corefile { file: text.file.to_owned(), servers })
    }

    /// The file.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// All plugins of this name, of all server blocks and snippets.
    pub fn plugins<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Directive> {
        self.servers.iter().flat_map(|server| &server.block).filter(move |one| one.name() == name)
    }

    /// Addresses that questions are forwarded to, with the line that says so.
    pub fn upstreams(&self) -> Vec<(Address, &Directive)> {
        let lines = self.plugins("forward");
        let targets = lines.flat_map(|line| line.words.iter().skip(2).map(move |to| (to, line)));
        targets.filter_map(|(to, line)| Some((host(to)?, line))).collect()
    }

    /// The line that forwards to the nameservers of a `resolv.conf`.
    pub fn forwards_to_file(&self) -> Option<&Directive> {
        let file = |one: &&Directive| one.words.iter().skip(2).any(|to| to.starts_with('/'));
        self.plugins("forward").find(file)
    }

    /// `lameduck` of the `health` plugin, with its line.
    pub fn lameduck(&self) -> Option<(Span, &Directive)> {
        let line = self.plugins("health").find_map(|health| health.option("lameduck"))?;
        Some((duration(line.words.get(1)?)?, line))
    }

    /// `max_concurrent` of the `forward` plugin, with its line.
    pub fn max_concurrent(&self) -> Option<(u64, &Directive)> {
        let line = self.plugins("forward").find_map(|one| one.option("max_concurrent"))?;
        Some((line.words.get(1)?.parse().ok()?, line))
    }

    /// The `forward` line that has this option.
    pub fn forward_option(&self, name: &str) -> Option<&Directive> {
        self.plugins("forward").find_map(|one| one.option(name))
    }

    /// Zones that the `kubernetes` plugin answers for, reverse ones left out.
    pub fn cluster_zones(&self) -> Vec<String> {
        let zones = self.plugins("kubernetes").flat_map(|line| line.words.iter().skip(1));
        let zones = zones.map(|zone| zone.trim_end_matches('.').to_ascii_lowercase());
        let mut zones: Vec<String> =
            zones.filter(|zone| zone.rsplit('.').next() != Some("arpa")).collect();
        zones.dedup();
        zones
    }
}

/// Zones of a server block may go on in the next line: then this one ends with a comma.
fn lists_zones(words: &[String]) -> bool {
    words.last().is_some_and(|word| word.ends_with(',')) || words[0] == "import"
}

/// Words of a line: quotes keep spaces, `#` begins a comment.
fn words(line: &str) -> Option<Vec<String>> {
    let (mut words, mut word, mut open) = (Vec::new(), None::<String>, false);
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        match c {
            '"' | '`' => {
                open = !open;
                word.get_or_insert_default();
            }
            '\\' if open => word.get_or_insert_default().extend(rest.next()),
            '#' if !open && word.is_none() => break,
            c if c.is_whitespace() && !open => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    (!open).then_some(words)
}

/// `10.0.0.2`, `10.0.0.2:53`, `dns://10.0.0.2`, `tls://[fd00::2]:853`.
fn host(target: &str) -> Option<Address> {
    let target = target.rsplit_once("://").map_or(target, |(_, rest)| rest);
    let target = target.split_once('%').map_or(target, |(host, _)| host);
    if let Ok(address) = target.parse() {
        return Some(address);
    }
    let (host, _) = target.rsplit_once(':')?;
    host.trim_matches(['[', ']']).parse().ok()
}

/// As Go writes durations: `5s`, `1m30s`, `500ms`.
fn duration(text: &str) -> Option<Span> {
    let (mut sum, mut rest) = (0.0_f64, text);
    while !rest.is_empty() {
        let at = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(at);
        let end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, next) = after.split_at(end);
        let nanos = match unit {
            "ms" => 1e6,
            "s" => 1e9,
            "m" => 60e9,
            "h" => 3_600e9,
            _ => return None,
        };
        sum += number.parse::<f64>().ok()? * nanos;
        rest = next;
    }
    Some(Span(sum as i64))
}

#[cfg(test)]
mod tests;
