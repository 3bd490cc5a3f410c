//! The table, as it is printed.

use crate::program::{Nobody, Program, Then, dump};
use outlive_explore::{Failure, Name, Paint, Point, Verdict, table};
use outlive_host::trial::{Checked, Death, End, Stopped, Thread};

fn point(at: u64, what: &str, verdict: Verdict) -> Point {
    let name = Name { device: "i2c-7".into(), call: "ioctl".into(), what: what.into(), occurrence: 1 };
    let (end, stopped) = match verdict {
        Verdict::Hang => (End::Signal(9), Some(Stopped::Time { burning: false })),
        Verdict::Spin => (End::Signal(9), Some(Stopped::Operations)),
        Verdict::Flood => (End::Signal(9), Some(Stopped::Output)),
        Verdict::Crash => (End::Signal(11), None),
        Verdict::Clean => (End::Exit(1), None),
        Verdict::Unaffected | Verdict::Recovered | Verdict::Silent | Verdict::Corrupt => (End::Exit(0), None),
    };
    Point {
        at,
        name,
        verdict,
        pulled: true,
        replugged: false,
        instead_of: None,
        end,
        stopped,
        failed: 1,
        after: 1,
        output_after: 0,
        wall_ms: 5,
        deaths: Vec::new(),
        threads: Vec::new(),
        check: None,
    }
}

#[track_caller]
fn check(points: &[Point], expected: &str) {
    let text = table::table(points, Paint::default());
    assert_eq!(text.trim_end(), expected.trim_matches('\n'), "\n{text}");
}

#[test]
fn equal_neighbours_share_a_row() {
    let report = Program::new(dump, Then::GoOn(0)).explore();
    let mut points = report.points;
    for early in &mut points[..2] {
        (early.verdict, early.end) = (Verdict::Clean, End::Exit(1));
    }
    check(
        &points,
        "
point  operation                                          verdict  what the program did
  1-2  open                                               clean    exit 1, 17 to 18 of its operations failed
       I2C_SLAVE 0x50
 3-18  I2C_SMBUS read_byte_data 0x50 reg 0x00 … reg 0x0f  silent   exit 0, 1 to 16 of its operations failed
",
    );
}

#[test]
fn a_different_ending_is_a_different_row() {
    let mut points: Vec<Point> = (1..=4).map(|at| point(at, "I2C_FUNCS", Verdict::Clean)).collect();
    points[2].end = End::Exit(101);
    points[3].end = End::Exit(101);
    (points[3].pulled, points[3].failed) = (false, 0);
    check(
        &points,
        "
point  operation       verdict  what the program did
  1-2  I2C_FUNCS (×2)  clean    exit 1, 1 of its operations failed
    3  I2C_FUNCS       clean    exit 101, 1 of its operations failed
    4  I2C_FUNCS       clean    exit 101; never came to the operation this time
",
    );
}

#[test]
fn every_verdict_says_what_was_seen() {
    let death = |comm: &str, signal, command| Death { pid: 7, comm: comm.into(), signal, command };
    let mut points: Vec<Point> = (1..).zip(Verdict::ALL).map(|(at, verdict)| point(at, "I2C_FUNCS", verdict)).collect();
    points[0].failed = 0;
    points[7].deaths = vec![death("helper", 6, false), death("program", 11, true)];
    points[8].check = Some(Checked { end: End::Exit(3), ..Checked::default() });
    points.push(Point { stopped: Some(Stopped::Time { burning: true }), ..point(10, "I2C_FUNCS", Verdict::Spin) });
    points.push(Point { deaths: vec![death("helper", 6, false)], ..point(11, "I2C_FUNCS", Verdict::Crash) });
    points.push(Point { end: End::Signal(15), ..point(12, "I2C_FUNCS", Verdict::Crash) });
    check(
        &points,
        "
point  operation  verdict     what the program did
    1  I2C_FUNCS  unaffected  exit 0
    2  I2C_FUNCS  clean       exit 1, 1 of its operations failed
    3  I2C_FUNCS  recovered   exit 0, 1 of its operations failed
    4  I2C_FUNCS  silent      exit 0, 1 of its operations failed
    5  I2C_FUNCS  flood       kept writing past the limit, 1 of its operations failed
    6  I2C_FUNCS  spin        kept calling past the limit, 1 of its operations failed
    7  I2C_FUNCS  hang        asleep at the time limit, 1 of its operations failed
    8  I2C_FUNCS  crash       SIGSEGV in program, 1 of its operations failed
    9  I2C_FUNCS  corrupt     exit 0, 1 of its operations failed; then the check exited with 3
   10  I2C_FUNCS  spin        burning CPU at the time limit, 1 of its operations failed
   11  I2C_FUNCS  crash       SIGABRT in helper, 1 of its operations failed
   12  I2C_FUNCS  crash       died of SIGTERM, 1 of its operations failed
",
    );
}

#[test]
fn a_hang_says_where_each_thread_sleeps() {
    let thread = |comm: &str, call: Option<&str>, wchan: Option<&str>, state| Thread {
        tid: 1,
        comm: comm.into(),
        state,
        call: call.map(str::to_owned),
        wchan: wchan.map(str::to_owned),
    };
    let asleep = thread("logger", Some("clock_nanosleep"), Some("hrtimer_nanosleep"), 'S');
    let mut points = [point(4, "write_byte_data", Verdict::Hang), point(5, "read_byte", Verdict::Hang)];
    points[0].threads = vec![asleep.clone(), thread("busy", None, None, 'R')];
    points[1].threads = vec![asleep, thread("worker", Some("futex"), None, 'S'), thread("odd", None, None, 'D')];
    check(
        &points,
        "
point  operation        verdict  what the program did
  4-5  write_byte_data  hang     asleep at the time limit, 1 of its operations failed
       read_byte                 logger sleeps in clock_nanosleep (hrtimer_nanosleep)
                                 worker sleeps in futex
                                 odd sleeps in an unknown call
",
    );
}

#[test]
fn gaps_and_many_kinds_are_counted() {
    let names = ["a 1", "b 1", "c 1", "d 1", "e 1"];
    let points: Vec<Point> = (1..).zip(names).map(|(i, name)| point(2 * i, name, Verdict::Clean)).collect();
    check(
        &points,
        "
point  operation                     verdict  what the program did
 2-10  a 1                           clean    exit 1, 1 of its operations failed
       b 1
       c 1
       … and 2 other kinds
       (5 of these 9 were explored)
",
    );
}

#[test]
fn the_report_ends_with_totals_and_what_else_is_to_be_known() {
    let program = Program::new(|run| dump(run).split_off(run), Then::GoOn(0));
    let explorer = program.prepare();
    let mut report = explorer.explore(&[1, 2, 3], 1, None, &Nobody);
    report.wall_ms = 1234;
    (report.left, report.budget_ms) = (4, Some(1500));
    let text = table::report(&report, Paint::default());
    let after_table = text.split_once("\n\n").unwrap().1;
    assert_eq!(
        after_table,
        "18 operations without a pull, 3 points explored in 1.2 s under the contract strict
       3  silent      exit code of success although operations failed
not deterministic here: two runs without a pull differed, so points are matched by the operation's name
3 points pulled at another operation than asked for, and shown as what was pulled
4 points not explored within 1.5 s: see --budget and --all
"
    );
    (report.contract, report.concealed) = ("linux".into(), true);
    let text = table::report(&report, Paint::default());
    assert!(text.contains("under the contract linux who has these devices open cannot notice"), "{text}");
    report.failure = Some(Failure { at: 9, message: "no more processes".into() });
    let text = table::report(&report, Paint::default());
    assert_eq!(text.lines().last(), Some("given up at point 9, 4 points left: no more processes"));
}

#[test]
fn colour_is_for_terminals_and_changes_no_column() {
    let points: Vec<Point> = (1..).zip(Verdict::ALL).map(|(at, verdict)| point(at, "I2C_FUNCS", verdict)).collect();
    let plain = table::table(&points, Paint { on: false });
    let colour = table::table(&points, Paint { on: true });
    assert!(!plain.contains('\x1b'));
    assert!(colour.contains("\x1b[33msilent"));
    let mut bare = String::new();
    let mut rest = colour.as_str();
    while let Some((before, after)) = rest.split_once('\x1b') {
        bare.push_str(before);
        rest = after.split_once('m').unwrap().1;
    }
    bare.push_str(rest);
    assert_eq!(bare, plain);
}
