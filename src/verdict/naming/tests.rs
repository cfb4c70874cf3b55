use super::*;
use crate::context::Text;

#[test]
fn addresses_in_sentences_get_names_and_others_stay() {
    let text = include_str!("../../../tests/context/kube.json");
    let kube = Kube::parse(Text { file: "kube.json", text }).unwrap();
    for (before, after) in [
        ("10.0.2.52 gets nothing", "shop/cart-7f9d6c5b4-lm2np (10.0.2.52) gets nothing"),
        ("from 10.0.1.51, 10.9.9.9.", "from default/web-6d4cf56db6-x2x7k (10.0.1.51), 10.9.9.9."),
        ("to 172.20.0.10: never", "to service kube-system/kube-dns (172.20.0.10): never"),
        ("é(10.0.2.52)", "é(shop/cart-7f9d6c5b4-lm2np (10.0.2.52))"),
        // Networks, ports, commands, rules, longer words, and what is named already.
        ("10.0.2.52/32", "10.0.2.52/32"),
        ("10.0.2.52:53", "10.0.2.52:53"),
        ("ip-10.0.2.52", "ip-10.0.2.52"),
        ("10.0.2.520", "10.0.2.520"),
        ("`-s 10.0.2.52 -j DROP` hits", "`-s 10.0.2.52 -j DROP` hits"),
        ("shop/cart-7f9d6c5b4-lm2np has 10.0.2.52", "shop/cart-7f9d6c5b4-lm2np has 10.0.2.52"),
        ("", ""),
        ("no address: at 12:30:05, a.b.", "no address: at 12:30:05, a.b."),
    ] {
        assert_eq!(named(&kube, None, before), after);
        assert_eq!(named(&kube, None, after), after, "twice");
    }
}
