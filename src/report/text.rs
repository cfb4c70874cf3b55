//! The report for people: the verdict first, then why, what to do, what is normal, the numbers,
//! and what the capture cannot tell. Readable on 80 columns and in a chat.

mod benign;
mod capture;
mod findings;
mod timeline;
mod traffic;
mod verdict;

use super::document::Document;
use super::layout::Page;
use super::{Options, moment, number};
use crate::verdict::Finding;

/// How many members of a list are named before "and N more".
const NAMED: usize = 3;

/// The whole report.
pub(crate) fn render(document: &Document, options: &Options) -> String {
    let mut page = Page::new(options);
    verdict::put(&mut page, document);
    let faults: Vec<&Finding> = document.findings.iter().filter(|f| !f.normal).collect();
    findings::put(&mut page, &faults, &document.names);
    benign::put(&mut page, document.findings.iter().filter(|f| f.normal));
    timeline::put(&mut page, document);
    traffic::put(&mut page, &document.traffic, &document.names);
    capture::put(&mut page, &document.capture);
    page.finish()
}

/// A confidence in a word, for those who do not think in ratios.
fn confidence(value: f64) -> &'static str {
    match value {
        0.85.. => "high",
        0.6.. => "moderate",
        _ => "low",
    }
}

/// When a finding shows; nothing where it has no window.
fn window(finding: &Finding) -> Option<String> {
    let window = &finding.window;
    (!window.start.is_empty()).then(|| moment::window(&window.start, &window.end))
}

/// The first few of a list, and how many more there are.
fn shortened(members: &[String]) -> String {
    // One more costs no more room than saying so.
    let shown = if members.len() == NAMED + 1 { NAMED + 1 } else { NAMED };
    let text = members.iter().take(shown).cloned().collect::<Vec<_>>().join(", ");
    match members.len().saturating_sub(shown) {
        0 => text,
        more => format!("{text} and {} more", number::count(more as u64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_are_shortened() {
        let members: Vec<String> = (1..=15).map(|n| format!("10.0.0.{n}")).collect();
        assert_eq!(shortened(&members), "10.0.0.1, 10.0.0.2, 10.0.0.3 and 12 more");
        assert_eq!(shortened(&members[..4]), "10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4");
    }
}
