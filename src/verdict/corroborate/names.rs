//! Names beside addresses, in everything that people read. Scopes, display filters and commands keep
//! their addresses: programs rely on them.

use super::clients;
use crate::context::Kube;
use crate::verdict::commands::fill;
use crate::verdict::{Facts, Finding};

/// Puts names into the words of a finding, and the pod into its commands.
pub(super) fn name(facts: &Facts<'_>, kube: &Kube, finding: &mut Finding) {
    let put = |text: &mut String| *text = facts.with_names(text);
    put(&mut finding.summary);
    finding.evidence.iter_mut().for_each(|one| put(&mut one.text));
    finding.alternatives.iter_mut().for_each(|one| put(&mut one.why_less_likely));
    put(&mut finding.mitigation.immediate);
    put(&mut finding.mitigation.long_term);
    let pod = clients(finding).iter().find_map(|&client| kube.pod(client, facts.end()));
    if let Some(pod) = pod {
        // Names of pods and namespaces are plain: the parser lets no others through.
        fill(&mut finding.confirm, "NAMESPACE", &pod.namespace);
        fill(&mut finding.confirm, "POD", &pod.name);
    }
}
