//! The tables of the bench.

use crate::bench::{
    cell::{Cell, measured, middle},
    serve::said::Rounds,
};
use std::fmt::Write;

/// The kinds of calls that the client measures, and what the table calls them.
const KINDS: [(&str, &str); 4] = [
    ("read-64K", "read of 64 KiB"),
    ("write-64K", "write of 64 KiB"),
    ("read-1M", "read of 1 MiB"),
    ("write-1M", "write of 1 MiB"),
];
/// What the ratios are to.
const BASIS: &str = "file";

/// How often the bytes of a call are moved on their way, as the code has it.
pub(super) const COPIES: &str = "
copies of a call's bytes       read  write
a plain file                      1      1   between the page cache and the client
mtdram                            2      2   by a buffer of mtdchar's (drivers/mtd/mtdchar.c)
trap and fuse                     2      4   flash to buffer, to the client; /dev/fuse to buffer, to the call, to new cells, to the flash
plain                             2      3   flash to buffer, to the client; the client to the call, to new cells, to the flash
On trap, too, what moves a position goes by FUSE: a read in pieces of up to 1 MiB, a write in pieces of up to 512 KiB.
A flash also reads what it programs over: cells are only cleared, and a unit that cannot be kept in its file stays as it was.
";

/// The table of these sides as text, then why what is missing is.
pub(super) fn render(rounds: &Rounds, sides: &[&str]) -> String {
    let mut text = format!("{:16}", "call");
    sides.iter().for_each(|side| write!(text, " {side:>16}").expect("a String takes all"));
    text.push('\n');
    for (kind, call) in KINDS {
        let basis = measured(rounds, BASIS, kind);
        write!(text, "{call:16}").expect("a String takes all");
        for side in sides {
            write!(text, " {:>16}", cell(&measured(rounds, side, kind), &basis)).expect("a String takes all");
        }
        text.push('\n');
    }
    for side in sides {
        if let Err(why) = measured(rounds, side, KINDS[0].0) {
            writeln!(text, "{side}: {why}").expect("a String takes all");
        }
    }
    text
}

/// Microseconds, and the ratio.
fn cell(of: &Cell, basis: &Cell) -> String {
    let Ok(figures) = of else { return "-".to_owned() };
    let Some(median) = middle(figures.iter().map(|figure| figure.median as f64 / 1e3)) else { return "-".to_owned() };
    let pairs = basis.iter().flatten().zip(figures);
    let ratios = pairs.map(|(basis, figure)| figure.median as f64 / basis.median.max(1) as f64);
    middle(ratios).map_or_else(|| format!("{median:.1}"), |ratio| format!("{median:.1} {ratio:>6.2}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::{cell::planted::rounds, serve::said::FAILED};

    #[test]
    fn the_ratio_is_that_of_the_middle_round() {
        let file = rounds("file", "read-1M", &[1000, 2000, 4000]);
        let trap = rounds("trap", "read-1M", &[3000, 4000, 4000]);
        let text = render(&Rounds::from([file, trap]), &["file", "trap"]);
        let row: Vec<_> = text.lines().nth(3).unwrap().split_whitespace().collect();
        // 3, 2, 1.
        assert_eq!(row, ["read", "of", "1", "MiB", "2.0", "1.00", "4.0", "2.00"]);
    }

    #[test]
    fn a_side_that_failed_says_why() {
        let failed = (("mtdram".to_owned(), FAILED.to_owned()), vec![Err("no such device".to_owned())]);
        let text = render(&Rounds::from([failed, rounds("mtdram", "read-1M", &[5])]), &["mtdram"]);
        assert!(text.ends_with("mtdram: no such device\n") && text.matches(" -\n").count() == 4, "{text}");
    }
}
