//! CoreDNS pods that end, or have ended: whether that is what a finding shows.

use super::{count, named};
use crate::context::Kube;
use crate::context::kube::Pod;
use crate::model::{Address, Span, Timestamp};
use crate::verdict::corroborate::servers;
use crate::verdict::words::{clock, counted, verb};
use crate::verdict::{Facts, Finding};

/// So long after a pod's end nodes may still send questions to it: endpoints take up to 10 s to be left
/// out, clients ask again for 5 s, and clocks differ a little.
const AFTERWARDS: Span = Span::from_secs(15);

/// Holds the pods that went while the capture was taken, and servers whose pod is gone, against the
/// finding.
pub(super) fn corroborate(facts: &Facts<'_>, kube: &Kube, finding: &mut Finding) {
    // A Service's address goes on when its pods go: only those of pods tell.
    let asked = servers(finding);
    let backends: Vec<Address> =
        asked.into_iter().filter(|&server| kube.service(server).is_none()).collect();
    let (gone, others) = ended(facts, kube, finding, &backends);
    if let Some((asked, _)) = gone.first().and_then(|pod| pod.deleted) {
        let text = format!(
            "--kube: {} {} deleted at that time ({} UTC): {}.",
            counted(gone.len() as u64, "CoreDNS pod"),
            verb(gone.len() as u64, "was", "were"),
            clock(asked),
            named(gone.iter().copied())
        );
        finding.confirmed(facts, count("deleted_dns_pods", gone.len(), text));
        return;
    }
    if let [first, ..] = others.as_slice() {
        let text = format!(
            "--kube: {} {} deleted at that time as well: {}. What fails here is not {}.",
            counted(others.len() as u64, "other CoreDNS pod"),
            verb(others.len() as u64, "was", "were"),
            named(others.iter().copied()),
            if others.len() == 1 { first.full_name() } else { "any of these".to_owned() }
        );
        finding.supplemented(count("other_deleted_dns_pods", others.len(), text));
    }
    for server in backends {
        backend(facts, kube, server, finding);
    }
}

/// The CoreDNS pods that ended when the finding was: those that it is about, and others.
fn ended<'k>(
    facts: &Facts<'_>,
    kube: &'k Kube,
    finding: &Finding,
    backends: &[Address],
) -> (Vec<&'k Pod>, Vec<&'k Pod>) {
    let whole = facts.whole();
    let (start, end) = finding.window.moments().unwrap_or((whole.first, whole.last));
    let then =
        |(asked, over): (Timestamp, Timestamp)| asked <= end && over.plus(AFTERWARDS) >= start;
    let ended = kube.dns_pods().filter(|pod| pod.deleted.is_some_and(then));
    let meant = |pod: &&Pod| {
        backends.is_empty() || pod.addresses.iter().any(|address| backends.contains(address))
    };
    ended.partition(meant)
}

/// What has become of one backend.
fn backend(facts: &Facts<'_>, kube: &Kube, server: Address, finding: &mut Finding) {
    let end = facts.end();
    let evidence = |text: String| count("dns_pod_of_address", 1, text);
    if let Some(pod) = kube.pod(server, end) {
        let name = pod.full_name();
        let doubt = "it came back, or it is not the pod that fails";
        return match pod.deleted {
            Some((asked, _)) => finding.supplemented(evidence(format!(
                "--kube: {name} has {server} and was deleted, but at another time ({} UTC).",
                clock(asked)
            ))),
            None if pod.ready => finding.supplemented(evidence(format!(
                "--kube: {name} has {server} and is Ready as these objects were listed: {doubt}."
            ))),
            None => finding.confirmed(
                facts,
                evidence(format!("--kube: {name} has {server} and is not Ready.")),
            ),
        };
    }
    if let Some(other) = kube.name(server, end) {
        let text = format!("--kube: {server} is no pod's, but that of {other}.");
        return finding.supplemented(evidence(text));
    }
    if kube.dns_pods().next().is_none() {
        let text = format!("--kube: no CoreDNS pod is listed, so whose {server} was is not told.");
        return finding.supplemented(count("listed_dns_pods", 0, text));
    }
    let later = end.and_then(|end| kube.later_pod(server, end));
    let text = match later {
        Some(pod) => format!(
            "--kube: the pod that had {server} is gone; {} got this address afterwards.",
            pod.full_name()
        ),
        None => format!("--kube: no pod has {server}: the one that had it is gone."),
    };
    finding.confirmed(facts, evidence(text));
}
