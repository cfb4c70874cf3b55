//! What `dnspect explain` prints: one cause in full, or all of them in a line each.

use super::Options;
use super::layout::{Page, Tone};
use crate::verdict::Cause;

/// A cause: what it means, how it looks, what it is mistaken for, and what to do.
pub fn page(cause: &Cause, options: &Options) -> String {
    let mut page = Page::new(options);
    page.prose(0, (&format!("{}: ", cause.code), Tone::Strong), 2, cause.title);
    let kind = if cause.normal { ", no fault" } else { "" };
    page.labelled(2, "Category  ", Tone::Plain, &format!("{}{kind}", cause.category));
    section(&mut page, "What happens", cause.meaning);
    section(&mut page, "How it looks in packets", cause.signature);
    if !cause.look_alikes.is_empty() {
        page.heading(0, "What looks like it");
        for (name, difference) in cause.look_alikes {
            page.item(2, &format!("{name}: {difference}"));
        }
    }
    section(&mut page, "Where to capture", cause.vantage);
    section(&mut page, "Do now", cause.immediate);
    section(&mut page, "Then", cause.long_term);
    if !cause.confirm.is_empty() {
        page.heading(0, "Confirm with");
        for command in cause.confirm {
            page.line(2, Tone::Code, command);
        }
    }
    page.finish()
}

/// All causes by category, in the order of the registry.
pub fn list(causes: &[&Cause], options: &Options) -> String {
    let mut page = Page::new(options);
    let width = causes.iter().map(|cause| cause.code.len()).max().unwrap_or(0) + 2;
    let mut categories: Vec<&str> = Vec::new();
    for cause in causes {
        if !categories.contains(&cause.category) {
            categories.push(cause.category);
        }
    }
    for category in categories {
        page.heading(0, category);
        for cause in causes.iter().filter(|cause| cause.category == category) {
            page.prose(
                2,
                (&format!("{:width$}", cause.code), Tone::Plain),
                // Under the text where there is room for it, else just indented.
                if page.width() >= width + 40 { width + 2 } else { 6 },
                cause.title,
            );
        }
    }
    page.blank();
    page.labelled(0, "Each in full: ", Tone::Code, "dnspect explain CAUSE");
    page.finish()
}

/// A section of our own prose, whose paragraphs are parted by empty lines.
fn section(page: &mut Page, title: &str, text: &str) {
    if text.trim().is_empty() {
        return;
    }
    page.heading(0, title);
    for (i, paragraph) in text.split("\n\n").enumerate() {
        if i > 0 {
            page.blank();
        }
        page.paragraph(2, paragraph);
    }
}
