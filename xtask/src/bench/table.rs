//! The table of the bench, with its goals beside.

use super::{
    figure::Figure,
    run_front::{Place, Rounds, Side},
};
use std::fmt::Write;

/// Pinned, on the fast road, a call takes at most so many times the ping-pong's.
const AT_MOST_PING_PONG: f64 = 1.6;
/// Pinned, umockdev takes at least so many times as long.
const AT_LEAST_UMOCKDEV: f64 = 25.0;
/// Unpinned, a call on the fast road takes at most so many times as long as pinned.
const AT_MOST_UNPINNED: f64 = 2.0;
/// A call that is not ours takes at most so many nanoseconds longer.
const AT_MOST_STRANGE: u64 = 50;
/// A compiler takes at most so many times as long.
const AT_MOST_COMPILER: f64 = 1.05;

/// The kinds of calls that the client measures, and what the table calls them.
const KINDS: [(&str, &str); 6] = [
    ("value", "I2C_SLAVE"),
    ("funcs", "I2C_FUNCS"),
    ("smbus", "SMBus read byte data"),
    ("read", "read of a byte"),
    ("open", "open and close"),
    ("map", "mmap and munmap, uio"),
];
/// Those that the goals are about.
const GOALS: [&str; 4] = ["I2C_SLAVE", "I2C_FUNCS", "SMBus read byte data", "read of a byte"];
/// Calls that have nothing to do with a device.
const STRANGE: [(&str, &str); 5] = [
    ("getppid", "getppid"),
    ("zero", "read of /dev/zero"),
    ("null", "ioctl on /dev/null"),
    ("stat", "stat of a file"),
    ("absent", "open of no file"),
];
/// Those of them that are not looked at: the others go by a name, which only a look can tell from ours.
const UNSEEN: [&str; 3] = ["getppid", "zero", "null"];

/// The roads.
const ROADS: [Side; 3] = [Side::Fuse, Side::Trap, Side::Plain];

/// A figure, or why there is none.
type Cell = Result<Figure, String>;

fn ratio(of: &Cell, to: &Cell) -> Option<f64> {
    Some(of.as_ref().ok()?.median as f64 / to.as_ref().ok()?.median.max(1) as f64)
}

fn measured(rounds: &Rounds, side: Side, place: Place, kind: &str) -> Cell {
    let rounds = rounds.get(&(side, place, kind.to_owned())).ok_or_else(|| "skipped".to_owned())?;
    let figures = rounds.iter().cloned().collect::<Result<Vec<_>, _>>()?;
    Figure::of_rounds(&figures).ok_or_else(|| "skipped".to_owned())
}

/// The whole table as text, with a line for each goal.
pub(crate) fn render(rounds: &Rounds, places: &[Place]) -> String {
    let mut text = format!(
        "{:22} {:10} {:>8} {:>14} {:>14} {:>14} {:>10}\n",
        "call", "place", "pipes", "fuse", "trap", "plain", "umockdev"
    );
    for place in places {
        let floor = measured(rounds, Side::PingPong, *place, "ping-pong");
        for (kind, call) in KINDS {
            let roads = ROADS.map(|road| {
                let figure = measured(rounds, road, *place, kind);
                format!("{:>7} {:>6}", cell(&figure), times(ratio(&figure, &floor)))
            });
            let umockdev = cell(&measured(rounds, Side::Umockdev, *place, kind));
            let (place, floor) = (place_name(*place), cell(&floor));
            writeln!(text, "{call:22} {place:10} {floor:>8} {} {umockdev:>10}", roads.join(" "))
                .expect("a String takes all");
        }
    }
    text + &strange(rounds, places) + &goals(rounds, places)
}

/// What calls take that have nothing to do with a device, alone and under each road, in nanoseconds.
fn strange(rounds: &Rounds, places: &[Place]) -> String {
    let mut text = format!(
        "\n{:22} {:10} {:>8} {:>14} {:>14} {:>14}\n",
        "not ours, ns", "place", "alone", "fuse", "trap", "plain"
    );
    for place in places {
        for (kind, call) in STRANGE {
            let of =
                |side| measured(rounds, side, *place, kind).map_or("-".to_owned(), |figure| figure.median.to_string());
            let [alone, fuse, trap, plain] = [Side::Alone, Side::Fuse, Side::Trap, Side::Plain].map(of);
            let place = place_name(*place);
            writeln!(text, "{call:22} {place:10} {alone:>8} {fuse:>14} {trap:>14} {plain:>14}")
                .expect("a String takes all");
        }
    }
    text
}

fn goals(rounds: &Rounds, places: &[Place]) -> String {
    let of = |side, place, kind: &str| measured(rounds, side, place, kind);
    let pinned = places.iter().find(|place| matches!(place, Place::Core(_)));
    let kinds = || KINDS.iter().filter(|(_, call)| GOALS.contains(call)).map(|(kind, _)| *kind);
    let over = |kind| pinned.and_then(|p| ratio(&of(Side::Trap, *p, kind), &of(Side::PingPong, *p, "ping-pong")));
    let under = |kind| pinned.and_then(|p| ratio(&of(Side::Umockdev, *p, kind), &of(Side::Trap, *p, kind)));
    let free = |kind| pinned.and_then(|p| ratio(&of(Side::Trap, Place::Anywhere, kind), &of(Side::Trap, *p, kind)));
    let dearer = |kind: &&str| {
        let side = |side| pinned.and_then(|p| of(side, *p, kind).ok());
        Some(side(Side::Trap)?.median.saturating_sub(side(Side::Alone)?.median) as f64)
    };
    let unpinned = kinds().filter_map(free).reduce(f64::max);
    let strange = UNSEEN.iter().filter_map(dearer).reduce(f64::max);
    let mut text = String::from("\n");
    for (kind, call) in KINDS.iter().filter(|(_, call)| GOALS.contains(call)) {
        let name = format!("{call}: pinned, on the road trap, at most {AT_MOST_PING_PONG} times the ping-pong");
        text += &goal(&name, over(kind), |got| got <= AT_MOST_PING_PONG);
        let name = format!("{call}: at least {AT_LEAST_UMOCKDEV} times as fast as umockdev");
        text += &goal(&name, under(kind), |got| got >= AT_LEAST_UMOCKDEV);
    }
    text += &goal(&format!("unpinned at most {AT_MOST_UNPINNED} times as long as pinned"), unpinned, |got| {
        got <= AT_MOST_UNPINNED
    });
    text + &goal(&format!("a call that is not ours at most {AT_MOST_STRANGE} ns dearer"), strange, |got| {
        got <= AT_MOST_STRANGE as f64
    })
}

fn goal(goal: &str, got: Option<f64>, is_met: fn(f64) -> bool) -> String {
    match got {
        Some(got) => format!("goal: {goal}: {got:.2}: {}\n", if is_met(got) { "met" } else { "MISSED" }),
        None => format!("goal: {goal}: not measured\n"),
    }
}

/// What a compiler takes alone, in seconds, and under each road.
pub(crate) fn compilations(alone: Option<f64>, roads: &[(Side, Option<f64>)]) -> String {
    let mut text = format!("\ngcc -O2 -g -c of a file of ours: {} alone", seconds(alone));
    for (side, took) in roads {
        let times = took.zip(alone).map(|(took, alone)| took / alone.max(1e-9));
        let ratio = times.map_or("-".to_owned(), |times| format!("{times:.3}x"));
        write!(text, ", {} on {side:?} ({ratio})", seconds(*took)).expect("a String takes all");
    }
    let trap = roads.iter().find(|(side, _)| *side == Side::Trap).and_then(|(_, took)| took.zip(alone));
    let worst = trap.map(|(took, alone)| took / alone.max(1e-9));
    text + "\n"
        + &goal(&format!("at most {AT_MOST_COMPILER} times as long on the road trap"), worst, |got| {
            got <= AT_MOST_COMPILER
        })
}

fn seconds(time: Option<f64>) -> String {
    time.map_or("skipped".to_owned(), |time| format!("{:.1} ms", time * 1000.0))
}

fn place_name(place: Place) -> String {
    match place {
        Place::Core(core) => format!("core {core}"),
        Place::Anywhere => "unpinned".to_owned(),
    }
}

fn cell(cell: &Cell) -> String {
    match cell {
        Ok(figure) => figure.to_string(),
        Err(reason) if reason == "skipped" => reason.clone(),
        Err(reason) => format!("n/a {reason}"),
    }
}

fn times(ratio: Option<f64>) -> String {
    ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.1}x"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACES: [Place; 2] = [Place::Core(1), Place::Anywhere];

    fn rounds(ours: u64, umockdev: Option<u64>) -> Rounds {
        let figure = |median| vec![Ok(Figure { median, p99: 2 * median }); 3];
        let mut rounds = Rounds::new();
        for place in PLACES {
            rounds.insert((Side::PingPong, place, "ping-pong".into()), figure(2000));
            for (kind, _) in KINDS {
                for road in ROADS {
                    rounds.insert((road, place, kind.into()), figure(ours));
                }
                let umockdev = umockdev.map_or(vec![Err("ENOTTY".to_owned())], figure);
                rounds.insert((Side::Umockdev, place, kind.into()), umockdev);
            }
            for (kind, _) in STRANGE {
                rounds.insert((Side::Alone, place, kind.into()), figure(100));
                rounds.insert((Side::Trap, place, kind.into()), figure(120));
            }
        }
        rounds
    }

    #[test]
    fn shows_ratios_and_goals() {
        let text = render(&rounds(3000, Some(100_000)), &PLACES);
        let row: Vec<_> = text.lines().nth(2).unwrap().split_whitespace().collect();
        assert_eq!(row, ["I2C_FUNCS", "core", "1", "2.00", "3.00", "1.5x", "3.00", "1.5x", "3.00", "1.5x", "100.00"]);
        assert_eq!(text.matches(": met").count(), 10, "{text}");
    }

    #[test]
    fn says_when_a_goal_is_missed() {
        let text = render(&rounds(5100, Some(70_000)), &PLACES);
        assert_eq!(text.matches("MISSED").count(), 8, "{text}");
        let text = compilations(Some(0.100), &[(Side::Trap, Some(0.106))]);
        assert!(text.contains("1.060x") && text.contains("MISSED"), "{text}");
    }

    #[test]
    fn what_a_side_cannot_do_is_not_available() {
        let text = render(&rounds(3000, None), &PLACES);
        assert!(text.contains("n/a ENOTTY"), "{text}");
        assert!(text.contains("as fast as umockdev: not measured"), "{text}");
    }
}
