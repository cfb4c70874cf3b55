use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp(36_900 * 1_000_000_000 + second * 1_000_000_000 + 400_000_000)
}

fn lapse(first: i64, last: i64, lost: u64) -> Lapse {
    Lapse {
        losses: Period { first: at(first), last: at(last) },
        lost,
        alone: lost,
        ..Lapse::default()
    }
}

/// One row: answered in these seconds, with these lapses, of so many questions.
fn row(heard: impl IntoIterator<Item = i64>, lapses: &[Lapse], noise: Noise) -> Union {
    let mut activity = Activity::default();
    for second in heard {
        activity.note(at(second));
    }
    let mut list = Lapses::default();
    for lapse in lapses {
        list.add(*lapse, &activity);
    }
    let mut union = Union::default();
    union.add(&activity, &list, noise);
    union
}

#[test]
fn a_silence_with_losses_is_an_outage_and_is_dated() {
    let heard = (0..600).filter(|second| !(307..337).contains(second));
    let union = row(heard, &[lapse(307, 336, 40)], Noise { sent: 700, hurt: 40 });
    let outages = union.outages(Noise::default());
    assert_eq!(outages.len(), 1);
    assert_eq!(outages[0].when(), " from 10:20:07 to 10:20:37 UTC");
    let told = outages[0].evidence("from X").unwrap().text;
    assert_eq!(
        told,
        "Answers from X stop at 10:20:07 and resume at 10:20:37 UTC: 40 questions lost meanwhile; the last \
         one before came at 10:20:06."
    );
    assert_eq!(worst(&outages).unwrap().1, "");
}

#[test]
fn a_fault_may_lack_a_beginning_or_an_end() {
    let noise = Noise { sent: 100, hurt: 9 };
    let told = |heard: std::ops::Range<i64>| {
        row(heard, &[lapse(50, 60, 9)], noise).outages(Noise::default())[0].when()
    };
    assert_eq!(told(0..50), " from 10:15:50 UTC on");
    assert_eq!(told(61..90), " until 10:16:01 UTC");
    assert_eq!(told(0..0), "");
}

/// What is said of the edges is as long as the length that stands beside it.
#[test]
fn edges_and_lengths_agree() {
    let noise = Noise { sent: 100, hurt: 9 };
    let told = |before: i64, after: std::ops::Range<i64>| {
        let heard = (0..before).chain(after);
        let outage = row(heard, &[lapse(50, 60, 9)], noise).outages(Noise::default()).remove(0);
        let evidence = outage.evidence("from X").unwrap();
        (evidence.text, (evidence.value * 10.0).round() / 10.0)
    };
    let nine = "9 questions lost";
    for (heard, words, seconds) in [
        (
            (50, 61..90),
            format!("stop at 10:15:50 and resume at 10:16:01 UTC: {nine} meanwhile"),
            10.6,
        ),
        // Nobody asked for half a minute: when it was over, nobody knows.
        (
            (50, 90..95),
            format!("stop at 10:15:50 and resume at 10:16:30 UTC: {nine} until 10:16:00"),
            10.0,
        ),
        (
            (40, 0..0),
            format!("stop at 10:15:50 UTC and do not resume: {nine} until 10:16:00"),
            10.0,
        ),
        ((0, 61..90), format!("begin at 10:16:01 UTC only: {nine} before, from 10:15:50."), 10.6),
        (
            (0, 90..95),
            format!("begin at 10:16:30 UTC only: {nine} before, from 10:15:50 to 10:16:00."),
            10.0,
        ),
    ] {
        let (text, length) = told(heard.0, heard.1);
        assert!(text.contains(&words), "{text}");
        assert!((length - seconds).abs() < 0.01, "{text} {length}");
    }
    assert!(told(40, 0..0).0.ends_with("; the last one came at 10:15:39."));
}

#[test]
fn others_who_are_answered_end_the_silence() {
    let mut union = row((0..50).chain(80..99), &[lapse(50, 79, 30)], Noise { sent: 90, hurt: 30 });
    let other = row(60..70, &[], Noise { sent: 10, hurt: 0 });
    union.add(other.heard(), &Lapses::default(), other.noise);
    assert_eq!(union.outages(Noise::default()), []);
}

#[test]
fn losses_in_a_row_that_chance_makes_are_no_outage() {
    // A tenth of all is lost: of 20,000 questions some four will be lost in a row somewhere.
    let heard: Vec<i64> = (0..1000).step_by(20).collect();
    let row =
        |lost| row(heard.clone(), &[lapse(401, 411, lost)], Noise { sent: 200, hurt: 20 + lost });
    let lossy = Noise { sent: 20_000, hurt: 2_000 };
    assert_eq!(row(4).outages(lossy), []);
    assert_eq!(row(12).outages(lossy).len(), 1);
    assert_eq!(row(4).outages(Noise { sent: 20_000, hurt: 8 }), []);
}

#[test]
fn a_client_that_loses_much_by_itself_has_no_outage() {
    let heard = (0..1000).filter(|second| second % 9 > 5);
    let lapses: Vec<Lapse> = (0..40).map(|n| lapse(n * 18, n * 18 + 4, 2 + n as u64 % 4)).collect();
    let union = row(heard, &lapses, Noise { sent: 400, hurt: 160 });
    assert_eq!(union.outages(Noise::default()), []);
}

#[test]
fn several_outages_are_summed_and_the_worst_is_told() {
    let heard = (0..900).filter(|s| !(100..120).contains(s) && !(500..540).contains(s));
    let lapses = [lapse(100, 119, 20), lapse(500, 539, 50)];
    let outages = row(heard, &lapses, Noise { sent: 900, hurt: 70 }).outages(Noise::default());
    let (worst, others) = worst(&outages).unwrap();
    assert_eq!(worst.lapse.lost, 50);
    assert_eq!(others, "; the worst of 2 outages, 59 s in all");
}
