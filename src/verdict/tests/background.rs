//! What goes on in a cluster all the time.

use std::time::Duration;

use super::Story;
use super::stub::Fate;
use crate::forge::{ms, us};

impl Story {
    /// A name that somebody may want.
    pub(crate) fn any_name(&mut self) -> String {
        let n = self.rng.between(1, 40);
        let long = "x".repeat(self.rng.between(1, 50) as usize);
        match self.rng.between(0, 9) {
            0..=2 => format!("service-{n}"),
            3 | 4 => format!("service-{n}.shop.svc.cluster.local"),
            5 => format!("service-{n}.shop"),
            6 => format!("api-{n}.example.com"),
            7 => format!("{long}.six-{n}.example.net"),
            8 => format!("bucket-{n}.s3.us-west-2.amazonaws.com."),
            _ => format!("cdn-{n}.a.b.c.d.example.net"),
        }
    }

    /// Lookups of all clients, so many a second, as chance has it.
    pub(crate) fn background(&mut self, from: Duration, to: Duration, rate: f64, fate: Fate<'_>) {
        let all: Vec<usize> = (0..self.clients.len()).collect();
        self.background_of(&all, from, to, rate, fate);
    }

    /// Lookups of some clients.
    pub(crate) fn background_of(
        &mut self,
        clients: &[usize],
        from: Duration,
        to: Duration,
        rate: f64,
        fate: Fate<'_>,
    ) {
        let mut time = from;
        loop {
            // Exponential gaps: independent clients.
            let draw = (self.rng.next() >> 11) as f64 / (1_u64 << 53) as f64;
            let gap = -(1.0 - draw).ln() / rate;
            time += Duration::from_secs_f64(gap.min(60.0)) + us(1);
            if time >= to {
                break;
            }
            // In a pod the others are not seen.
            let own = self.is_pod() && self.rng.chance(0.7);
            let client = if own { clients[0] } else { *self.rng.pick(clients) };
            let name = self.any_name();
            self.lookup(time, client, &name, fate);
        }
    }

    /// A cluster in which nothing is wrong, for so long, and a while after.
    pub(crate) fn healthy(&mut self, length: Duration, rate: f64) {
        self.lookup(ms(1), 0, "service-1", &mut |ask| ask.healthy());
        self.background(Duration::ZERO, length, rate, &mut |ask| ask.healthy());
        self.settle(length + ms(200));
    }
}

#[cfg(test)]
mod checks {
    use super::*;
    use crate::forge::{ms, secs};
    use crate::verdict::Status;
    use crate::verdict::tests::{Rng, SEEDS, Seen, View};

    #[test]
    fn a_healthy_cluster_is_healthy_from_everywhere() {
        for seed in SEEDS {
            for view in View::ALL {
                for length in [5, 20, 60, 600] {
                    let mut story = Story::new(seed, view, 1 + seed as usize * 2);
                    let rate =
                        story.rng.between(2, 20) as f64 * if length > 100 { 0.3 } else { 1.0 };
                    story.healthy(secs(length), rate);
                    let seen = story.judge();
                    assert_eq!(seen.faults(), [""; 0], "{seed} {view:?}: {}", seen.words());
                    assert_eq!(seen.status(), Status::Healthy, "{seed} {view:?}: {}", seen.words());
                }
            }
        }
    }

    #[test]
    fn no_cut_of_a_healthy_capture_raises_an_alarm() {
        for seed in SEEDS {
            for view in View::ALL {
                let mut story = Story::new(seed, view, 1 + seed as usize);
                story.healthy(secs(60), 8.0);
                let mut rng = Rng(seed);
                for _ in 0..40 {
                    let from = rng.span(ms(0), secs(60));
                    let to = from + rng.span(ms(1), secs(60));
                    let seen = Seen::of(story.cut(from, to));
                    let faults = seen.faults();
                    let empty = faults == ["capture_incomplete"];
                    assert!(
                        faults.is_empty() && seen.status() == Status::Healthy
                            || empty && nothing_left(&seen),
                        "{seed} {view:?} {from:?} {to:?}: {}",
                        seen.words()
                    );
                }
            }
        }
    }

    /// Nothing that an answer can be told of.
    fn nothing_left(seen: &Seen) -> bool {
        let traffic = &seen.0.traffic;
        traffic.answered == 0 && traffic.unanswered == 0
    }
}
