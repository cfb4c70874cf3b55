//! Losses that no cause explains: how many, and when.

use super::corroborate::beside_losses;
use super::crowd::Crowd;
use super::facts::{FEW, Facts};
use super::finding::{Finding, Severity, Status, Verdict};
use super::halts::Halt;
use super::outage::{Noise, Outage, Union, worst};
use super::silence::{by_client, noise};
use super::words::{clock, counted, verb};
use crate::aggregate::{Pair, Tally};
use crate::model::Span;

/// Up to this share of losses is the background noise of UDP.
const NOISE: f64 = 0.005;

/// From this share of the losses on, the time in which they crowd is told, and a finding that explains so many
/// leaves nothing to ask,
const CROWDED: f64 = 0.8;

/// if it is no more than this share of the capture.
const PART: f64 = 0.5;

/// So many of one time are worth a word however few they are of all.
const MANY: u64 = 10;

/// From this share on of what was asked in a time as long as this one at least,
const HALTING: f64 = 0.2;

/// losses are worth a word, too: who waits asks nothing else, so that few losses are much of a time.
const HALT: Span = Span::from_secs(10);

/// What clients lost; what forwarders did, where nobody else is seen.
pub(super) struct Losses<'a> {
    /// All their questions.
    pub(super) tally: Tally,
    pairs: Vec<&'a Pair>,
    rescued: u64,
    what: &'static str,
}

impl<'a> Losses<'a> {
    pub(super) fn of(facts: &'a Facts<'_>) -> Losses<'a> {
        let pairs: Vec<&Pair> = facts.client_pairs().collect();
        if pairs.iter().all(|pair| pair.all().sent == 0) {
            return Losses::of_forwarders(facts);
        }
        Losses::among(facts, pairs, "questions")
    }

    fn of_forwarders(facts: &'a Facts<'_>) -> Losses<'a> {
        Losses::among(facts, facts.upstream_pairs().collect(), "forwarded questions")
    }

    fn among(facts: &Facts<'_>, pairs: Vec<&'a Pair>, what: &'static str) -> Losses<'a> {
        let mut tally = Tally::default();
        for pair in &pairs {
            tally.add(pair.all());
        }
        let rescued = pairs.iter().map(|pair| facts.rescued(pair)).sum();
        Losses { tally, pairs, rescued, what }
    }

    fn hurt(&self) -> u64 {
        self.tally.unanswered + self.rescued
    }

    /// The same with those that were only answered late, after they had been sent again.
    fn asked_again(&self) -> u64 {
        let again: u64 = self.pairs.iter().map(|pair| pair.rare().rescued).sum();
        self.tally.unanswered + again
    }

    /// Much of all, or much of some time: twenty seconds of an hour are a small part of it.
    fn are_noticeable(&self, facts: &Facts<'_>) -> bool {
        self.hurt() >= FEW && Facts::share(self.hurt(), self.tally.sent) > NOISE
            || !self.outages().is_empty()
            || self.asked_again() >= FEW && self.halt().is_some()
            || self.crowd(facts).is_some_and(|crowd| crowd.count >= MANY)
            || self.densest(facts).is_some_and(|crowd| {
                crowd.count >= 2 * FEW
                    && crowd.length() >= HALT
                    && Facts::share(crowd.count, crowd.asked) >= HALTING
            })
    }

    /// The time in which nearly all of them were asked, if there are more of them at one time than at another.
    fn densest(&self, facts: &Facts<'_>) -> Option<Crowd> {
        let timeline = &facts.aggregate.counting.timeline;
        let crowd = Crowd::of(timeline, |bin| bin.unanswered + bin.rescued, |bin| bin.asked)?;
        Some(crowd).filter(|crowd| crowd.count as f64 >= CROWDED * self.hurt() as f64)
    }

    /// The time in which they crowd, if they do.
    fn crowd(&self, facts: &Facts<'_>) -> Option<Crowd> {
        self.densest(facts).filter(|crowd| {
            crowd.length().as_secs_f64() <= PART * facts.length().as_secs_f64()
                && Facts::share(crowd.count, crowd.asked) > NOISE
        })
    }

    /// Times in which nobody at all was answered.
    fn outages(&self) -> Vec<Outage> {
        let mut all = Union::default();
        for pair in &self.pairs {
            all.add(&pair.heard, &pair.lapses, noise(pair));
        }
        let mut outages = all.outages(Noise::default());
        outages.retain(|outage| outage.stopped.is_some() || outage.resumed.is_some());
        outages
    }

    /// The worst time in which everybody, or one of them, was answered nothing: a sentence.
    fn halt(&self) -> Option<String> {
        let all = Halt::of(self.pairs.iter().copied());
        all.map(|halt| halt.words("Nobody in it was")).or_else(|| {
            let clients = by_client(self.pairs.iter().copied());
            clients.iter().find_map(|client| {
                let halt = Halt::of(client.pairs.iter().copied())?;
                Some(halt.words(&format!("{} was not", client.address)))
            })
        })
    }

    /// What came from those who were asked and answers nothing that was in flight: a sentence, with a space before.
    fn answers_to_nothing(&self) -> String {
        let orphans = self.pairs.iter().map(|pair| pair.rare().orphans).sum();
        if orphans == 0 {
            return String::new();
        }
        format!(
            " {} of the same servers {} nothing that was in flight: too late, or with another ID, port or \
             name.",
            counted(orphans, "response"),
            verb(orphans, "answers", "answer")
        )
    }

    /// What they all asked for, if that is one thing: a sentence, with a space before.
    fn of_one_type(facts: &Facts<'_>) -> String {
        facts.type_without_answers().map_or_else(String::new, |(of_type, lost)| {
            format!(
                " {lost} of those without any asked for {of_type}: the server does not answer that type, or \
                 something on the way does not let it through."
            )
        })
    }

    /// When it was, where there is a time to it: a sentence, with a space before.
    fn time(&self, facts: &Facts<'_>) -> String {
        if let Some((outage, others)) = worst(&self.outages()) {
            let hurt = outage.lapse.hurt();
            return format!(
                " Nobody in it was answered{}: {} lost a packet then{}{others}.",
                outage.when(),
                counted(hurt, "question"),
                outage.around("answered")
            );
        }
        if let Some(halt) = self.halt() {
            return halt;
        }
        self.crowd(facts).map_or_else(String::new, |crowd| {
            // The crowd is one of everybody's questions, forwarded ones as well.
            let count = crowd.count.min(self.hurt());
            format!(
                " {count} of them {} asked from {} to {} UTC, {} of all that were asked then.",
                verb(count, "was", "were"),
                clock(crowd.period.first),
                clock(crowd.period.last),
                super::words::percent(Facts::share(crowd.count, crowd.asked))
            )
        })
    }
}

/// The verdict over losses that nothing explains, if they are worth one. `beside`: something of less
/// weight that was found as well.
pub(super) fn unexplained(facts: &Facts<'_>, beside: Option<&Finding>) -> Option<Verdict> {
    let losses = Losses::of(facts);
    if !losses.are_noticeable(facts) {
        return None;
    }
    // The crowd may be one of forwarded questions, whose clients were answered: late, or with a failure.
    let forwarded = Losses::of_forwarders(facts);
    let losses = if losses.hurt() < forwarded.hurt() { forwarded } else { losses };
    let hurt = losses.hurt();
    if hurt > 0 && beside.is_some_and(|finding| finding.losses as f64 >= CROWDED * hurt as f64) {
        return None;
    }
    // Few drops are no reason for many losses.
    let dropped = facts.dropped.filter(|&dropped| dropped >= hurt);
    let why = dropped.map_or_else(
        || {
            "nothing in this capture tells why: capture on the other side of the loss as well"
                .to_owned()
        },
        |dropped| {
            format!(
                "the kernel dropped {} while it was taken: they may be the capture's own. Capture again, \
                 with more room for packets that wait (-B)",
                counted(dropped, "packet")
            )
        },
    );
    // Which is what this one would say.
    let beside =
        beside.filter(|finding| dropped.is_none() || finding.cause != "capture_incomplete");
    let beside =
        beside.map_or_else(String::new, |finding| format!(" Beside that: {}", finding.summary));
    let lost = match hurt {
        0 => format!(
            "{} of {} {} were answered only after they had been sent again",
            losses.asked_again(),
            losses.tally.sent,
            losses.what
        ),
        _ => format!(
            "{hurt} of {} {} lost a packet ({} had no answer at all, {} had one after they were sent again)",
            losses.tally.sent, losses.what, losses.tally.unanswered, losses.rescued
        ),
    };
    Some(Verdict {
        status: Status::Inconclusive,
        root_cause: "undetermined",
        category: None,
        severity: Severity::Medium,
        confidence: 0.0,
        summary: format!(
            "{lost}, and {why}.{}{}{}{}{beside}",
            losses.time(facts),
            Losses::of_one_type(facts),
            losses.answers_to_nothing(),
            beside_losses(facts)
        ),
    })
}

#[cfg(test)]
mod tests {
    use crate::forge::{ms, secs};
    use crate::verdict::Status;
    use crate::verdict::tests::{Reply, Story, Stub, View};

    /// A name that does not exist is looked up all the time, and half of what one backend is asked in
    /// twenty seconds is lost: seen from a pod, nothing tells the latter's cause.
    #[test]
    fn a_low_finding_does_not_hide_losses_that_nothing_explains() {
        Story::each(&[View::Pod], 1..=2, |story| {
            story.stubs[0] = Stub::Glibc;
            for turn in 0..30 {
                let at = secs(turn * 10 + 2);
                story.lookup(at, 0, "gone-away.example.com", &mut |ask| ask.healthy());
            }
            let failing = secs(120)..secs(140);
            story.background_of(&[0], ms(0), secs(300), 8.0, &mut |ask| {
                let lost = failing.contains(&ask.time) && ask.luck() < 0.5;
                if lost { Reply::lost(3) } else { ask.healthy() }
            });
            story.settle(secs(330));
            let seen = story.judge();
            let low = seen.has("name_does_not_exist").summary.clone();
            let verdict = &seen.0.verdict;
            assert_eq!(
                (seen.status(), seen.root()),
                (Status::Inconclusive, "undetermined"),
                "{}",
                seen.words()
            );
            assert!(verdict.summary.contains(&low), "{}", verdict.summary);
            assert!(verdict.summary.contains(" asked from 00:0"), "{}", verdict.summary);
        });
    }

    /// All that a pod asks is lost for five seconds, in which its three processes wait and ask nothing else: six
    /// questions of a thousand, and no chance.
    #[test]
    fn a_halt_is_no_chance_however_few_are_lost_in_it() {
        Story::each(&[View::Pod], 1..=1, |story| {
            story.stubs[0] = Stub::Glibc;
            let from = secs(60) + ms(300);
            story.background_of(&[0], ms(0), from, 15.0, &mut |ask| ask.healthy());
            for process in 0..3 {
                let at = from + ms(10 * process);
                story.lookup(at, 0, &format!("service-{process}"), &mut |ask| {
                    if ask.time < secs(64) { Reply::lost(3) } else { ask.healthy() }
                });
            }
            story.background_of(&[0], secs(66), secs(150), 15.0, &mut |ask| ask.healthy());
            story.settle(secs(180));
            let seen = story.judge();
            assert_eq!(seen.root(), "undetermined", "{}", seen.words());
            let summary = &seen.0.verdict.summary;
            assert!(summary.contains(" answered from 00:01:01 to 00:01:05 UTC"), "{summary}");
        });
    }

    /// Who waits for an answer asks nothing else: of thousands of questions few are lost, which are much of
    /// what is asked at the end.
    #[test]
    fn few_losses_are_many_of_a_time_in_which_little_is_asked() {
        Story::each(&[View::Pod], 1..=1, |story| {
            story.stubs[0] = Stub::Musl;
            story.background_of(&[0], ms(0), secs(200), 20.0, &mut |ask| ask.healthy());
            let mut time = secs(200);
            let mut turn = 0;
            while time < secs(218) {
                turn += 1;
                let lost = turn % 2 == 0;
                let name = format!("service-{turn}");
                time = story.lookup(time, 0, &name, &mut |ask| {
                    if lost { Reply::lost(3) } else { ask.healthy() }
                });
            }
            story.settle(time + secs(40));
            let seen = story.judge();
            let traffic = &seen.0.traffic;
            assert!(traffic.unanswered * 200 < traffic.transactions, "{}", seen.words());
            assert_eq!(seen.root(), "undetermined", "{}", seen.words());
        });
    }
}
