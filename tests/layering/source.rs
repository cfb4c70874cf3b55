//! Rust source as far as the rules need it: words and marks without comments and literals, and the
//! paths that they make.

use std::collections::BTreeSet;
use std::path::Path;

/// A file in words and marks.
pub(crate) struct Code(Vec<String>);

/// Whether a file holds nothing but tests.
pub(crate) fn is_test_file(path: &Path) -> bool {
    path.iter().any(|name| name == "tests" || name == "tests.rs")
}

/// The module that a file below `src/` is: `src/decode/link.rs` is `decode::link`.
pub(crate) fn module_path(path: &Path) -> Vec<String> {
    let path = path.strip_prefix("src").unwrap_or(path).with_extension("");
    let names = path.iter().map(|name| name.to_string_lossy().into_owned());
    names.filter(|name| !["mod", "lib", "main"].contains(&name.as_str())).collect()
}

impl Code {
    /// All of it in one line without blanks.
    pub(crate) fn line(&self) -> String {
        self.0.concat()
    }

    /// The words and marks of `source`. Literals leave a `""` behind.
    pub(crate) fn of(source: &str) -> Code {
        let chars: Vec<char> = source.chars().collect();
        let mut words = Vec::new();
        let mut at = 0;
        while at < chars.len() {
            let rest = &chars[at..];
            at += match rest {
                ['/', '/', ..] => rest.iter().position(|&c| c == '\n').unwrap_or(rest.len()),
                ['/', '*', ..] => comment(rest),
                ['"', ..]
                | ['r' | 'b' | 'c', '"', ..]
                | ['b' | 'c', 'r', '"' | '#', ..]
                | ['r', '#', '"' | '#', ..] => {
                    words.push("\"\"".to_owned());
                    string(rest)
                }
                ['\'', '\\', ..] => 3 + rest[3..].iter().position(|&c| c == '\'').unwrap_or(0) + 1,
                ['\'', _, '\'', ..] => 3,
                [':', ':', ..] => {
                    words.push("::".to_owned());
                    2
                }
                [c, ..] if c.is_alphanumeric() || *c == '_' => {
                    let end = rest.iter().position(|c| !c.is_alphanumeric() && *c != '_');
                    let end = end.unwrap_or(rest.len());
                    words.push(rest[..end].iter().collect());
                    end
                }
                [c, ..] => {
                    if !c.is_whitespace() {
                        words.push(c.to_string());
                    }
                    1
                }
                [] => 1,
            };
        }
        Code(words)
    }

    /// Without items that are compiled for tests only.
    pub(crate) fn without_tests(self) -> Code {
        const MARK: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
        let words = self.0;
        let mut kept = Vec::new();
        let mut at = 0;
        while at < words.len() {
            if words[at..].iter().take(MARK.len()).eq(MARK.iter()) {
                at += item_length(&words[at..]);
            } else {
                kept.push(words[at].clone());
                at += 1;
            }
        }
        Code(kept)
    }

    /// Whether a word occurs.
    pub(crate) fn holds(&self, word: &str) -> bool {
        self.0.iter().any(|w| w == word)
    }

    /// Macros that print.
    pub(crate) fn printing(&self) -> Vec<String> {
        const PRINT: [&str; 5] = ["println", "eprintln", "print", "eprint", "dbg"];
        let calls = self.0.windows(2).filter(|w| w[1] == "!" && PRINT.contains(&w[0].as_str()));
        calls.map(|w| format!("{}!", w[0])).collect()
    }

    /// All paths of two names or more, those of `use` trees in full. `super` and `self` are resolved
    /// against `module`, so that every path into the crate begins with `crate`.
    pub(crate) fn paths(&self, module: &[String]) -> BTreeSet<Vec<String>> {
        let mut found = Vec::new();
        let mut at = 0;
        while at < self.0.len() {
            let starts = is_name(&self.0[at]) && (at == 0 || self.0[at - 1] != "::");
            if self.0[at] == "use" {
                at = self.tree(at + 1, &[], &mut found);
            } else if starts {
                at = self.tree(at, &[], &mut found);
            } else {
                at += 1;
            }
        }
        found.into_iter().map(|path| resolved(path, module)).filter(|p| p.len() > 1).collect()
    }

    /// Reads a path, with braces where it is a tree, and says where it ends.
    fn tree(&self, mut at: usize, before: &[String], found: &mut Vec<Vec<String>>) -> usize {
        let word = |at: usize| self.0.get(at).map_or("", String::as_str);
        let mut path = before.to_vec();
        loop {
            if word(at) == "{" {
                at += 1;
                while !matches!(word(at), "}" | "") {
                    at = if word(at) == "," { at + 1 } else { self.tree(at, &path, found) };
                }
                return at + 1;
            }
            // A glob stands for the path before it. `use<'a>` in a signature is no path at all.
            if is_name(word(at)) {
                path.push(word(at).to_owned());
            }
            at += 1;
            let goes_on = matches!(word(at + 1), "{" | "*") || is_name(word(at + 1));
            if word(at) != "::" || !goes_on {
                break;
            }
            at += 1;
        }
        if word(at) == "as" && !before.is_empty() {
            at += 2;
        }
        if !path.is_empty() {
            found.push(path);
        }
        at
    }
}

fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

fn resolved(path: Vec<String>, module: &[String]) -> Vec<String> {
    let ups = path.iter().take_while(|name| *name == "super").count();
    let own = path[0] == "self" && path.len() > 1;
    if ups == 0 && !own {
        return path;
    }
    let kept = module.len().saturating_sub(ups);
    let base = module[..kept].iter().cloned();
    let rest = path.into_iter().skip(ups.max(usize::from(own)));
    std::iter::once("crate".to_owned()).chain(base).chain(rest).collect()
}

/// How many words an item takes: up to its `;`, or to the brace that closes it.
fn item_length(words: &[String]) -> usize {
    let mut depth = 0;
    for (at, word) in words.iter().enumerate() {
        match word.as_str() {
            "{" => depth += 1,
            "}" if depth == 1 => return at + 1,
            "}" => depth -= 1,
            ";" if depth == 0 => return at + 1,
            _ => {}
        }
    }
    words.len()
}

fn comment(rest: &[char]) -> usize {
    let (mut at, mut depth) = (2, 1);
    while depth > 0 && at < rest.len() {
        let step = match &rest[at..] {
            ['/', '*', ..] => {
                depth += 1;
                2
            }
            ['*', '/', ..] => {
                depth -= 1;
                2
            }
            _ => 1,
        };
        at += step;
    }
    at
}

/// The length of a string literal, prefix and hashes included.
fn string(rest: &[char]) -> usize {
    let raw = rest.iter().take_while(|&&c| c != '"').any(|&c| c == 'r');
    let hashes = rest.iter().take_while(|&&c| c != '"').filter(|&&c| c == '#').count();
    let mut at = rest.iter().position(|&c| c == '"').map_or(rest.len(), |quote| quote + 1);
    while at < rest.len() {
        match rest[at] {
            '\\' if !raw => at += 1,
            '"' if rest[at + 1..].iter().take_while(|&&c| c == '#').count() >= hashes => {
                return at + 1 + hashes;
            }
            _ => {}
        }
        at += 1;
    }
    rest.len()
}
