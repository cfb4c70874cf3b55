//! Commands that a reader copies into a shell.
//!
//! What is not known stands there as a word in capitals, as kubectl's own help has it
//! (`kubectl exec POD`). Angle brackets would be redirections: `kubectl exec <pod> -- cat` reads a file
//! `pod` and empties a file `--`. A word in capitals is an argument that the command refuses by name.

/// What may be left to fill in.
pub const HOLES: [&str; 7] =
    ["CLIENT", "SERVER", "NAME", "NAMESPACE", "POD", "FILE", "INSTANCE_ID"];

/// Puts `value` wherever `hole` stands as a whole word. The value is an address, or a name that was found
/// to be plain: nothing that a shell would read otherwise.
pub fn fill(commands: &mut [String], hole: &str, value: &str) {
    for command in commands {
        if command.contains(hole) {
            *command = filled(command, hole, value);
        }
    }
}

fn filled(command: &str, hole: &str, value: &str) -> String {
    let inside = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut out = String::with_capacity(command.len() + value.len());
    let mut rest = command;
    while let Some(at) = rest.find(hole) {
        let (before, found) = rest.split_at(at);
        let after = &found[hole.len()..];
        let whole = !before.ends_with(inside) && !after.starts_with(inside);
        out.push_str(before);
        out.push_str(if whole { value } else { hole });
        rest = after;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(command: &str, hole: &str, value: &str) -> String {
        let mut commands = [command.to_owned()];
        fill(&mut commands, hole, value);
        let [command] = commands;
        command
    }

    #[test]
    fn holes_are_filled_wherever_they_stand() {
        assert_eq!(after("dig @SERVER NAME", "SERVER", "fd00::a"), "dig @fd00::a NAME");
        assert_eq!(
            after("get --x=status.podIP=CLIENT", "CLIENT", "10.0.0.7"),
            "get --x=status.podIP=10.0.0.7"
        );
        assert_eq!(after("NAME NAME", "NAME", "a.b"), "a.b a.b");
    }

    #[test]
    fn parts_of_words_are_no_holes() {
        for command in ["exec -n NAMESPACE POD", "RENAME", "NAME_OF", "HOSTNAME=1", "names"] {
            assert_eq!(after(command, "NAME", "x"), command);
        }
        assert_eq!(after("NAMESPACE NAME", "NAME", "x"), "NAMESPACE x");
    }
}
