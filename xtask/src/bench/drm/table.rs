//! The table of the bench.

use crate::bench::{
    cell::{measured, middle, ratio, shown},
    serve::said::Rounds,
};
use std::fmt::Write;

/// The side that all others are compared with, and what it measures.
pub(super) const PIPES: &str = "pipes";
const PING_PONG: &str = "ping-pong";
/// The kinds of calls, and what the table calls them.
const CALLS: [(&str, &str); 5] = [
    ("dirty", "DIRTYFB"),
    ("test", "atomic TEST_ONLY"),
    ("flip", "PAGE_FLIP, the call"),
    ("commit", "atomic commit, the call"),
    (CYCLE, "PAGE_FLIP and its event"),
];
const CYCLE: &str = "cycle";
/// A frame drawn into what is shown, and into memory of the client's own.
const FRAMES: [&str; 2] = ["frame", "memory"];

/// How often the bytes of a frame are moved on their way, as the code has it.
pub(super) const COPIES: &str = "
copies of a frame from the mapping of its buffer to the screen: 0; the client, the class and the driver have the same pages
copies of a frame for each picture that somebody looks at: 1, and none for a frame that nobody looks at
";

/// The table of these sides as text, with their ratios to a ping-pong of two processes.
pub(super) fn render(rounds: &Rounds, sides: &[&str]) -> String {
    let mut text = format!("{:32}", "");
    sides.iter().for_each(|side| write!(text, " {side:>16}").expect("a String takes all"));
    let mut row = |name: &str, cell: &dyn Fn(&str) -> String| {
        write!(text, "\n{name:32}").expect("a String takes all");
        sides.iter().for_each(|side| write!(text, " {:>16}", cell(side)).expect("a String takes all"));
    };
    let median =
        |side: &str, kind: &str| middle(measured(rounds, side, kind).ok()?.iter().map(|figure| figure.median as f64));
    row("a byte and one back", &|side| shown(median(side, PING_PONG).map(|ns| ns / 1e3), 1));
    let basis = measured(rounds, PIPES, PING_PONG);
    for (kind, name) in CALLS {
        row(name, &|side| match (median(side, kind), ratio(&measured(rounds, side, kind), &basis)) {
            (Some(ns), Some(times)) => format!("{:.1} {times:>6.2}", ns / 1e3),
            (ns, _) => shown(ns.map(|ns| ns / 1e3), 1),
        });
    }
    row("page flips a second", &|side| shown(median(side, CYCLE).map(|ns| 1e9 / ns), 0));
    let [frame, memory] = FRAMES;
    row("a frame of 1920x1080", &|side| shown(median(side, frame).map(|ns| ns / 1e3), 0));
    row("times one in its own memory", &|side| {
        shown(ratio(&measured(rounds, side, frame), &measured(rounds, side, memory)), 2)
    });
    // Everybody is on that core: who copied a frame would make this 1 or more.
    row("a flip and its event, times that", &|side| {
        shown(ratio(&measured(rounds, side, CYCLE), &measured(rounds, side, memory)), 2)
    });
    text.push('\n');
    text
}

/// Why what is missing is.
pub(super) fn failures(rounds: &Rounds, sides: &[&str]) -> Vec<String> {
    let kind = |side: &str| if side == PIPES { PING_PONG } else { CYCLE };
    let why = |side: &&str| measured(rounds, side, kind(side)).err().map(|why| format!("{side}: {why}"));
    sides.iter().filter_map(why).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::{
        cell::planted::{line, rounds},
        serve::said::FAILED,
    };

    #[test]
    fn a_call_is_beside_the_ping_pong_of_its_round() {
        let all = [rounds(PIPES, PING_PONG, &[1000, 2000, 4000]), rounds("trap", "dirty", &[3000, 4000, 4000])];
        let text = render(&Rounds::from(all), &[PIPES, "trap"]);
        assert_eq!(line(&text, "DIRTYFB"), ["-", "4.0", "2.00"]);
        assert_eq!(line(&text, "a byte and one back"), ["2.0", "-"]);
    }

    #[test]
    fn flips_are_counted_by_their_cycle_and_frames_are_beside_own_memory() {
        let all = [
            rounds("fuse", CYCLE, &[100_000]),
            rounds("fuse", "frame", &[3_000_000]),
            rounds("fuse", "memory", &[2_000_000]),
        ];
        let text = render(&Rounds::from(all), &["fuse"]);
        assert_eq!(line(&text, "page flips a second"), ["10000"]);
        assert_eq!(line(&text, "times one in its own memory"), ["1.50"]);
        assert_eq!(line(&text, "a flip and its event, times that"), ["0.05"]);
        assert_eq!(failures(&Rounds::from([rounds("fuse", CYCLE, &[1])]), &["fuse"]), [""; 0]);
    }

    #[test]
    fn a_side_that_failed_says_why() {
        let failed = (("plain".to_owned(), FAILED.to_owned()), vec![Err("no card".to_owned())]);
        assert_eq!(
            failures(&Rounds::from([failed]), &["plain", "trap"]),
            ["plain: no card", "trap: nothing was measured"]
        );
    }
}
