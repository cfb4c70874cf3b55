//! Names beside addresses, in everything that people read. Scopes, display filters and commands keep
//! their addresses: programs rely on them.

use super::clients;
use crate::context::Kube;
use crate::model::{Address, Timestamp};
use crate::verdict::commands::fill;
use crate::verdict::{Facts, Finding};

/// Puts names into the words of a finding, and the pod into its commands.
pub(super) fn name(facts: &Facts<'_>, kube: &Kube, finding: &mut Finding) {
    let whole = facts.whole();
    let end = whole.any().then_some(whole.last);
    let put = |text: &mut String| *text = named(kube, end, text);
    put(&mut finding.summary);
    finding.evidence.iter_mut().for_each(|one| put(&mut one.text));
    finding.alternatives.iter_mut().for_each(|one| put(&mut one.why_less_likely));
    put(&mut finding.mitigation.immediate);
    put(&mut finding.mitigation.long_term);
    let pod = clients(finding).iter().find_map(|&client| kube.pod(client, end));
    if let Some(pod) = pod {
        // Names of pods and namespaces are plain: the parser lets no others through.
        fill(&mut finding.confirm, "NAMESPACE", &pod.namespace);
        fill(&mut finding.confirm, "POD", &pod.name);
    }
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
