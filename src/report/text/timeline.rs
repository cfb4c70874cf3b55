//! The capture in time: questions, losses, SERVFAILs and latency as sparklines, and when the findings
//! were.

use crate::aggregate::{Bin, Octaves};
use crate::model::{Span, Timestamp};
use crate::report::document::Document;
use crate::report::layout::{Page, Tone};
use crate::report::number::{count, duration};

/// A capture with fewer seconds, or fewer questions, shows nothing in time.
const FEWEST_BINS: usize = 10;
const FEWEST_QUESTIONS: u64 = 20;

/// Columns beside the sparks: the indent, the name of the row and its greatest value.
const NAME: usize = 11;
const GREATEST: usize = 14;

/// From little to much.
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const LETTERS: [char; 8] = ['.', ':', '-', '=', '+', '*', '#', '@'];

/// The octaves of a latency: from 128 µs to 16 s a factor of two each.
const LOWEST_OCTAVE: u32 = 7;
const HIGHEST_OCTAVE: u32 = 24;

/// Findings that are marked.
const MARKED: usize = 5;

/// One column: what happened in so many bins.
struct Column {
    start: Timestamp,
    sum: Bin,
}

pub(super) fn put(page: &mut Page, document: &Document) {
    let timeline = &document.timeline;
    let mut bins: Vec<(Timestamp, &Bin)> = timeline.bins().collect();
    // Packets that are no DNS may stand behind the last question.
    while bins.pop_if(|(_, bin)| bin.asked == 0).is_some() {}
    let asked: u64 = bins.iter().map(|(_, bin)| u64::from(bin.asked)).sum();
    if bins.len() < FEWEST_BINS || asked < FEWEST_QUESTIONS {
        return;
    }
    let room = page.width() - 2 - NAME - GREATEST;
    let each = bins.len().div_ceil(room);
    let columns: Vec<Column> = bins
        .chunks(each)
        .map(|run| {
            let mut sum = Bin::default();
            for (_, bin) in run {
                sum.add(bin);
            }
            Column { start: run[0].0, sum }
        })
        .collect();
    let width = Span(timeline.width().0.saturating_mul(each as i64));
    page.heading(0, "Timeline");
    let every = duration(width.as_micros());
    page.paragraph(2, &format!("A column is {every}. Questions count when they were first sent."));
    page.blank();
    let longest = document.traffic.latency_us.max;
    let spark = Sparks { columns: &columns, longest, ascii: page.ascii() };
    spark.counts(page, "questions", |bin| bin.asked);
    spark.counts(page, "lost", |bin| bin.unanswered);
    spark.counts(page, "re-sent", |bin| bin.rescued);
    spark.counts(page, "SERVFAIL", |bin| bin.servfail);
    spark.latencies(page, "p50", 0.5);
    spark.latencies(page, "p99", 0.99);
    axis(page, &columns, width);
    marks(page, document, &columns, width);
}

struct Sparks<'a> {
    columns: &'a [Column],
    /// The longest latency, in microseconds.
    longest: u64,
    ascii: bool,
}

impl Sparks<'_> {
    fn level(&self, level: usize) -> char {
        if self.ascii { LETTERS[level] } else { BLOCKS[level] }
    }

    /// A row of counts; one that is empty all the time is left out.
    fn counts(&self, page: &mut Page, name: &str, figure: impl Fn(&Bin) -> u32) {
        let values: Vec<u64> =
            self.columns.iter().map(|column| u64::from(figure(&column.sum))).collect();
        let Some(most) = values.iter().copied().max().filter(|&most| most > 0) else { return };
        let sparks = values.iter().map(|&value| match value {
            0 => ' ',
            // The least that there is can be seen.
            some => self.level(((some * 8).div_ceil(most) - 1).min(7) as usize),
        });
        row(page, name, &sparks.collect::<String>(), &format!("up to {}", count(most)));
    }

    /// A row of latencies, on a logarithmic scale.
    fn latencies(&self, page: &mut Page, name: &str, share: f64) {
        let told = |column: &Column| Octaves::quantile(&column.sum.delays, share);
        let values: Vec<Option<u64>> = self.columns.iter().map(told).collect();
        let Some(most) = values.iter().copied().flatten().max() else { return };
        let sparks = values.iter().map(|value| match value {
            None => ' ',
            Some(micros) => {
                let octave = micros.ilog2().clamp(LOWEST_OCTAVE, HIGHEST_OCTAVE) - LOWEST_OCTAVE;
                self.level((octave * 7 / (HIGHEST_OCTAVE - LOWEST_OCTAVE)) as usize)
            }
        });
        // An octave ends above what it holds.
        let most = duration(most.min(self.longest));
        let most = if self.ascii { most.replace('µ', "u") } else { most };
        row(page, name, &sparks.collect::<String>(), &format!("up to {most}"));
    }
}

fn row(page: &mut Page, name: &str, sparks: &str, greatest: &str) {
    page.labelled(2, &format!("{name:<NAME$}"), Tone::Plain, &format!("{sparks}  {greatest}"));
}

/// The times at the left, in the middle and at the right of the columns.
fn axis(page: &mut Page, columns: &[Column], width: Span) {
    const CLOCK: usize = 8;
    let clock = |time: Timestamp| crate::report::moment::clock(&time.to_string());
    let Some((first, last)) = columns.first().zip(columns.last()) else { return };
    let end = clock(last.start.plus(width));
    let mut line = clock(first.start);
    let middle = columns.len() / 2;
    if columns.len() >= 5 * CLOCK {
        line = format!("{line:<middle$}{}", clock(columns[middle].start));
    }
    let right = columns.len().saturating_sub(CLOCK).max(line.chars().count() + 1);
    page.labelled(2, &" ".repeat(NAME), Tone::Faint, &format!("{line:<right$}{end} UTC"));
}

/// When the findings were, under the columns.
fn marks(page: &mut Page, document: &Document, columns: &[Column], width: Span) {
    let faults = document.findings.iter().filter(|finding| !finding.normal);
    for finding in faults.take(MARKED) {
        let Some((start, end)) = finding.window.moments() else { continue };
        let marked = |column: &Column| column.start <= end && column.start.plus(width) > start;
        // All the time is no time.
        if columns.iter().all(marked) {
            continue;
        }
        let marks: String =
            columns.iter().map(|column| if marked(column) { '^' } else { ' ' }).collect();
        if marks.contains('^') {
            let marks = format!("{}  {}", marks.trim_end(), finding.cause);
            // A long name at the far right would be cut off: it stands before the marks then.
            let fits = 2 + NAME + marks.chars().count() <= page.width();
            let indent = marks.len() - marks.trim_start().len();
            let before = finding.cause.chars().count() + 1;
            let line = match () {
                () if fits || indent < before => marks,
                () => {
                    let bare = marks.trim_end_matches(finding.cause).trim_end();
                    format!("{:>indent$}{}", format!("{} ", finding.cause), bare.trim_start())
                }
            };
            page.labelled(2, &" ".repeat(NAME), Tone::Warning, &line);
        }
    }
}

#[cfg(test)]
mod tests;
