//! Names beside addresses, in sentences: `10.0.2.52` becomes `shop/cart-7f9 (10.0.2.52)` wherever the
//! operator's list of objects (`--kube`) tells whose it is.

use super::facts::Facts;
use crate::aggregate::Aggregate;
use crate::context::Kube;
use crate::model::{Address, Timestamp};

impl Facts<'_> {
    /// What an address belonged to, where `--kube` tells: a pod, a node, a Service.
    pub fn name(&self, address: Address) -> Option<String> {
        self.kube?.name(address, self.end())
    }

    /// A sentence with the names of the addresses in it. Done twice, it is as done once.
    pub fn with_names(&self, text: &str) -> String {
        match self.kube {
            Some(kube) => named(kube, self.end(), text),
            None => text.to_owned(),
        }
    }

    /// The last moment of the capture: what addresses belonged to depends on when.
    pub fn end(&self) -> Option<Timestamp> {
        let whole = self.whole();
        whole.any().then_some(whole.last)
    }
}

/// Whether a list is of the cluster and of the time of a capture: some pod or node of it takes part in it,
/// or, where it holds Services only, some Service. What is not in another cluster's list, or in that of
/// another day, has not vanished; and the addresses of Services are the same in many clusters.
pub fn takes_part(kube: &Kube, aggregate: &Aggregate, end: Option<Timestamp>) -> bool {
    let clients = aggregate.following.clients.iter().map(|client| client.address);
    let servers = aggregate.counting.servers.iter().map(|server| server.address);
    let mut addresses = clients.chain(servers);
    if kube.pods.is_empty() && kube.nodes.is_empty() {
        return addresses.any(|address| kube.service(address).is_some());
    }
    addresses.any(|address| kube.hosts(address, end))
}

/// `10.0.2.52` becomes `shop/cart-7f9 (10.0.2.52)`, wherever it stands in a sentence; what is quoted in
/// backquotes, networks and addresses with a port stay as they are.
fn named(kube: &Kube, end: Option<Timestamp>, text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut quoted = false;
    while let Some(first) = rest.chars().next() {
        let part = |c: char| c.is_ascii_hexdigit() || c == '.' || c == ':';
        let inside = out.chars().next_back().is_some_and(is_inside);
        if quoted || inside || !part(first) {
            quoted ^= first == '`';
            out.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let length = rest.find(|c| !part(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(length);
        // A full stop or colon of the sentence.
        let address = word.trim_end_matches(['.', ':']);
        let name = (!after.starts_with(is_inside))
            .then(|| address.parse::<Address>().ok())
            .flatten()
            .and_then(|parsed| kube.name(parsed, end));
        match name {
            // The sentence has it already.
            Some(name)
                if !out.ends_with(&format!("{name} ("))
                    && !out.ends_with(&format!("{name} has ")) =>
            {
                out.push_str(&name);
                out.push_str(" (");
                out.push_str(address);
                out.push(')');
                out.push_str(&word[address.len()..]);
            }
            _ => out.push_str(word),
        }
        rest = after;
    }
    out
}

/// What an address does not stand beside.
fn is_inside(c: char) -> bool {
    c.is_alphanumeric() || "/-_%[]#@".contains(c)
}

#[cfg(test)]
mod tests;
