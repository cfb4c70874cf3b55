use super::*;

fn parsed(text: &str) -> Result<ResolvConf, Malformed> {
    ResolvConf::parse(Text { file: "resolv.conf", text })
}

#[test]
fn that_of_a_pod_is_understood() {
    let conf = parsed(include_str!("../../../tests/context/resolv.conf")).unwrap();
    assert_eq!(conf.nameservers, [("172.20.0.10".parse().unwrap(), 2)]);
    assert_eq!((conf.ndots, conf.timeout, conf.attempts), (5, 5, 2));
    assert_eq!(conf.search.len(), 4);
    assert!(conf.is_of_pod());
    assert_eq!(conf.cluster_zone(), Some("cluster.local"));
}

#[test]
fn the_limits_are_those_of_glibc() {
    let conf = parsed(
        "; a comment\n# another\ndomain one.example two.example\nnameserver 10.0.0.1\nnameserver fe80::1%eth0\n\
         nameserver 10.0.0.3\nnameserver 10.0.0.4 # late\nsearch a.example. B.example\n\
         options ndots:99 timeout:99 attempts:0 rotate single-request-reopen\noptions edns0 rotate ndots:x foo:1\n\
         sortlist 130.155.160.0\n",
    )
    .unwrap();
    assert_eq!(conf.nameservers.len(), 3);
    assert_eq!(conf.unused, [("10.0.0.4".parse().unwrap(), 7)]);
    assert_eq!((conf.ndots, conf.timeout, conf.attempts), (15, 30, 1));
    assert_eq!(conf.search, ["a.example", "b.example"]);
    assert_eq!(conf.flags, ["rotate", "single-request-reopen", "edns0"]);
    assert!(conf.has("rotate") && !conf.has("use-vc") && !conf.is_of_pod());
    assert_eq!(parsed("domain one.example two\n").unwrap().search, ["one.example"]);
}

#[test]
fn what_is_no_resolv_conf_is_refused_where_it_begins() {
    for (bad, line) in [
        ("", 1),
        ("# only this\n", 1),
        ("search a\nnameserver localhost\n", 2),
        ("nameserver\n", 1),
        ("search a\n\n.:53 {\n", 3),
    ] {
        let error = parsed(bad).unwrap_err();
        assert_eq!(error.line, line, "{bad:?}: {error}");
    }
}

proptest::proptest! {
    #[test]
    fn nothing_is_too_odd(any: String, odd in "(nameserver |10.0.0.1|::1%x|search |options |ndots:|[0-9]{1,12}|[ \n.:é]){0,40}") {
        let _ = (parsed(&any), parsed(&odd));
    }
}
