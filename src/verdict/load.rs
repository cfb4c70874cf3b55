//! A server's busy time held against its quiet time.

use super::facts::Facts;
use crate::aggregate::{Load, Period, ServerLoad};
use crate::model::{Span, Timestamp};

/// Rates are taken over a second: in less, chance decides more than the load does.
const RATE_OVER: Span = Span::from_secs(1);

/// Borders between busy and quiet that are tried: from the highest rate down, each by so much.
const BORDER_STEP: f64 = std::f64::consts::SQRT_2;
const BORDERS: i32 = 24;

/// Some of a server's time, added up.
#[derive(Clone, Copy, Debug, Default)]
pub struct Side {
    /// What it was asked in that time.
    pub load: Load,
    /// Questions a second, on average.
    pub rate: f64,
    /// Bins with slow or lost questions.
    pub bad_bins: u32,
    /// When the first and the last of these were.
    pub bad: Period,
    bins: u32,
}

impl Side {
    fn add(&mut self, start: Timestamp, width: Span, bin: &Load) {
        self.bins += 1;
        self.load.add(bin);
        if bin.slow + bin.lost > 0 {
            self.bad_bins += 1;
            self.bad.note(start);
            self.bad.note(start.plus(width));
        }
    }

    fn finish(mut self, width: Span) -> Side {
        let seconds = f64::from(self.bins) * width.as_secs_f64();
        self.rate = if seconds > 0.0 { f64::from(self.load.asked) / seconds } else { 0.0 };
        self
    }

    /// Questions for names of the cluster that were settled.
    pub fn settled(&self) -> u64 {
        u64::from(self.load.answered) + u64::from(self.load.lost)
    }

    /// Share of the answers that was slow.
    pub fn slow(&self) -> f64 {
        Facts::share(u64::from(self.load.slow), u64::from(self.load.answered))
    }

    /// Share of the questions that was lost.
    pub fn lost(&self) -> f64 {
        Facts::share(u64::from(self.load.lost), self.settled())
    }

    /// Share of the questions that was slow or lost.
    pub fn bad(&self) -> f64 {
        Facts::share(u64::from(self.load.slow + self.load.lost), self.settled())
    }

    /// What 95 of 100 answers do not exceed.
    pub fn p95(&self) -> Span {
        self.load.spread.quantile(0.95)
    }
}

/// All the time of a server.
pub fn whole(row: &ServerLoad) -> Side {
    let mut all = Side::default();
    for (start, bin) in row.bins().filter(|(_, bin)| bin.asked > 0) {
        all.add(start, row.width(), bin);
    }
    all.finish(row.width())
}

/// Its quiet and its busy time, parted where they differ most among the borders that `valid` takes.
pub fn parted(row: &ServerLoad, valid: impl Fn(&Side, &Side) -> bool) -> Option<(Side, Side)> {
    let bins: Vec<(Timestamp, &Load)> = row.bins().collect();
    let reach = ((RATE_OVER.0 / row.width().0).max(1)) as usize;
    let rates: Vec<f64> = (0..bins.len())
        .map(|at| {
            let from = at.saturating_sub(reach / 2);
            let to = (from + reach).min(bins.len());
            let asked: u64 = bins[from..to].iter().map(|(_, bin)| u64::from(bin.asked)).sum();
            asked as f64 / ((to - from) as f64)
        })
        .collect();
    let most = rates.iter().copied().fold(0.0, f64::max);
    let sides = |border: f64| {
        let (mut quiet, mut busy) = (Side::default(), Side::default());
        for ((start, bin), &rate) in bins.iter().zip(&rates).filter(|((_, bin), _)| bin.asked > 0) {
            let side = if rate >= border { &mut busy } else { &mut quiet };
            side.add(*start, row.width(), bin);
        }
        (quiet.finish(row.width()), busy.finish(row.width()))
    };
    (1..=BORDERS)
        .map(|step| sides(most / BORDER_STEP.powi(step)))
        .filter(|(quiet, busy)| valid(quiet, busy))
        .max_by(|a, b| {
            let apart = |sides: &(Side, Side)| sides.1.bad() - sides.0.bad();
            apart(a).total_cmp(&apart(b))
        })
}
