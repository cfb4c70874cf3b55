use crate::forge::{ms, secs};
use crate::verdict::tests::{Ask, Known, Reply, Story, Stub, View, What};

const CODE: &str = "musl_search_stopped";

/// A musl client whose last search domain has a wildcard.
fn trapped(story: &mut Story) -> String {
    story.stubs = vec![Stub::Glibc; story.clients.len()];
    story.stubs[0] = Stub::Musl;
    let trap = story.search[3].clone();
    let empty = trap.clone();
    let mut fate = move |ask: &Ask<'_>| -> Reply {
        let reply = ask.healthy();
        let what = if ask.name.ends_with(&empty) { What::NoData } else { reply.what };
        Reply { what, ..reply }
    };
    for n in 0..14 {
        let client = if n % 3 == 2 { n as usize % story.clients.len() } else { 0 };
        story.lookup(secs(2 + n * 4), client, "api-7.example.com", &mut fate);
        story.lookup(secs(4 + n * 4), client, "service-4.shop", &mut fate);
    }
    story.background(ms(0), secs(60), 3.0, &mut fate);
    story.settle(secs(80));
    trap
}

#[test]
fn the_search_list_of_a_file_is_held_against_the_walks() {
    Story::each(&[View::Node], 3..=5, |story| {
        let trap = trapped(story);
        let plain = story.judge();
        let (confidence, advice) = (plain.is(CODE).percent(), &plain.is(CODE).mitigation);
        let own = format!(
            "nameserver {}\nsearch svc.cluster.local cluster.local {trap}\noptions ndots:5\n",
            story.service
        );
        let other = "nameserver 10.9.9.9\nsearch corp.example\noptions ndots:2\n".to_owned();
        let low = own.replace("ndots:5", "ndots:2");
        for (file, said, unsaid, changed) in [
            (own, "names with fewer than 5 dots", "another client's", false),
            (other, "is another client's", "ndots is low", false),
            (low, "names with fewer than 2 dots", "another client's", true),
        ] {
            let seen = Known::resolv_conf(&file).judge(story.file());
            let finding = seen.is(CODE);
            assert_eq!(finding.percent(), confidence, "{}", seen.words());
            assert!(
                seen.words().contains(said) && !seen.words().contains(unsaid),
                "{}",
                seen.words()
            );
            // Advice that is followed already says so; another client's file changes none.
            assert_eq!(&finding.mitigation != advice, changed, "{file}");
            let low = finding.mitigation.immediate.contains("ndots is low already");
            assert_eq!(low, changed, "{file}");
        }
    });
}
