//! Outages: times in which nobody of those looked at was answered, and questions were lost for it.
//!
//! A fault may have a beginning, an end, both or neither in the capture; all four are outages. What
//! chance would do as well is none: in a capture that loses a tenth of its packets all the time, a
//! quiet client meets three losses in a row now and then.

use super::facts::{FEW, Facts};
use super::finding::Evidence;
use super::words::{clock, counted};
use crate::aggregate::{Activity, Lapse, Lapses, Period};
use crate::model::{Span, Timestamp};

/// So many losses in a row are an outage if chance would make fewer than this of them in the whole
/// capture.
const CHANCE: f64 = 0.001;

/// An answer that comes so soon after the last loss dates the end of an outage; one that comes later
/// says that nobody asked in between. The query timeout of stub resolvers.
const SOON: Span = Span::from_secs(5);

/// A time without answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outage {
    /// The questions lost in it.
    pub lapse: Lapse,
    /// The last second before it in which an answer came.
    pub stopped: Option<Timestamp>,
    /// The first second after it in which an answer came.
    pub resumed: Option<Timestamp>,
}

/// How many of the questions beside an outage lose a packet anyway.
#[derive(Clone, Copy, Debug, Default)]
pub struct Noise {
    /// Questions asked.
    pub sent: u64,
    /// Those that lost a packet.
    pub hurt: u64,
}

impl Noise {
    /// Adds that of others.
    pub fn join(&mut self, other: Noise) {
        self.sent += other.sent;
        self.hurt += other.hurt;
    }
}

/// Rows looked at as one: nobody of them was heard, or it is no silence.
#[derive(Clone, Debug, Default)]
pub struct Union {
    heard: Activity,
    lapses: Vec<Lapse>,
    noise: Noise,
}

impl Union {
    /// Adds a row: when it was answered, what it lost, how many it asked and how many were hurt.
    pub fn add(&mut self, heard: &Activity, lapses: &Lapses, noise: Noise) {
        self.heard.join(heard);
        self.lapses.extend(lapses.iter());
        self.noise.join(noise);
    }

    /// When anybody was answered.
    pub fn heard(&self) -> &Activity {
        &self.heard
    }

    /// The outages, in their order, given what is lost elsewhere.
    pub fn outages(&self, elsewhere: Noise) -> Vec<Outage> {
        let joined = self.joined();
        let outages = joined.iter().map(|lapse| self.outage(lapse));
        outages
            .filter(|o| o.is_silence() && !self.is_chance(&o.lapse, &joined, elsewhere))
            .collect()
    }

    /// Times between two seconds with answers, around something that was lost: it may have been sent in the second of
    /// the last answer before.
    pub fn gaps(&self) -> Vec<Outage> {
        let after = |lapse: &Lapse| lapse.losses.last.plus(Span::from_secs(1));
        let gap = |lapse: Lapse| Outage {
            stopped: self.heard.last_until(lapse.losses.first),
            resumed: self.heard.first_from(after(&lapse)),
            lapse,
        };
        self.joined().into_iter().map(gap).collect()
    }

    /// The times in which questions were refused and nothing was answered: what says no is no chance.
    pub fn refusals(&self) -> Vec<Outage> {
        let outages = self.joined().into_iter().map(|lapse| self.outage(&lapse));
        outages.filter(|outage| outage.lapse.refused > 0 && outage.is_apart()).collect()
    }

    /// Lapses with nothing heard in between are one.
    fn joined(&self) -> Vec<Lapse> {
        let inside = |lapse: &Lapse| self.heard.any_inside(lapse.losses.first, lapse.losses.last);
        let mut known: Vec<&Lapse> = self.lapses.iter().filter(|lapse| !inside(lapse)).collect();
        known.sort_by_key(|lapse| (lapse.losses.first, lapse.losses.last));
        let mut joined: Vec<Lapse> = Vec::new();
        for lapse in known {
            match joined.last_mut() {
                Some(last)
                    if !self
                        .heard
                        .any_inside(last.losses.first, lapse.losses.last.max(last.losses.last)) =>
                {
                    last.join(lapse);
                }
                _ => joined.push(*lapse),
            }
        }
        joined
    }

    fn outage(&self, lapse: &Lapse) -> Outage {
        Outage {
            lapse: *lapse,
            stopped: self.heard.last_until(lapse.losses.first),
            resumed: self.heard.first_from(lapse.losses.last),
        }
    }

    /// Whether so many losses in a row would come of the losses that there are anyway.
    fn is_chance(&self, lapse: &Lapse, all: &[Lapse], elsewhere: Noise) -> bool {
        let large =
            all.iter().map(Lapse::hurt).filter(|hurt| hurt * 2 >= lapse.hurt()).sum::<u64>();
        let own = Facts::share(
            self.noise.hurt.saturating_sub(large),
            self.noise.sent.saturating_sub(large),
        );
        let share = own.max(Facts::share(elsewhere.hurt, elsewhere.sent)).min(1.0);
        let asked = self.noise.sent.max(elsewhere.sent) as f64;
        asked * share.powf(lapse.alone as f64) >= CHANCE
    }
}

impl Outage {
    /// Whether enough was lost where nothing was answered.
    fn is_silence(&self) -> bool {
        self.lapse.alone >= FEW && self.is_apart()
    }

    /// Whether a whole second lies between the last answer before and the first one after.
    fn is_apart(&self) -> bool {
        let (Some(stopped), Some(resumed)) = (self.stopped, self.resumed) else { return true };
        resumed.since(stopped) > Span::from_secs(1)
    }

    /// Several as one: for whom it was not over, or had not begun, in all of them.
    pub fn of(outages: &[Outage]) -> Option<Outage> {
        let mut all = outages.first()?.clone();
        for outage in &outages[1..] {
            all.lapse.join(&outage.lapse);
            all.stopped = all.stopped.zip(outage.stopped).map(|(a, b)| a.min(b));
            all.resumed = all.resumed.zip(outage.resumed).map(|(a, b)| a.max(b));
        }
        Some(all)
    }

    /// Whether enough was lost without a word.
    pub fn is_silent(&self) -> bool {
        self.lapse.lost >= FEW
    }

    /// From the first loss to the first answer after, or to the last loss where none follows soon.
    pub fn period(&self) -> Period {
        let losses = self.lapse.losses;
        let soon = self.resumed.filter(|resumed| resumed.since(losses.last) <= SOON);
        Period { last: losses.last.max(soon.unwrap_or(losses.last)), ..losses }
    }

    /// Whether somebody with these answers had some while it lasted.
    pub fn spares(&self, heard: &Activity) -> bool {
        let after = || heard.any_inside(self.lapse.losses.last, Timestamp::MAX);
        self.lapse.spares(heard) || self.resumed.is_none() && after()
    }

    /// How long it took, as far as losses and answers tell.
    pub fn length(&self) -> Span {
        let period = self.period();
        period.last.since(period.first)
    }

    /// When it was, for a sentence: nothing where it has neither beginning nor end.
    pub fn when(&self) -> String {
        let period = self.period();
        match (self.stopped, self.resumed) {
            (Some(_), Some(_)) => {
                format!(" from {} to {} UTC", clock(period.first), clock(period.last))
            }
            (Some(_), None) => format!(" from {} UTC on", clock(period.first)),
            (None, Some(_)) => format!(" until {} UTC", clock(period.last)),
            (None, None) => String::new(),
        }
    }

    /// What was before and after it, for the end of a sentence. `who` was answered, or did answer:
    /// "answered", "the upstreams answered".
    pub fn around(&self, who: &str) -> String {
        match (self.stopped, self.resumed) {
            (Some(_), Some(_)) => format!("; {who} before and after"),
            (Some(_), None) => format!("; {who} before"),
            (None, Some(_)) => format!("; {who} after"),
            (None, None) => String::new(),
        }
    }

    /// When the answers stop and resume, and for how long questions were lost, as evidence; nothing where
    /// there are none. `whose`: "from
    /// 10.0.1.61", "to 10.0.1.53".
    pub fn evidence(&self, whose: &str) -> Option<Evidence> {
        let losses = self.lapse.losses;
        let (first, last) = (clock(losses.first), clock(losses.last));
        let soon = self.period().last > losses.last;
        let lost = format!("{} lost", counted(self.lapse.lost + self.lapse.refused, "question"));
        let again = match self.lapse.rescued {
            0 => String::new(),
            more => format!(", {more} more answered only after they were sent again"),
        };
        // They stop with the first question that has none, which is where the length begins.
        let text = match (self.stopped, self.resumed) {
            (Some(stopped), Some(resumed)) => {
                let (stopped, resumed) = (clock(stopped), clock(resumed));
                let until = if soon { "meanwhile".to_owned() } else { format!("until {last}") };
                format!(
                    "stop at {first} and resume at {resumed} UTC: {lost} {until}{again}; the last one \
                     before came at {stopped}"
                )
            }
            (Some(stopped), None) => {
                let stopped = clock(stopped);
                format!(
                    "stop at {first} UTC and do not resume: {lost} until {last}{again}; the last one \
                     came at {stopped}"
                )
            }
            (None, Some(resumed)) => {
                let since = if soon { first } else { format!("{first} to {last}") };
                let resumed = clock(resumed);
                format!("begin at {resumed} UTC only: {lost} before, from {since}{again}")
            }
            (None, None) => return None,
        };
        let text = format!("Answers {whose} {text}.");
        let seconds = self.length().as_secs_f64();
        Some(Evidence::new("outage", seconds, "s", text).at(self.lapse.frames.iter()))
    }
}

/// The worst of several, and the others in words: how many they are and how long they take in all.
pub fn worst(outages: &[Outage]) -> Option<(&Outage, String)> {
    let worst = outages.iter().max_by_key(|outage| outage.lapse.hurt())?;
    let seconds: f64 = outages.iter().map(|outage| outage.length().as_secs_f64()).sum();
    let others = match outages.len() {
        1 => String::new(),
        many => format!("; the worst of {many} outages, {seconds:.0} s in all"),
    };
    Some((worst, others))
}

#[cfg(test)]
mod tests;
