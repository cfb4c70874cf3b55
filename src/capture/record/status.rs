//! What became of the packets that were to be kept.

use std::io;

/// The figures of a recording, and what went wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Files begun, those of findings included.
    pub files: u64,
    /// Packets written to the files of `-w`.
    pub written: u64,
    /// Packets that a file lacks because it could not be written.
    pub unwritten: u64,
    /// Packets that the files lack because the disk was too slow for them.
    pub queue_overflowed: u64,
    /// Files of findings.
    pub incidents: Vec<String>,
    /// Causes found that got no file, because there were enough.
    pub without_file: u64,
    /// The files that were asked for are full: the capture is to end.
    pub over: bool,
    /// The first thing that went wrong: the file and why.
    pub first_trouble: Option<(String, String)>,
    /// How often something went wrong.
    pub troubles: u64,
}

impl Status {
    pub(super) fn trouble(&mut self, file: &str, error: &io::Error) {
        self.troubles += 1;
        if self.first_trouble.is_none() {
            self.first_trouble = Some((file.to_owned(), error.to_string()));
        }
    }

    /// What there is to say at the end: caveats of the files, not of the analysis.
    pub fn caveats(&self) -> Vec<String> {
        let mut said = Vec::new();
        if let Some((file, why)) = &self.first_trouble {
            let more = match self.troubles {
                1 => String::new(),
                times => format!(", and {} more times something of that kind", times - 1),
            };
            said.push(format!("{file} could not be written: {why}{more}"));
        }
        if self.unwritten > 0 {
            said.push(format!(
                "files written by this run lack {} packets that could not be written: they were analysed",
                self.unwritten
            ));
        }
        if self.queue_overflowed > 0 {
            said.push(format!(
                "files written by this run lack {} packets, because the disk was too slow: they were \
                 analysed",
                self.queue_overflowed
            ));
        }
        if self.without_file > 0 {
            said.push(format!(
                "{} findings got no file of their own: there are {} already",
                self.without_file,
                self.incidents.len()
            ));
        }
        said
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_said_of_what_went_well() {
        assert!(Status { files: 3, written: 9, ..Status::default() }.caveats().is_empty());
    }

    #[test]
    fn the_first_trouble_is_named_and_the_others_are_counted() {
        let mut status = Status { unwritten: 7, queue_overflowed: 8, ..Status::default() };
        status.trouble("a.pcapng", &io::Error::other("No space left on device"));
        status.trouble("b.pcapng", &io::Error::other("it burns"));
        let said = status.caveats().join("\n");
        assert!(said.starts_with("a.pcapng could not be written: No space left on device, and 1"));
        assert!(
            said.contains("lack 7 packets that could not")
                && said.contains("lack 8 packets, because")
        );
    }
}
