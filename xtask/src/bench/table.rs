//! The table of the bench, with its goals beside.

use super::{
    figure::Figure,
    run_front::{Place, Rounds, Side},
};
use std::fmt::Write;

/// Pinned, a call takes at most so many times the ping-pong's.
const AT_MOST_PING_PONG: f64 = 2.5;
/// Pinned, umockdev takes at least so many times as long.
const AT_LEAST_UMOCKDEV: f64 = 15.0;

/// The kinds of calls that the client measures, and what the table calls them.
const KINDS: [(&str, &str); 3] =
    [("funcs", "I2C_FUNCS"), ("smbus", "SMBus read byte data"), ("read", "read of a byte")];

/// One call at one place.
struct Row {
    call: &'static str,
    place: Place,
    outlive: Cell,
    ping_pong: Cell,
    umockdev: Cell,
}

/// A figure, or why there is none.
type Cell = Result<Figure, String>;

impl Row {
    /// Times the ping-pong.
    fn over_ping_pong(&self) -> Option<f64> {
        ratio(&self.outlive, &self.ping_pong)
    }

    /// Times as fast as umockdev.
    fn under_umockdev(&self) -> Option<f64> {
        ratio(&self.umockdev, &self.outlive)
    }
}

fn ratio(of: &Cell, to: &Cell) -> Option<f64> {
    Some(of.as_ref().ok()?.median as f64 / to.as_ref().ok()?.median.max(1) as f64)
}

/// The whole table as text, with a line for each goal.
pub(crate) fn render(rounds: &Rounds, places: &[Place]) -> String {
    let rows: Vec<Row> =
        places.iter().flat_map(|&place| KINDS.map(|(kind, call)| row(rounds, place, kind, call))).collect();
    let mut text = format!(
        "{:22} {:10} {:>12} {:>8} {:>10} {:>9} {:>10} {:>9}\n",
        "call", "place", "outlive run", "p99", "ping-pong", "x as long", "umockdev", "x as fast"
    );
    for row in &rows {
        let p99 = row.outlive.as_ref().map_or("n/a".to_owned(), |figure| format!("{:.2}", figure.p99 as f64 / 1000.0));
        writeln!(
            text,
            "{:22} {:10} {:>12} {:>8} {:>10} {:>9} {:>10} {:>9}",
            row.call,
            place_name(row.place),
            cell(&row.outlive),
            p99,
            cell(&row.ping_pong),
            times(row.over_ping_pong()),
            cell(&row.umockdev),
            times(row.under_umockdev())
        )
        .expect("a String takes all");
    }
    text + &goals(&rows)
}

fn row(rounds: &Rounds, place: Place, kind: &str, call: &'static str) -> Row {
    let cell = |side, kind: &str| {
        let rounds = rounds.get(&(side, place, kind.to_owned())).ok_or_else(|| "skipped".to_owned())?;
        let figures = rounds.iter().cloned().collect::<Result<Vec<_>, _>>()?;
        Figure::of_rounds(&figures).ok_or_else(|| "skipped".to_owned())
    };
    Row {
        call,
        place,
        outlive: cell(Side::Outlive, kind),
        ping_pong: cell(Side::PingPong, "ping-pong"),
        umockdev: cell(Side::Umockdev, kind),
    }
}

fn goals(rows: &[Row]) -> String {
    let pinned = || rows.iter().filter(|row| matches!(row.place, Place::Core(_)));
    let slowest = pinned().filter_map(Row::over_ping_pong).reduce(f64::max);
    let least = pinned().filter_map(Row::under_umockdev).reduce(f64::min);
    let line = |goal: String, got: Option<f64>, is_met: fn(f64) -> bool| match got {
        Some(got) => format!("goal, pinned: {goal}: {got:.1}: {}\n", if is_met(got) { "met" } else { "MISSED" }),
        None => format!("goal, pinned: {goal}: not measured\n"),
    };
    let mut text = String::from("\n");
    text += &line(format!("at most {AT_MOST_PING_PONG} times the ping-pong"), slowest, |got| got <= AT_MOST_PING_PONG);
    text +=
        &line(format!("at least {AT_LEAST_UMOCKDEV} times as fast as umockdev"), least, |got| got >= AT_LEAST_UMOCKDEV);
    text
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

    fn rounds(outlive: u64, umockdev: Option<u64>) -> Rounds {
        let figure = |median| vec![Ok(Figure { median, p99: 2 * median }); 3];
        let mut rounds = Rounds::new();
        for place in PLACES {
            rounds.insert((Side::PingPong, place, "ping-pong".into()), figure(2000));
            for (kind, _) in KINDS {
                rounds.insert((Side::Outlive, place, kind.into()), figure(outlive));
                let umockdev = umockdev.map_or(vec![Err("ENOTTY".to_owned())], figure);
                rounds.insert((Side::Umockdev, place, kind.into()), umockdev);
            }
        }
        rounds
    }

    #[test]
    fn shows_ratios_and_goals() {
        let text = render(&rounds(4000, Some(100_000)), &PLACES);
        let row: Vec<_> = text.lines().nth(1).unwrap().split_whitespace().collect();
        assert_eq!(row, ["I2C_FUNCS", "core", "1", "4.00", "8.00", "2.00", "2.0x", "100.00", "25.0x"]);
        assert_eq!(text.lines().filter(|line| line.contains("unpinned")).count(), 3);
        assert_eq!(text.matches(": met").count(), 2, "{text}");
    }

    #[test]
    fn says_when_a_goal_is_missed() {
        let text = render(&rounds(5100, Some(70_000)), &PLACES);
        assert_eq!(text.matches("MISSED").count(), 2, "{text}");
    }

    #[test]
    fn what_a_side_cannot_do_is_not_available() {
        let text = render(&rounds(4000, None), &PLACES);
        assert!(text.contains("n/a ENOTTY"), "{text}");
        assert!(text.contains("as fast as umockdev: not measured"), "{text}");
    }
}
