use super::*;

/// That of EKS.
const EKS: &str = include_str!("../../../tests/context/Corefile");

fn parsed(text: &str) -> Result<Corefile, Malformed> {
    Corefile::parse(Text { file: "Corefile", text })
}

#[test]
fn that_of_eks_is_understood() {
    let file = parsed(EKS).unwrap();
    let upstreams: Vec<String> = file.upstreams().iter().map(|(a, _)| a.to_string()).collect();
    assert_eq!(upstreams, ["10.0.0.2", "10.0.0.3"]);
    let (span, line) = file.lameduck().unwrap();
    assert_eq!((span, line.line, line.text().as_str()), (Span::from_secs(5), 4, "lameduck 5s"));
    assert_eq!(file.max_concurrent().map(|(most, line)| (most, line.line)), Some((1000, 13)));
    assert_eq!(file.cluster_zones(), ["cluster.local"]);
    assert!(file.forwards_to_file().is_none() && file.forward_option("force_tcp").is_none());
    assert!(file.plugins("loop").next().is_some() && file.plugins("bufsize").next().is_none());
}

#[test]
fn blocks_snippets_and_imports_are_read() {
    let file = parsed(
        "# a comment\n(common) {\n  errors\n  cache 30 # seconds\n}\n\n\
         cluster.local:53, # goes on\nin-addr.arpa:53 {\n  import common\n  kubernetes corp.example. cluster.local\n}\n\
         .:53 {\n  import common\n  import custom/*.override\n  log . \"{remote} \\\"{type}\\\"\"\n\
         \tforward . tls://[fd00::2]:853 dns://10.0.0.4:5353 10.0.0.5 {\n\t\tforce_tcp\n\t\tpolicy sequential\n\t}\n\
         \tforward corp.example /etc/resolv.conf\n  health\n}\nimport other/*.server\n",
    )
    .unwrap();
    assert_eq!(file.servers.len(), 3);
    let upstreams: Vec<String> = file.upstreams().iter().map(|(a, _)| a.to_string()).collect();
    assert_eq!(upstreams, ["fd00::2", "10.0.0.4", "10.0.0.5"]);
    assert_eq!(file.forwards_to_file().unwrap().text(), "forward corp.example /etc/resolv.conf");
    assert_eq!(file.forward_option("force_tcp").unwrap().line, 17);
    assert_eq!(file.cluster_zones(), ["corp.example", "cluster.local"]);
    assert!(file.lameduck().is_none() && file.max_concurrent().is_none());
}

#[test]
fn durations_are_those_of_go() {
    let seconds = |text: &str| duration(text).map(Span::as_secs_f64);
    assert_eq!(seconds("1m30s"), Some(90.0));
    assert_eq!(seconds("500ms"), Some(0.5));
    assert_eq!([seconds("5"), seconds("s"), seconds("5x")], [None, None, None]);
}

#[test]
fn what_is_no_corefile_is_refused_where_it_begins() {
    for (bad, line) in [
        ("", 1),
        ("nameserver 10.0.0.2\n", 1),
        ("apiVersion: v1\nkind: ConfigMap\n", 1),
        (".:53 {\n  errors\n", 1),
        (".:53 {\n  errors\n}\n}\n", 4),
        (".:53 {\n  log \"open\n}\n", 2),
        (".:53 {\n  errors\n} else\n", 3),
        (".:53 {\n}\n", 2),
    ] {
        let error = parsed(bad).unwrap_err();
        assert_eq!(error.line, line, "{bad:?}: {error}");
    }
    assert!(parsed(&"a {\n".repeat(1_000)).is_err());
}

proptest::proptest! {
    #[test]
    fn nothing_is_too_odd(any: String, odd in "(\\{\n|\\}\n|forward . |10.0.0.2|\\[::1\\]:53|/etc/x|\"| |\n|#|lameduck |5s|max_concurrent |health |é){0,60}") {
        for text in [any, odd] {
            if let Ok(file) = parsed(&text) {
                let _ = (file.upstreams(), file.lameduck(), file.max_concurrent(), file.cluster_zones());
            }
        }
    }
}
