use super::*;

/// The cluster of `captures/lab`, in the form of `kubectl get pods,services,nodes -A -o json`.
const LAB: &str = include_str!("../../../tests/context/kube.json");

fn text(text: &str) -> Text<'_> {
    Text { file: "cluster.json", text }
}

fn address(text: &str) -> Address {
    text.parse().unwrap()
}

fn time(text: &str) -> Timestamp {
    let time: jiff::Timestamp = text.parse().unwrap();
    Timestamp(time.as_nanosecond() as i64)
}

#[test]
fn the_lab_is_understood() {
    let kube = Kube::parse(text(LAB)).unwrap();
    let name =
        |address: &str| kube.name(address.parse().unwrap(), Some(time("2026-11-21T22:30:00Z")));
    assert_eq!(name("10.0.2.52").as_deref(), Some("shop/cart-7f9d6c5b4-lm2np"));
    // A pod that has ended had the same address; the network of a node is that of many.
    assert_eq!(name("10.0.1.53").as_deref(), Some("batch/job-28871340-fkk9r"));
    assert_eq!(name("10.0.1.10").as_deref(), Some("node ip-10-0-1-10.us-west-2.compute.internal"));
    assert_eq!(name("172.20.0.10").as_deref(), Some("service kube-system/kube-dns"));
    assert_eq!(name("10.0.9.9"), None);
    assert_eq!(kube.dns_addresses(), [address("172.20.0.10")]);
    let pods: Vec<&Pod> = kube.dns_pods().collect();
    assert_eq!(pods.len(), 2);
    assert!(pods.iter().all(|pod| pod.ready && pod.running && pod.deleted.is_none()));
    assert_eq!(pods[0].dns_policy.as_deref(), Some("Default"));
    let job = kube.pod(address("10.0.1.53"), None).unwrap();
    assert_eq!((job.ndots, job.host_network), (Some(2), false));
    assert_eq!(kube.nodes.len(), 2);
    assert_eq!(kube.services.iter().filter(|service| service.addresses.is_empty()).count(), 1);
}

/// A pod of one line, with what a test is about.
fn pod(name: &str, more: &str, spec: &str, status: &str) -> String {
    format!(
        "{{\"kind\":\"Pod\",\"metadata\":{{\"namespace\":\"kube-system\",\"name\":\"{name}\"{more}}},\
         \"spec\":{{{spec}}},\"status\":{{{status}}}}}\n"
    )
}

#[test]
fn an_address_belongs_to_who_had_it_at_the_time() {
    let at = |created: &str| format!(",\"creationTimestamp\":\"{created}\"");
    let ip = "\"phase\":\"Running\",\"podIP\":\"10.0.0.7\"";
    let old = pod("old", &at("2026-01-01T00:00:00Z"), "", ip);
    let new = pod("new", &at("2026-01-02T00:00:00Z"), "", ip);
    let kube = Kube::parse(text(&format!("[{old},{new}]"))).unwrap();
    let name = |end: &str| kube.name(address("10.0.0.7"), Some(time(end)));
    assert_eq!(name("2026-01-01T12:00:00Z").as_deref(), Some("kube-system/old"));
    assert_eq!(name("2026-01-03T00:00:00Z").as_deref(), Some("kube-system/new"));
    assert_eq!(name("2025-12-31T00:00:00Z"), None);
    assert_eq!(
        kube.later_pod(address("10.0.0.7"), time("2025-12-31T00:00:00Z")).unwrap().name,
        "old"
    );
}

#[test]
fn lists_of_every_form_are_read() {
    let one = pod("a", "", "", "\"podIPs\":[{\"ip\":\"10.0.0.7\"},{\"ip\":\"fd00::7\"}]");
    let bare = one.replace("\"kind\":\"Pod\",", "");
    let odd = "{\"kind\":\"Gadget\",\"metadata\":{\"name\":\"x\"},\"spec\":\"words\",\"status\":7}";
    for form in [
        one.clone(),
        format!("[{odd},{one},null,3]"),
        format!("{{\"kind\":\"PodList\",\"items\":[{bare}]}}"),
        format!("{{\"items\":[{odd},{one}],\"kind\":\"List\"}}"),
        format!(
            "{{\"kind\":\"List\",\"items\":null}}\n{{\"kind\":\"List\",\"items\":[{one}]}}\n{odd}\n"
        ),
    ] {
        let kube = Kube::parse(text(&form)).unwrap_or_else(|error| panic!("{error}: {form}"));
        assert_eq!(kube.pods.len(), 1, "{form}");
        assert_eq!(kube.name(address("fd00::7"), None).as_deref(), Some("kube-system/a"), "{form}");
    }
}

#[test]
fn the_moment_of_a_deletion_is_the_end_of_its_grace_period() {
    let more = ",\"deletionTimestamp\":\"2026-01-01T00:00:30Z\",\"deletionGracePeriodSeconds\":30";
    let kube = Kube::parse(text(&pod("a", more, "", ""))).unwrap();
    let times = (time("2026-01-01T00:00:00Z"), time("2026-01-01T00:00:30Z"));
    assert_eq!(kube.pods[0].deleted, Some(times));
}

#[test]
fn names_that_no_api_server_would_take_are_left_out() {
    let bad = pod("a; reboot", "", "", "").replace("\"a; reboot\"", "\"a; $(reboot)\"");
    let kube = Kube::parse(text(&format!("{bad}{}", pod("b", "", "", "")))).unwrap();
    assert_eq!(kube.pods.len(), 1);
}

#[test]
fn what_is_no_list_is_refused_where_it_begins() {
    for (bad, line) in [
        ("", 1),
        ("\n\napiVersion: v1\n", 3),
        ("{\n\"items\": [\n{\"kind\": }\n]}\n", 3),
        ("{\n\"items\": {}\n}\n", 2),
        ("{\"items\": [\n", 2),
        ("{\"kind\":\"List\",\"items\":[]}\n", 1),
        ("[1,\n2]\nx", 3),
    ] {
        let error = Kube::parse(text(bad)).unwrap_err();
        assert_eq!(error.line, line, "{bad:?}: {error}");
        assert!(!error.what.contains(" at line "), "{error}");
    }
    let deep = "[".repeat(100_000);
    assert!(Kube::parse(text(&deep)).is_err());
}

proptest::proptest! {
    #[test]
    fn nothing_is_too_odd(any: String, cut in 0..LAB.len(), odd in proptest::num::u8::ANY) {
        let _ = Kube::parse(text(&any));
        let mut bytes = LAB.as_bytes().to_vec();
        bytes[cut] = odd;
        let _ = Kube::parse(text(&String::from_utf8_lossy(&bytes)));
        let _ = Kube::parse(text(&String::from_utf8_lossy(&bytes[..cut])));
    }
}
