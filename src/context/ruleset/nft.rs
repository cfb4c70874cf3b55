//! `nft list ruleset`: tables, chains, and one rule a line.

use std::iter::Peekable;

use super::rule::{Action, Family, Match, OneOf, Protocol, Range, Rule, network, ports};
use super::save::states_of;
use super::{Point, Ruleset};
use crate::context::{Malformed, Text, quoted};

/// A table, from its first line to the brace that closes it.
pub(super) fn table<'a>(
    rules: &mut Ruleset,
    text: Text<'a>,
    first: (u64, &'a str),
    lines: &mut Peekable<impl Iterator<Item = (u64, &'a str)>>,
) -> Result<(), Malformed> {
    let head: Vec<&str> = first.1.trim_start_matches("add ").split_whitespace().collect();
    let (family, name) = match head.as_slice() {
        [_, family, name, "{", ..] => (*family, *name),
        [_, name, "{", ..] => ("ip", *name),
        _ => {
            let what = format!("expected `table FAMILY NAME {{`, found {}", quoted(first.1));
            return Err(text.malformed(first.0, what));
        }
    };
    let sees = match family {
        "ip" => Family::V4,
        "ip6" => Family::V6,
        _ => Family::Any,
    };
    let table = format!("{family} {name}");
    let mut depth = balance(first.1);
    // The chain that is open, by its place.
    let mut open: Option<usize> = None;
    while depth > 0 {
        let Some((number, line)) = lines.next() else {
            return Err(text.malformed(first.0, "this table is not closed: the output is cut"));
        };
        // Long lists go over several lines.
        let mut whole = line.to_owned();
        let mut change = balance(line);
        let opens = depth == 1;
        while !opens && open.is_some() && change > 0 {
            let Some((_, more)) = lines.next() else {
                return Err(text.malformed(number, "this rule is not closed: the output is cut"));
            };
            whole.push(' ');
            whole.push_str(more);
            change += balance(more);
        }
        if opens {
            let words: Vec<&str> = line.split_whitespace().collect();
            if let ["chain", name, ..] = words.as_slice() {
                open = (change > 0).then(|| rules.chain(&table, sees, name));
            }
        } else if let Some(place) = open {
            in_chain(rules, place, number, &whole, family);
        }
        depth += change;
        if depth <= 1 {
            open = None;
        }
    }
    Ok(())
}

/// Braces that a line opens, less those that it closes; what is in quotes does not count.
fn balance(line: &str) -> i64 {
    let (mut sum, mut open) = (0, false);
    for c in line.chars() {
        match c {
            '"' => open = !open,
            '{' if !open => sum += 1,
            '}' if !open => sum -= 1,
            _ => {}
        }
    }
    sum
}

/// A line in a chain: its hook, or a rule.
fn in_chain(rules: &mut Ruleset, place: usize, number: u64, line: &str, family: &str) {
    if line.starts_with("type ") {
        let words: Vec<&str> = line.split([' ', ';']).collect();
        let after = |word: &str| {
            let at = words.iter().position(|one| *one == word)?;
            words.get(at + 1).copied()
        };
        let chain = &mut rules.chains[place];
        // What bridges and devices see is not on the way of a packet that is routed.
        let routed = matches!(family, "ip" | "ip6" | "inet");
        chain.point = match after("hook") {
            Some("prerouting") if routed => Some(Point::Prerouting),
            Some("input") if routed => Some(Point::Input),
            Some("forward") if routed => Some(Point::Forward),
            Some("output") if routed => Some(Point::Output),
            Some("postrouting") if routed => Some(Point::Postrouting),
            _ => None,
        };
        chain.drops = (after("policy") == Some("drop")).then_some(number);
        return;
    }
    if line.is_empty() || line == "}" || line.starts_with('#') || line.starts_with("comment ") {
        return;
    }
    let mut rule = Rule { line: number, text: line.to_owned(), ..Rule::default() };
    let words = words(line);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    statements(&mut rule, &words);
    rules.chains[place].rules.push(rule);
}

/// Words; what is in quotes is one, and a list in braces is one.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut open, mut depth) = (Vec::new(), String::new(), false, 0);
    for c in line.chars() {
        match c {
            '"' => open = !open,
            '{' if !open => depth += 1,
            '}' if !open => depth -= 1,
            _ => {}
        }
        if c.is_whitespace() && !open && depth <= 0 {
            if !word.is_empty() {
                words.push(std::mem::take(&mut word));
            }
        } else {
            word.push(c);
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// What a rule matches and does.
fn statements(rule: &mut Rule, words: &[&str]) {
    let mut at = 0;
    while at < words.len() {
        at += match &words[at..] {
            ["counter", "packets", packets, "bytes", _, ..] => {
                rule.packets = packets.parse().ok();
                5
            }
            ["counter", ..] => 1,
            ["comment", _, ..] => 2,
            ["log", ..] => 1 + log(&words[at + 1..]),
            // Several fields at once: compared with sets whose elements are not looked at.
            [_, _, ".", ..] => {
                rule.unclear = true;
                1
            }
            ["ip" | "ip6", "saddr", rest @ ..] => set(&mut rule.source, rest, network) + 2,
            ["ip" | "ip6", "daddr", rest @ ..] => set(&mut rule.destination, rest, network) + 2,
            ["meta", "l4proto", rest @ ..]
            | ["ip", "protocol", rest @ ..]
            | ["ip6", "nexthdr", rest @ ..] => set(&mut rule.protocols, rest, protocol) + 2,
            [proto @ ("udp" | "tcp" | "th"), side @ ("dport" | "sport"), rest @ ..] => {
                if let (Some(known), None) = (Protocol::of(proto), &rule.protocols)
                    && *proto != "th"
                {
                    let values = vec![(known, known)];
                    rule.protocols = Some(OneOf { not: false, values, unclear: false });
                }
                let list = if *side == "dport" { &mut rule.ports } else { &mut rule.source_ports };
                set(list, rest, ports) + 2
            }
            [side @ ("iif" | "iifname" | "oif" | "oifname"), rest @ ..] => {
                let (not, value, taken) = operand(rest);
                rule.on(side.starts_with('o'), not, value.trim_matches('"'));
                taken + 1
            }
            ["ct", "state", rest @ ..] if !matches!(rest.first(), Some(&"vmap")) => {
                let (not, value, taken) = operand(rest);
                let value = value.trim_matches(['{', '}', ' ']).replace(' ', "");
                rule.states = Some(states_of(not, &value));
                taken + 2
            }
            ["ct", "direction", rest @ ..] => {
                let (not, value, taken) = operand(rest);
                let later = Match::of((value == "reply") != not);
                rule.states = Some((later.not(), later));
                taken + 2
            }
            ["limit" | "numgen" | "random", ..] => {
                rule.partial = true;
                1
            }
            ["xt", ..] => {
                rule.partial = true;
                3
            }
            ["meta", "mark" | "nftrace" | "priority", "set", ..] | ["ct", "mark", "set", ..] => {
                // Sets, and matches nothing: the value follows, with `or` and `and`.
                let value = words[at + 3..].iter();
                3 + value.take_while(|word| !is_verdict(word) && **word != "counter").count()
            }
            ["accept", ..] => act(rule, Action::Accept),
            ["drop", ..] => act(rule, Action::Drop),
            ["return", ..] => act(rule, Action::Return),
            ["continue", ..] => 1,
            ["reject", ..] => {
                act(rule, Action::Reject);
                words.len() - at
            }
            ["jump", chain, ..] => act(rule, Action::Jump((*chain).to_owned(), true)) + 1,
            ["goto", chain, ..] => act(rule, Action::Jump((*chain).to_owned(), false)) + 1,
            ["dnat", rest @ ..] => {
                let found = rest.iter().flat_map(|word| word.split([' ', ',', '{', '}']));
                let found = found.filter_map(|word| {
                    let host = word.rsplit_once(':').map_or(word, |(host, _)| host);
                    word.parse().or_else(|_| host.trim_matches(['[', ']']).parse()).ok()
                });
                act(rule, Action::Dnat(found.collect()));
                words.len() - at
            }
            ["masquerade" | "snat" | "redirect", ..] => {
                act(rule, Action::Accept);
                words.len() - at
            }
            _ => {
                rule.unclear = true;
                1
            }
        };
    }
}

fn act(rule: &mut Rule, action: Action) -> usize {
    rule.action = action;
    1
}

fn is_verdict(word: &str) -> bool {
    matches!(word, "accept" | "drop" | "return" | "continue" | "reject" | "jump" | "goto")
}

/// The words of a `log` statement.
fn log(words: &[&str]) -> usize {
    let mut taken = 0;
    while let ["prefix" | "level" | "group" | "snaplen" | "queue-threshold" | "flags", _, ..] =
        &words[taken..]
    {
        taken += 2;
    }
    taken
}

/// `10.0.0.1`, `!= 53`, `{ tcp, udp }`: whether it is negated, the value, and the words it took.
fn operand<'a>(words: &[&'a str]) -> (bool, &'a str, usize) {
    match words {
        ["!=", value, ..] => (true, value, 2),
        ["==", value, ..] => (false, value, 2),
        [value, ..] => (false, value, 1),
        [] => (false, "", 0),
    }
}

fn set<T>(
    condition: &mut Option<OneOf<Range<T>>>,
    words: &[&str],
    parse: fn(&str) -> Option<Range<T>>,
) -> usize {
    let (not, value, taken) = operand(words);
    let list = value.trim_matches(['{', '}', ' ']);
    // A named set, a map, arithmetic: what is in it is not looked up.
    let parsed: Vec<Option<Range<T>>> = list.split(',').map(|one| parse(one.trim())).collect();
    let unclear = parsed.iter().any(Option::is_none);
    *condition = Some(OneOf { not, values: parsed.into_iter().flatten().collect(), unclear });
    taken
}

fn protocol(text: &str) -> Option<Range<Protocol>> {
    Protocol::of(text).map(|protocol| (protocol, protocol))
}
