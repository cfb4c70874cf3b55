//! Names that only a search list can have made.

use super::Zone;
use crate::model::labels;

/// Last labels of names outside. Nobody calls a Service so: `github.com.<namespace>.svc.<zone>` is a
/// step of a search walk, not the pod `github` of a headless Service `com`.
const OUTSIDE: [&[u8]; 8] = [b"com", b"net", b"org", b"io", b"dev", b"cloud", b"gov", b"edu"];

/// A pod of a headless Service has two labels before its namespace, SRV owners have three and begin
/// with underscores: three without are somebody else's name.
const LONGEST_OWN: usize = 2;

/// Where the name that was wanted ends, in octets, if `<name>.<namespace>.svc.<zone>` (case-folded, in
/// wire form) can be nothing but that name with the first suffix of a pod's search list.
pub fn made_from(name: &[u8]) -> Option<usize> {
    if Zone::of(name) != Zone::Cluster {
        return None;
    }
    let services = labels(name).enumerate().filter(|(_, label)| *label == b"svc").last()?.0;
    let wanted = services.checked_sub(1)?;
    let outside = |at: usize| labels(name).nth(at).is_some_and(|label| OUTSIDE.contains(&label));
    if wanted < 2 || outside(wanted) {
        // The second suffix of the list, behind a name outside.
        return None;
    }
    let own = |label: &[u8]| label.first() != Some(&b'_');
    let long = wanted > LONGEST_OWN && labels(name).take(wanted).all(own);
    let end = labels(name).take(wanted).map(|label| 1 + label.len()).sum();
    (long || outside(wanted - 1)).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Name, display_name};

    #[test]
    fn names_that_a_list_made_are_told_from_those_written_out() {
        let from = |text: &str| {
            let name = Name::from_text(text).0;
            made_from(&name).map(|end| display_name(&name[..end]))
        };
        let made = |text: &str, wanted: &str| assert_eq!(from(text).as_deref(), Some(wanted));
        made("www.example.com.shop.svc.cluster.local", "www.example.com");
        made("github.com.default.svc.cluster.local", "github.com");
        made("a.svc.example.net.shop.svc.k8s.corp.example", "a.svc.example.net");
        made("db.b.svc.cluster.local.a.svc.cluster.local", "db.b.svc.cluster.local");
        for own in [
            "db.shop.svc.cluster.local",
            "web-0.db.shop.svc.cluster.local",
            "_http._tcp.db.shop.svc.cluster.local",
            "www.example.com.svc.cluster.local",
            "a.www.example.com.svc.cluster.local",
            "www.example.com",
            "a.b.c.shop.svc.cluster.local.eu-west-1.compute.internal",
            "svc",
        ] {
            assert_eq!(from(own), None, "{own}");
        }
    }
}
