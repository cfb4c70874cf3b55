//! The live view in a real terminal: tmux, with real traffic in network namespaces. Needs root; without it,
//! and where namespaces or tmux are missing, a test says so and passes.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::net::{FAR, Net};
use crate::snapshot;
use crate::traffic::{Client, serve};

/// Numbers of terminals.
static TERMINALS: AtomicU32 = AtomicU32::new(0);

/// Tenths of a second until a screen has to show what it should: long enough for the most loaded machine.
const PATIENCE: u32 = 900;

/// A terminal with a shell.
struct Tmux {
    socket: String,
    folder: PathBuf,
}

impl Tmux {
    fn new((width, height): (u16, u16)) -> Result<Tmux, String> {
        let number = TERMINALS.fetch_add(1, Ordering::Relaxed);
        let socket = format!("dnspect-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(&socket);
        fs::create_dir_all(&folder).unwrap();
        let tmux = Tmux { socket, folder };
        let (width, height) = (width.to_string(), height.to_string());
        let folder = tmux.folder.to_str().unwrap().to_owned();
        let session = ["new-session", "-d", "-x", &width, "-y", &height, "-c", &folder, "sh"];
        let output = tmux.tmux(&session).map_err(|error| format!("tmux cannot be run: {error}"))?;
        if !output.status.success() {
            return Err(format!("tmux: {}", String::from_utf8_lossy(&output.stderr)));
        }
        // A second client's size must not change it.
        let _ = tmux.tmux(&["set-option", "-g", "status", "off"]);
        let _ = tmux.tmux(&["resize-window", "-x", &width, "-y", &height]);
        tmux.enter("PS1='$ '; clear");
        Ok(tmux)
    }

    fn tmux(&self, arguments: &[&str]) -> std::io::Result<Output> {
        Command::new("tmux")
            .args(["-L", &self.socket, "-f", "/dev/null", "-u"])
            .args(arguments)
            .env("LC_ALL", "C.UTF-8")
            .env_remove("TMUX")
            .env_remove("NO_COLOR")
            .output()
    }

    fn key(&self, key: &str) {
        assert!(self.tmux(&["send-keys", key]).unwrap().status.success());
    }

    /// Types a line into the shell.
    fn enter(&self, line: &str) {
        self.tmux(&["send-keys", "-l", line]).unwrap();
        self.key("Enter");
    }

    fn screen(&self) -> String {
        let output = self.tmux(&["capture-pane", "-p"]).unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    /// Waits until the screen is as it should be.
    #[track_caller]
    fn until(&self, what: &str, is: impl Fn(&str) -> bool) -> String {
        let mut screen = String::new();
        for _ in 0..PATIENCE {
            screen = self.screen();
            if is(&screen) {
                return screen;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("the screen never showed {what}:\n{screen}");
    }

    #[track_caller]
    fn shows(&self, what: &str) -> String {
        self.until(what, |screen| screen.contains(what))
    }

    /// Whether the alternate screen is on, and the cursor.
    fn modes(&self) -> String {
        let output = self.tmux(&["display-message", "-p", "#{alternate_on} #{cursor_flag}"]);
        String::from_utf8(output.unwrap().stdout).unwrap().trim().to_owned()
    }

    /// Starts a live capture in a namespace; before it, how the terminal is goes to a file.
    fn live(&self, net: &Net, options: &str) {
        let dnspect = env!("CARGO_BIN_EXE_dnspect");
        let namespace = &net.node;
        self.enter("stty -g > before");
        self.enter(&format!(
            "clear; ip netns exec {namespace} {dnspect} live -i va {options} --query-timeout 2s \
             --interval 500ms; echo ended with $?; stty -g > after"
        ));
        self.shows("dnspect live  va");
        assert_eq!(self.modes(), "1 0");
    }

    /// The capture has ended: the terminal is as it was. Gives all that was printed.
    #[track_caller]
    fn has_ended(&self) -> String {
        let screen = self.shows("ended with");
        assert_eq!(self.modes(), "0 1", "{screen}");
        self.until("how the terminal is", |_| {
            self.folder.join("after").metadata().is_ok_and(|file| file.len() > 10)
        });
        let [before, after] =
            ["before", "after"].map(|name| fs::read_to_string(self.folder.join(name)).unwrap());
        assert_eq!(before, after);
        let output = self.tmux(&["capture-pane", "-p", "-S", "-"]).unwrap();
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        let _ = self.tmux(&["kill-server"]);
        let _ = fs::remove_dir_all(&self.folder);
    }
}

macro_rules! or_skip {
    ($made:expr) => {
        match $made {
            Ok(made) => made,
            Err(why) => {
                eprintln!("skipped: {why}");
                return;
            }
        }
    };
}

/// Questions of which some fail and some are lost.
fn ask(net: &Net) {
    serve(&net.far, FAR);
    let mut client = Client::new(&net.node, FAR);
    for round in 0..3 {
        for name in ["web", "db", "fail", "none"] {
            client.ask(&format!("{name}.r{round}.test"));
        }
    }
    (0..12).for_each(|number| client.ask(&format!("fail.s{number}.test")));
    (0..2).for_each(|number| client.ask(&format!("lost.n{number}.test")));
    std::thread::sleep(Duration::from_millis(2_500));
    client.ask("end.test");
}

/// Without what differs from run to run: figures, charts, and how far all that moves what stands behind.
fn masked(screen: &str) -> String {
    let mut out = String::new();
    for line in screen.lines() {
        let mut last = ' ';
        for c in line.chars() {
            let c = match c {
                '0'..='9' => '0',
                '▁'..='█' => '▁',
                c => c,
            };
            // Fractions, thousands and units go with their figures.
            let again = c == last && matches!(c, '0' | ' ' | '▁' | '─' | '░');
            if !again {
                out.push(c);
            }
            last = c;
        }
        out.truncate(out.trim_end().len());
        out.push('\n');
    }
    for (from, to) in [
        ("0.0", "0"),
        ("0,0", "0"),
        ("0 min ", ""),
        ("µs", "s"),
        ("ms", "s"),
        (" ▁", " "),
        ("▁", ""),
    ] {
        out = out.replace(from, to);
    }
    while out.contains("  ") {
        out = out.replace("  ", " ");
    }
    out.trim_end().to_owned() + "\n"
}

#[test]
fn a_view_in_two_sizes_with_all_keys() {
    for size in [(80, 24), (200, 50)] {
        let net = or_skip!(Net::new());
        let tmux = or_skip!(Tmux::new(size));
        tmux.live(&net, "");
        ask(&net);
        tmux.until("all failures", |screen| {
            screen.contains("lost 2 (")
                && screen.contains("asked 27")
                && screen.contains("lost.n1.test A")
        });
        let name = format!("tmux-{}x{}.txt", size.0, size.1);
        snapshot::check(&name, &masked(&tmux.screen()));
        tmux.key("s");
        tmux.shows("s sort: losses");
        tmux.key("/");
        tmux.tmux(&["send-keys", "-l", "web"]).unwrap();
        tmux.shows("/web_");
        tmux.key("Enter");
        let screen = tmux.shows("/ filter: web");
        assert!(screen.contains("web.r0.test") && !screen.contains("db.r0.test"), "{screen}");
        tmux.key("Escape");
        tmux.until("all names", |screen| !screen.contains("filter: web"));
        tmux.key("s");
        tmux.shows("s sort: latency");
        tmux.key("s");
        tmux.shows("db.r0.test");
        tmux.key("?");
        tmux.shows("dnspect live: keys");
        tmux.key("Space");
        tmux.shows("q end");
        tmux.key("Tab");
        tmux.key("e");
        tmux.shows("What happens");
        tmux.key("Down");
        tmux.key("Escape");
        tmux.shows("q end");
        tmux.key("p");
        tmux.shows("PAUSED");
        tmux.key("p");
        tmux.until("that it goes on", |screen| !screen.contains("PAUSED"));
        // The folder is root's, and dnspect runs as nobody by now.
        tmux.key("x");
        tmux.shows("Not written");
        tmux.key(if size.0 == 80 { "q" } else { "C-c" });
        let printed = tmux.has_ended();
        assert!(printed.contains("Root cause") && printed.contains("SERVFAIL"), "{printed}");
    }
}

#[test]
fn an_export_is_the_report_so_far() {
    for (rights, mode) in [("", 0o777), ("--no-sandbox", 0o755)] {
        let net = or_skip!(Net::new());
        let tmux = or_skip!(Tmux::new((100, 30)));
        fs::set_permissions(&tmux.folder, fs::Permissions::from_mode(mode)).unwrap();
        tmux.live(&net, rights);
        ask(&net);
        tmux.until("all questions", |screen| screen.contains("asked 27"));
        tmux.key("x");
        let screen = tmux.shows("Written: dnspect-");
        let name = screen.split("Written: ").nth(1).unwrap().split(".json").next().unwrap();
        let json = fs::read(tmux.folder.join(format!("{name}.json"))).unwrap();
        let report: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(report["traffic"]["transactions"], 27);
        assert!(tmux.folder.join(format!("{name}.txt")).exists());
        tmux.key("q");
        tmux.has_ended();
    }
}

#[test]
fn another_size_and_a_signal() {
    let net = or_skip!(Net::new());
    let tmux = or_skip!(Tmux::new((120, 40)));
    tmux.live(&net, "--color never");
    tmux.tmux(&["resize-window", "-x", "60", "-y", "16"]).unwrap();
    tmux.until("the keys in the last row", |screen| {
        screen.trim_end().lines().count() == 16
            && screen.trim_end().lines().last().unwrap().starts_with("q end")
    });
    let inside = Command::new("ip").args(["netns", "pids", &net.node]).output().unwrap();
    let process = String::from_utf8(inside.stdout).unwrap().trim().to_owned();
    assert!(Command::new("kill").args(["-TERM", &process]).status().unwrap().success());
    tmux.has_ended();
}

/// A terminal that goes away ends the run, of one who ignores SIGHUP too: nobody is left to end it.
#[test]
fn without_its_terminal_it_ends() {
    let net = or_skip!(Net::new());
    let tmux = or_skip!(Tmux::new((80, 24)));
    tmux.enter("trap '' HUP");
    tmux.live(&net, "");
    tmux.tmux(&["kill-server"]).unwrap();
    for _ in 0..PATIENCE {
        let inside = Command::new("ip").args(["netns", "pids", &net.node]).output().unwrap();
        if inside.stdout.is_empty() {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("it goes on without a terminal");
}
