//! The tables of the bench.

use crate::bench::{
    cell::{measured, middle, ratio, shown},
    serve::said::Rounds,
};
use std::fmt::Write;

/// The kinds of figures in microseconds, and what the table calls them.
const TIMES: [(&str, &str); 2] =
    [("latency", "write until a read has woken, µs"), ("one", "write and read of a movement, µs")];
/// The kinds of figures that are of so many events, with how many clients get them.
const RATES: [(&str, u64); 3] = [("to-1", 1), ("to-10", 10), ("to-100", 100)];
/// How many events each client gets in one of those (`benches/input/events.c`).
const EVENTS: u64 = 32;
/// What a client beside others takes, to what it takes alone.
const BESIDE: [(&str, &str); 2] =
    [("one-beside-10", "beside 10 that never read"), ("one-beside-stopped", "beside one that is stopped")];
const ALONE: &str = "one";

/// The table of these sides as text, with their ratios to `basis`, then why what is missing is.
pub(super) fn render(rounds: &Rounds, sides: &[&str], basis: Option<&str>) -> String {
    let mut text = format!("{:40}", "");
    sides.iter().for_each(|side| write!(text, " {side:>16}").expect("a String takes all"));
    let mut row = |name: &str, cell: &dyn Fn(&str) -> String| {
        write!(text, "\n{name:40}").expect("a String takes all");
        sides.iter().for_each(|side| write!(text, " {:>16}", cell(side)).expect("a String takes all"));
    };
    let median =
        |side: &str, kind: &str| middle(measured(rounds, side, kind).ok()?.iter().map(|figure| figure.median as f64));
    let beside_basis = |side: &str, kind: &str, inverse: bool| {
        let basis = basis.filter(|basis| *basis != side)?;
        let ratio = ratio(&measured(rounds, side, kind), &measured(rounds, basis, kind))?;
        Some(if inverse { ratio.recip() } else { ratio })
    };
    let cell = |value: Option<f64>, times: Option<f64>| match times {
        Some(times) => format!("{} {times:>6.2}", shown(value, 1)),
        None => shown(value, 1),
    };
    for (kind, name) in TIMES {
        row(name, &|side| cell(median(side, kind).map(|ns| ns / 1e3), beside_basis(side, kind, false)));
    }
    for (kind, clients) in RATES {
        let thousands = |side: &str| Some((EVENTS * clients) as f64 * 1e6 / median(side, kind)?);
        let name = format!("thousand events a second, clients: {clients}");
        row(&name, &|side| cell(thousands(side), beside_basis(side, kind, true)));
    }
    for (kind, name) in BESIDE {
        let alone = |side: &str| ratio(&measured(rounds, side, kind), &measured(rounds, side, ALONE));
        row(&format!("times alone, {name}"), &|side| shown(alone(side), 2));
    }
    text.push('\n');
    for side in sides {
        if let Err(why) = measured(rounds, side, ALONE) {
            writeln!(text, "{side}: {why}").expect("a String takes all");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::{
        cell::planted::{line, rounds},
        serve::said::FAILED,
    };

    #[test]
    fn rates_are_of_all_clients_and_more_is_more() {
        // 320 events in 1 ms, and in half of it.
        let all = [rounds("evdev", "to-10", &[1_000_000]), rounds("trap", "to-10", &[500_000])];
        let text = render(&Rounds::from(all), &["evdev", "trap"], Some("evdev"));
        assert_eq!(line(&text, "thousand events a second, clients: 10 "), ["320.0", "640.0", "2.00"]);
    }

    #[test]
    fn beside_others_is_beside_the_same_round_alone() {
        let all = [rounds("trap", "one", &[1000, 2000, 9000]), rounds("trap", "one-beside-10", &[1100, 2400, 9000])];
        let text = render(&Rounds::from(all), &["trap"], None);
        assert_eq!(line(&text, "times alone, beside 10 that never read"), ["1.10"]);
        assert_eq!(line(&text, "write and read of a movement, µs"), ["2.0"]);
    }

    #[test]
    fn a_side_that_failed_says_why() {
        let failed = (("evdev".to_owned(), FAILED.to_owned()), vec![Err("no uinput".to_owned())]);
        let text = render(&Rounds::from([failed, rounds("evdev", "one", &[5])]), &["evdev"], Some("evdev"));
        assert!(text.ends_with("\nevdev: no uinput\n") && text.matches(" -\n").count() == 7, "{text}");
    }
}
